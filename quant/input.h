#ifndef QUANT_INPUT_H
#define QUANT_INPUT_H

#include <stddef.h>
#include <stdint.h>

#include "config.h"
#include "quant/version.h"

/*
 * One file that decides bytes of a view, held open in the version in which it was found (design.md,
 * "inputs", "version"). Any thread may read it and ask about it.
 */
struct input;

/* Takes `fd` over, also after an error. -EISDIR: no regular file; -ENOMEM, -errno of fstat(). */
MUST_USE int input_new(int fd, struct input **input);
void input_free(struct input *input); /* NULL is fine */

const struct version *input_version(const struct input *input);
/* The input's own: to ask about its filesystem, or to advise about its pages. */
int input_descriptor(const struct input *input);

/* Reads exactly `size` bytes at `offset`. -EIO: also when the file has become shorter; never a
 * partial read. */
MUST_USE int input_read(const struct input *input, uint64_t offset, void *data, size_t size);

/* Is the version still exactly that of input_new()? For what was parsed meanwhile. -EAGAIN: no, it
 * is being written. */
MUST_USE int input_settled(const struct input *input);

/*
 * Is the file still in the state in which it was opened? Asked after bytes have been read and
 * before they are used. 0 yes, or only its ctime differs and mode, owner, link count or name
 * explain that (then remembered); -ESTALE no, and never again. (design.md, "An open view")
 */
MUST_USE int input_unchanged(struct input *input);

#endif
