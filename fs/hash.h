#ifndef FS_HASH_H
#define FS_HASH_H

#include <stdint.h>

/* FNV-1a, 64 bits: to spread names over buckets, not against those who choose them. */
#define HASH_START ((uint64_t)0xcbf29ce484222325u)

/* The same for ever and everywhere. `hash`: HASH_START, or what came before. */
static inline uint64_t hash_text(uint64_t hash, const char *text)
{
    for (; *text; text++)
        hash = (hash ^ (unsigned char)*text) * 0x100000001b3u;
    return hash;
}

#endif
