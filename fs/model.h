#ifndef FS_MODEL_H
#define FS_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fs/facet.h"
#include "fs/probe.h"
#include "quant/view.h"

/*
 * What is known and kept of models, with its reference counts. Each kind owns the next:
 *
 *   record  a place in one version of its files: verdict, sizes of variants. Small; thousands are
 *           kept, the last used longest.
 *   model   a parsed source with its descriptors; at most one for a record. When the files change
 *           the record goes, and its model lives as long as its views.
 *   view    one variant of a model, or a facet of one.
 *
 * A model is used by its views and by whoever was handed it, a view by its references. What has no
 * user is idle: it is kept for some seconds while there is room for it, and can be found again.
 * (Not for longer: a file that has been removed keeps its room on the disk as long as it is open.)
 * Safe from any thread; no system call on the tree is made under the shelf's lock.
 */
struct model_shelf;
struct model;
struct model_view;

/* Variants of one model that are kept. */
#define MODEL_RESULTS_MAX 32

/* What was found out about one variant. Canonical texts tell variants apart here: most are short,
 * and thousands of records are kept. */
struct model_result {
    char *variant; /* malloc'ed, the record's */
    int r;
    uint64_t size; /* of the view, bytes */
    uint64_t data; /* of its tensors, bytes */
};

/* Why a model, or one variant of it, is refused. */
struct model_reason {
    const char *variant; /* canonical text of that one, behind the text; NULL: the model */
    uint64_t offset;     /* as in struct defect */
    unsigned shard;
    char text[];
};

struct model_record {
    /* constant */
    const char *path; /* of the first file, from the root */
    const char *form; /* of model_form(): each is a record and model of its own */
    /* but the mode: a directory on the way is opened or closed with no other version of the files
     */
    struct probe_files files;
    /* of whoever works on the place: one at a time */
    bool judged;
    bool young;              /* when it was judged: to be judged again when it is not any more */
    bool recalled;           /* it was looked for on disk */
    bool peeked;             /* a directory: nothing was found against it at first sight */
    bool requantize;         /* by who lets quantized sources be converted */
    bool changed;            /* there is more to know than on disk */
    bool told, told_variant; /* the log has it */
    int verdict;
    uint64_t weights; /* of the source, if the verdict is 0 */
    uint64_t data;    /* of its tensors, bytes */
    uint32_t ftype;   /* its general.file_type, or UINT32_MAX; also if it was peeked at */
    size_t result_count;
    struct model_result *results;
    struct model_reason *reason; /* of the verdict, else of the first variant refused; or NULL */
};

/* What a variant of the model at `path` (or of that name) is made of: "" the model's own files,
 * "+imatrix" those with its importance matrix; behind it "+from=f16" of a directory that becomes
 * that; "+mmproj=f16" (or bf16, f32, q8_0) the projector of one; else the name of the mix, with
 * what that asks for. */
const char *model_form(const char *path, const struct variant *variant);
/* The same of a projector in the type that loses nothing, whichever that is. */
#define MODEL_FORM_PROJECTOR "+mmproj"
/* What model_form() says of the model's own files: F16, BF16, F32 or Q8_0, which a directory
 * becomes, or NULL. */
const struct ftype *model_form_from(const char *form);
bool model_form_is_projector(const char *form);

MUST_USE int model_shelf_new(struct model_shelf **shelf);
/* Nothing may be in use any more. */
void model_shelf_free(struct model_shelf *shelf);
/* Frees all that is idle, and its descriptors. */
void model_shelf_clear(struct model_shelf *shelf);

/* The record of `path` with those files, made if need be, instead of one with others. Takes *files
 * over, also on -ENOMEM. To be put back. */
MUST_USE int model_record_get(struct model_shelf *shelf, const char *path, const char *form,
                              struct probe_files *files, struct model_record **record);
void model_record_put(struct model_shelf *shelf, struct model_record *record);
/* Nothing stands at `path` any more. */
void model_record_drop(struct model_shelf *shelf, const char *path, const char *form);

/* The record's model, or NULL. To be put back. */
struct model *model_get(struct model_shelf *shelf, struct model_record *record);
void model_put(struct model_shelf *shelf, struct model *model);
/* Gives the record its model: takes `source` and `mix` (or NULL) over, also on -ENOMEM. As of
 * model_get(). */
MUST_USE int model_set(struct model_shelf *shelf, struct model_record *record,
                       struct source *source, struct mix *mix, const struct arch_facts *facts,
                       struct model **model);
/* The record lets go of its model. */
void model_unset(struct model_shelf *shelf, struct model_record *record);

const struct source *model_source(const struct model *model);
const struct arch_facts *model_facts(const struct model *model);
/* NULL: it is made as names say. */
const struct mix *model_mix(const struct model *model);

/* The model's view of a variant's facet, or NULL: a reference. */
struct model_view *model_view_find(struct model_shelf *shelf, struct model *model,
                                   const struct variant *variant, struct facet facet);
/* The same by place and version. NULL also if that model was judged while it was young, and is not
 * any more. */
struct model_view *model_view_find_at(struct model_shelf *shelf, const char *path,
                                      unsigned version_count, const struct version *versions,
                                      const struct variant *variant, struct facet facet);
/* Takes `view` over, also on -ENOMEM. A reference. */
MUST_USE int model_view_new(struct model_shelf *shelf, struct model *model,
                            const struct variant *variant, struct facet facet, struct view *view,
                            struct model_view **model_view);

struct model_view *model_view_ref(struct model_view *view);
void model_view_unref(struct model_view *view);
const struct view *model_view_get(const struct model_view *view);
/* True the first time: the log is told once that a view's source has changed. */
bool model_view_tell(struct model_view *view);
/* Path of a shard from the root. */
void model_view_path(const struct model_view *view, unsigned shard, char *path, size_t size);

/* `variant`: canonical text, or NULL. NULL: no memory. For free(). */
struct model_reason *model_reason_new(const char *variant, const struct defect *defect);

/* What is known of a variant, or NULL. */
const struct model_result *model_record_find(const struct model_record *record,
                                             const struct variant *variant);
/* Keeps what was found out about a variant, instead of what was known of it; *record says whether
 * that is news. Without memory it is found out again the next time. */
void model_record_keep(struct model_record *record, const struct variant *variant, int r,
                       uint64_t size, uint64_t data);
void model_results_free(struct model_result *results, size_t count);

#endif
