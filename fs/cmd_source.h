#ifndef FS_CMD_SOURCE_H
#define FS_CMD_SOURCE_H

#include <limits.h>

#include "quant/arch.h"
#include "quant/source.h"
#include "quant/variant.h"

/* A source by its path, for the verbs; the mount opens its own from the tree. */
struct cmd_source {
    const char *path; /* the caller's */
    int directory;    /* of its files */
    int beside; /* the directory that it stands in, where other files of its are; -1: the same */
    char name[NAME_MAX + 1];     /* there */
    struct source_become become; /* as asked for */
    struct source *source;
    struct arch_facts facts;
};

/* The path of the model that a user calls `path`: where nothing is at DIR/ORG/NAME but the
 * directory of that repository, as a cache of huggingface_hub has it, is in DIR, that one; else the
 * same. For free(); NULL: no memory. */
char *cmd_source_find(const char *path);

/*
 * Opens the model at `path` (a GGUF file, the first shard of a set, or a Hugging Face directory)
 * and checks that the reference tool would load it. -errno with *defect, whose text is never empty;
 * model->source is set then if the files could be read but the architecture was refused. To be
 * closed in any case.
 */
MUST_USE int cmd_source_open(const char *path, struct cmd_source *model, struct defect *defect);
/* The same with overrides of its keys (arch_judge()), which may be NULL. `become`: what a
 * directory becomes. */
MUST_USE int cmd_source_open_as(const char *path, struct source_become become,
                                const struct rules *rules, struct cmd_source *model,
                                struct defect *defect);
/* What a directory becomes for a variant. */
struct source_become cmd_source_become(const struct variant *variant);
void cmd_source_close(struct cmd_source *model);

/* "PATH: byte OFFSET: TEXT" of a defect, PATH being that of its shard; escaped for a terminal. */
void cmd_source_describe(const char *path, const struct cmd_source *model,
                         const struct defect *defect, char *text, size_t size);

#endif
