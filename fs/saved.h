#ifndef FS_SAVED_H
#define FS_SAVED_H

#include "cache/cache.h"
#include "fs/probe.h"
#include "quant/source.h"

/*
 * What a Hugging Face directory becomes (header and plan), kept in the cache under the versions of
 * its files, its own name and the type: a vocabulary is not read twice. Only for versions that
 * last.
 */

/* [disk] What is kept, or nothing: *saved is for source_open_directory(). `native`: the type that
 * loses nothing, if it is known, else NULL. */
void saved_recall(struct cache *cache, const struct probe *probe, const struct probe_files *files,
                  const struct ftype *native, struct source_saved *saved);
/* [disk] Keeps it, for the type that was asked for and for the one that it became. */
void saved_keep(struct cache *cache, const struct probe *probe, const struct probe_files *files,
                const struct source *source);

#endif
