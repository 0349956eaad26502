#ifndef FS_RECORD_H
#define FS_RECORD_H

#include "cache/cache.h"
#include "fs/model.h"

/*
 * What was found out about a model, kept in a cache: verdict, sizes of variants, and why it was
 * refused. Its name is made of the versions of all its files, without the device, of the name of
 * the first (messages quote it, and hard links give one version several), and of what the mount
 * permits, so that it is found again after a remount, and by whoever copies cache and models
 * together.
 *
 * The caller sees to it that the versions can be believed: not young, on filesystems with a true
 * ctime. Both functions read or write files: for workers.
 */

/* To be raised when quant/ says anything else about a source than before: verdicts, recipes,
 * layouts, messages. (The version of the program is part of the name as well.) */
#define RECORD_VERSION 3

/* Fills verdict, results, reason and facts of *record, which has none. `name` is that of the first
 * file. -ENOENT: nothing usable is there. -ENOMEM. After an error *record is as it was. */
MUST_USE int record_load(struct cache *cache, const char *name, struct model_record *record);

/* Writes it, if it is of a kind that lasts. What cannot be written is found out again. */
void record_save(struct cache *cache, const char *name, const struct model_record *record);

#endif
