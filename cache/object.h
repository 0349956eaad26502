#ifndef CACHE_OBJECT_H
#define CACHE_OBJECT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cache/key.h"

/*
 * One file of the cache: its format (a table in object.c), writing it, and opening it verified.
 * Paths are relative to a directory that has `tmp/`, on the same filesystem.
 */
enum object_kind {
    OBJECT_CHUNK = 1,    /* "object": a converted chunk */
    OBJECT_MANIFEST = 2, /* "manifest" */
    OBJECT_SOURCE = 3,   /* "source": a small record about a source */
    OBJECT_COUNTERS = 4, /* "counters": what a process has counted */
};

#define OBJECT_SIZE_MAX ((size_t)256 << 20) /* bytes of payload */

/* What is to be written. */
struct object_payload {
    const void *data;
    size_t size;
    uint64_t position; /* of the first byte in the file that it is part of, whose pages it shall
                          have */
    uint8_t *room;     /* as of struct cache_bytes: then it is written past the page cache, where
                          the filesystem can */
    bool writeback;    /* else: begin to write it to the disk now, without waiting for it */
};

/*
 * Writes an object under a temporary name and renames it over whatever `path` is. *on_disk: the
 * size of the file. -EFBIG: more than OBJECT_SIZE_MAX. After an error nothing is left.
 */
MUST_USE int object_write(struct key *key, int directory, const char *path, enum object_kind kind,
                          const struct name *name, const struct object_payload *payload,
                          uint64_t *on_disk);

/*
 * An object whose seal held when it was opened; for many threads at once. A raw one is a
 * descriptor, a compressed one is memory: exactly one of both. The file may be replaced or unlinked
 * meanwhile, which changes nothing here; whether somebody wrote to it, object_whole() says.
 */
struct object {
    struct name name;
    enum object_kind kind;
    uint64_t size;            /* bytes of payload, decompressed */
    uint64_t stored;          /* bytes of it in fd, with the zeros behind it */
    int fd;                   /* -1: in memory */
    uint64_t offset;          /* where the payload begins in fd */
    void *data;               /* NULL: in fd */
    _Atomic int64_t modified; /* mtime, in ns, for which the seal held */
};

/*
 * Opens an object and verifies all of it before anything is handed out; its age starts again
 * (mtime). `kind` 0: any. -ENOENT: no such file. -EBADMSG: damaged, short, of another version,
 * kind, name or secret, or no regular file. Others: it could not be read.
 */
MUST_USE int object_open(struct key *key, int directory, const char *path, enum object_kind kind,
                         const struct name *name, struct object **object);
/* The same check without opening and without touching the age. */
MUST_USE int object_verify(struct key *key, int directory, const char *path,
                           const struct name *name);
void object_close(struct object *object);

/* `size` bytes of the payload from `offset` on, within it. -EBADMSG: the file was cut since. */
MUST_USE int object_read(const struct object *object, uint64_t offset, void *data, size_t size);
/* The same of bytes that are in memory and known to be as they were verified: never waits. -EAGAIN:
 * they are not, or that cannot be told at once. */
MUST_USE int object_read_now(const struct object *object, uint64_t offset, void *data, size_t size);
/* Begins to read it into the page cache, for who will ask soon. */
void object_will_need(const struct object *object);
/*
 * Whether the file still has all its bytes, as they were verified: asked after object_read(). Costs
 * a look at size and mtime; where that is another, by a write or a touch, the seal is checked
 * again.
 */
bool object_whole(struct key *key, struct object *object);

#endif
