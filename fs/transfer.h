#ifndef FS_TRANSFER_H
#define FS_TRANSFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cache/cache.h"
#include "fs/output.h"
#include "quant/kernel/kernel.h"
#include "quant/view.h"

/* What the caller is told while a view is written; all may do nothing, none may be NULL. Called
 * from the thread that called transfer_run(). `tensor` is an index into view->extents. */
struct transfer_progress {
    void *context;
    void (*begin)(void *context, size_t tensor);
    void (*end)(void *context, size_t tensor);
    void (*written)(void *context, uint64_t offset); /* all before it is in the file */
};

struct transfer_failure {
    bool writing;         /* the output failed, else the source */
    bool in_tensor;       /* `tensor` was being worked on: begin() was called, end() was not */
    size_t tensor;        /* index into view->extents */
    struct defect defect; /* of the source; the text may be empty */
};

/*
 * Writes a whole view into a file of the output: through an engine of its own, so that reading,
 * converting on `cores` cores and writing overlap. Where the file takes bytes in any order, each
 * worker writes what it has made; else the caller's thread writes one answer after the other.
 * Memory: the engine's; where the order matters 16 MiB and 4 MiB for each core more. Copied tensors
 * are checked as the reference tool checks them (convert_check()), in file order with the others,
 * unless the view is its source itself. `cache`: NULL or where converted chunks are looked for and
 * kept; not owned. -errno with *failure.
 */
MUST_USE int transfer_run(const struct view *view, const struct kernel_set *kernels, unsigned cores,
                          struct cache *cache, struct output *output, size_t file,
                          const struct transfer_progress *progress,
                          struct transfer_failure *failure);

#endif
