#ifndef FS_REPLY_H
#define FS_REPLY_H

#define FUSE_USE_VERSION 314
#include <fuse_lowlevel.h>

#include "fs/engine.h"

/*
 * Answers a read, once: with exactly the bytes of the parts, all of them, or with the error r. A
 * reply that is short before the end of the file would be taken for its end, so there is none.
 */
void reply_read(fuse_req_t req, int r, const struct part *parts, int count);

#endif
