#ifndef CACHE_KEY_H
#define CACHE_KEY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config.h"

/*
 * What the cache's secret makes: fingerprints of bytes, names of files, seals on files.
 *
 * The secret is 32 random bytes in the file `secret` of a cache directory. HKDF-SHA-256 (no salt;
 * info: "quantfs cache 1 " and the subkey's word) gives three subkeys:
 *   fingerprint  16 bytes  GMAC (AES-128-GCM, a fixed IV of twelve zero bytes), a universal hash:
 *                          16 bytes that are never stored nor shown
 *   name         32 bytes  HMAC-SHA-256 over a kind and fields
 *   seal         32 bytes  HMAC-SHA-256 over what a file of the cache is
 * For one secret all of it is the same on every machine.
 *
 * A key may be used by many threads at once.
 */
#define CACHE_FORMAT 3  /* the version of everything on disk; part of every name */
#define CACHE_PAGE 4096 /* bytes; files of chunks are laid out by it */
#define SECRET_SIZE 32

struct key;

struct name {
    uint8_t bytes[32];
};

struct fingerprint {
    uint8_t bytes[16];
};

struct seal {
    uint8_t bytes[32];
};

MUST_USE int key_new(const uint8_t secret[SECRET_SIZE], struct key **key);
void key_free(struct key *key);

/*
 * The key of the directory open as `directory`, whose secret is made if it has none: in `tmp/`,
 * synced, then linked; who comes second reads the winner's. -EBADMSG: it is no regular file of
 * exactly 32 bytes. -EPERM: others own it or may read or write it. Both mean: run without a cache,
 * and say so.
 */
MUST_USE int key_open(int directory, struct key **key);
/* Without making it: -ENOENT where there is none. */
MUST_USE int key_open_existing(int directory, struct key **key);
/* Gives a directory that was made anew the secret of this key. -EEXIST: it has one of its own. */
MUST_USE int key_adopt(int directory, const struct key *key);

/*
 * A fingerprint or a name being made. begin, any number of adds, end; end must be called, and tells
 * of an error on the way. One thread at a time each.
 */
struct digest {
    struct key *key;
    struct mac *mac;
    int r;
};

void fingerprint_begin(struct digest *digest, struct key *key);
void fingerprint_add(struct digest *digest, const void *data, size_t size);
MUST_USE int fingerprint_end(struct digest *digest, struct fingerprint *fingerprint);
/* All at once. */
MUST_USE int fingerprint_make(struct key *key, const void *data, size_t size,
                              struct fingerprint *fingerprint);

/*
 * A name: HMAC over CACHE_FORMAT, the kind ("object", "manifest", "source", ...) and the fields in
 * the order added, each with its length before it (8 bytes, little-endian).
 */
void name_begin(struct digest *digest, struct key *key, const char *kind);
void name_add(struct digest *digest, const void *data, size_t size);
void name_add_number(struct digest *digest, uint64_t number); /* eight bytes, little-endian */
MUST_USE int name_end(struct digest *digest, struct name *name);

/* 64 lower-case hexadecimal digits. */
#define NAME_TEXT_SIZE 65
void name_format(const struct name *name, char text[NAME_TEXT_SIZE]);
MUST_USE int name_parse(const char *text, struct name *name); /* -EINVAL: anything else */
bool name_equal(const struct name *a, const struct name *b);
bool name_is_zero(const struct name *name); /* no name is */

/* The seal of a file: HMAC over its name, its header (without the seal) and the fingerprint of its
 * payload as stored, as fields. The header says the kind. */
MUST_USE int seal_make(struct key *key, const struct name *name, const void *header,
                       size_t header_size, const struct fingerprint *stored, struct seal *seal);
/* In constant time. */
bool seal_equal(const struct seal *a, const struct seal *b);

#endif
