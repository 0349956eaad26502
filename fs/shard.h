#ifndef FS_SHARD_H
#define FS_SHARD_H

#include <stdbool.h>
#include <stddef.h>

/* Names of the files of a split set: STEM-00001-of-0000N.gguf and so on. Names alone, no files. */

/* The longest name of a file, with its end. */
#define SHARD_NAME_MAX 256

/* Has a file's name that form? Then the length of STEM, the number from 1, and N; else nothing is
 * changed. */
bool shard_parse(const char *name, size_t *stem_length, unsigned *number, unsigned *count);

/* The file `index` (from 0) of the model whose first file is `name`. */
void shard_name(const char *name, unsigned index, char out[SHARD_NAME_MAX]);

/* How many files the name of the first one announces; 1 if it is no shard. */
unsigned shard_count(const char *name);

#endif
