#ifndef FS_CMD_LINE_H
#define FS_CMD_LINE_H

#include <stdbool.h>
#include <stddef.h>

#include "quant/format/imatrix.h"
#include "quant/rules.h"
#include "quant/variant.h"
#include "quant/version.h"

/* What the command line of `quantfs quantize`, which is llama-quantize's, asks for. */
struct cmd_line {
    char *input;             /* owned */
    char *output;            /* owned; with keep_split what the files' names begin with */
    const char *ftype_shown; /* as the reference tool calls it in its messages */
    struct variant variant;
    struct rules rules; /* the variant's */
    bool dry_run;
    bool sync;
    bool cached;
    const char *cache_path; /* NULL: the default place */
    const char *imatrix_path;
    const char **include, **exclude; /* parts of names of its entries; the lists are owned */
    size_t include_count, exclude_count;
    struct imatrix *imatrix; /* owned, as is the file it was read from, until the source has it */
    struct version imatrix_version;
    int imatrix_file;
    int threads; /* 0 or less: as many as there are cores */
};

enum cmd_line_parsed {
    CMD_LINE_GOOD,
    CMD_LINE_USAGE, /* the usage is to be shown */
    CMD_LINE_ERROR, /* the user has been told */
};

/* The line refers to argv. In every case cmd_line_free() is due. */
MUST_USE enum cmd_line_parsed cmd_line_parse(struct cmd_line *line, const char *program, int argc,
                                             char **argv);
void cmd_line_free(struct cmd_line *line);
/* Prints it; returns the exit status, 1. */
int cmd_line_usage(const char *program);

#endif
