#ifndef FS_OUTPUT_H
#define FS_OUTPUT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include "quant/source.h"

/*
 * The file that `quantize` writes (design.md, "Without a mount"), or the files of a set, which come
 * and go together. One that exists keeps its inode and is cut to nothing first; what is no regular
 * file is written straight through; a new one has no name until all are whole. From output_open()
 * to output_free() SIGINT, SIGTERM, SIGHUP and SIGQUIT undo what was written and then end the
 * process, as if they had not been caught.
 */
struct output;

/*
 * Opens all paths for views of `source`. Call it before the first thread of the process starts,
 * since it blocks these signals for all that come. -ETXTBSY: a path is a file of the source itself,
 * nothing was touched. Other errors as of open(2). *failed: the path that the error is about.
 */
MUST_USE int output_open(const char *const *paths, size_t count, const struct source *source,
                         struct output **output, size_t *failed);

/* Appends all of iov, in order, to a file; changes the array. */
MUST_USE int output_write(struct output *output, size_t index, struct iovec *iov, int count);

/* May bytes be written in any order, each at its place? Else they have to come in order. */
bool output_anywhere(const struct output *output, size_t index);

/* Writes all of iov at `offset`; changes the array. From any thread, several at a time: for files
 * of which output_anywhere() is true. */
MUST_USE int output_write_at(struct output *output, size_t index, uint64_t offset,
                             struct iovec *iov, int count);

/* All is written: gives new files their names. `sync`: not before it is on the disk. */
MUST_USE int output_finish(struct output *output, bool sync);

/* Without output_finish() before: nothing is left, a file that existed is empty. */
void output_free(struct output *output);

/* The state of an opened file. */
const struct stat *output_stat(const struct output *output, size_t index);

#endif
