#ifndef FS_PROGRESS_H
#define FS_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

#include "fs/transfer.h"

/* What `quantize` shows while it works, as the reference tool does: a line for each tensor on
 * standard error. */
struct progress {
    const struct view *view;
    uint64_t started; /* ms */
    uint64_t drawn;   /* ms, when the status line was last drawn; 0: it is not there */
    bool bare;        /* "[  42/ 200]" goes to standard output too */
    bool terminal;    /* standard error is one: a last line tells rate and time left */
};

void progress_init(struct progress *progress, const struct view *view, bool bare);
struct transfer_progress progress_hooks(struct progress *progress);
/* Takes the status line away, before anything else is printed. */
void progress_clear(struct progress *progress);

enum progress_state {
    PROGRESS_DONE,
    PROGRESS_STOPPED, /* something went wrong in this tensor */
    PROGRESS_PLANNED, /* a dry run */
};

/* The line of one tensor. */
void progress_print(const struct view *view, size_t tensor, enum progress_state state);
/* The two lines about the sizes before and after. */
void progress_print_sizes(const struct view *view);

#endif
