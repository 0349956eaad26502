#ifndef FS_PLAN_H
#define FS_PLAN_H

#include "quant/arch.h"
#include "quant/view.h"

/* What `quantize` will write: one file, or with keep_split the files of a set. Const once made. */
struct plan {
    size_t count; /* files, at least one */
    struct view **views;
    char **paths;
    size_t tensor_count;   /* of all files */
    uint64_t size;         /* bytes of all files */
    struct recipe *recipe; /* of whose entries the files have one after the other; NULL: none */
};

/*
 * A variant that is the source itself (view_is_verbatim()) is one file of it. `output` is the
 * file's name, or with variant->keep_split what its shards' names begin with. Errors as of
 * recipe_make() and view_make(). In every case plan_free() is due.
 */
MUST_USE int plan_make(const struct source *source, const struct arch_facts *facts,
                       const struct variant *variant, const char *output, struct plan *plan,
                       struct defect *defect);
void plan_free(struct plan *plan);

/* What the tensors of file `file` are counted from. */
size_t plan_first_tensor(const struct plan *plan, size_t file);

/* A tensor that needs importances and has none, in a dry run; or NULL. */
const char *plan_lacking(const struct plan *plan);

#endif
