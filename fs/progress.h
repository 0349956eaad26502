#ifndef FS_PROGRESS_H
#define FS_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

#include "fs/plan.h"
#include "fs/transfer.h"

/* What `quantize` shows while it works, as the reference tool does: a line for each tensor on
 * standard error. */
struct progress {
    const struct plan *plan;
    size_t file;      /* of the plan: the one that is written */
    size_t first;     /* tensor of that file */
    uint64_t before;  /* bytes of the files before it */
    uint64_t started; /* ms */
    uint64_t drawn;   /* ms, when the status line was last drawn; 0: it is not there */
    bool bare;        /* "[  42/ 200]" goes to standard output too */
    bool terminal;    /* standard error is one: a last line tells rate and time left */
};

void progress_init(struct progress *progress, const struct plan *plan, bool bare);
/* The next file is written. */
void progress_next_file(struct progress *progress);
struct transfer_progress progress_hooks(struct progress *progress);
/* Takes the status line away, before anything else is printed. */
void progress_clear(struct progress *progress);

enum progress_state {
    PROGRESS_DONE,
    PROGRESS_STOPPED, /* something went wrong in this tensor */
    PROGRESS_PLANNED, /* a dry run */
};

/* The line of one tensor, an index into the file's extents. */
void progress_print(const struct plan *plan, size_t file, size_t tensor, enum progress_state state);
/* The two lines about the sizes before and after. */
void progress_print_sizes(const struct plan *plan);

#endif
