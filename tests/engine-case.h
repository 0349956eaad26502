#ifndef TESTS_ENGINE_CASE_H
#define TESTS_ENGINE_CASE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fs/engine.h"
#include "tests/check.h"

/*
 * A made-up source and view, so that a test decides when a conversion ends and how: header and
 * padding, a converted tensor, a copied one, a converted one. Byte n of the view is byte_at(n),
 * wherever it comes from.
 */
#define CORES 2
#define CHUNK 65536u
#define CHUNKS 70u
#define HEADER_SIZE 1000u
#define PADDING 24u
#define COPIED 300000u
#define FIRST (HEADER_SIZE + PADDING)
#define COPY (FIRST + CHUNKS * CHUNK)
#define SECOND (COPY + COPIED)
#define VIEW_SIZE (SECOND + (CHUNKS - 1) * CHUNK + CHUNK / 2)

#define OLD 5
#define YOUNG 6

struct source {
    struct version version;
    int fd;               /* of a file on a filesystem with a true ctime */
    uint8_t content;      /* what the source's bytes are */
    atomic_int unchanged; /* what source_unchanged() says */
    atomic_int converted[2][CHUNKS];
    atomic_int failing; /* chunk of the first tensor whose conversion fails, or -1 */
    pthread_mutex_t lock;
    pthread_cond_t cond;
    bool closed; /* conversions wait at this gate */
    int waiting; /* at the gate */
    atomic_int held;
    atomic_bool young;  /* all versions are */
    atomic_int loads;   /* of source rows */
    atomic_int fetched; /* bytes that the kernel was asked to have in memory soon */
    struct cache *cache;
    bool once; /* nobody asks for a chunk again, as the engine is told */
    atomic_int failures;
    struct defect defect;
};

extern struct source source;
extern struct extent extents[2];
extern struct view view;

/* The source and the view as each program begins with them. */
void case_begin(void);

uint8_t byte_at(uint64_t n);
/* Where a chunk begins in the view. */
uint64_t chunk_place(uint32_t tensor, uint32_t index);
/* Closed, conversions wait. */
void gate(bool closed);
/* So many wait at the gate. */
void wait_for_conversions(int count);
/* Since begin(). */
int conversions(void);

struct bench {
    struct pool *pool;
    struct engine *engine;
};

/* `memory` as in struct engine_config. */
void begin(struct bench *bench, uint64_t memory);
void end(struct bench *bench);

/* A request that is waited for. */
struct asked {
    pthread_mutex_t lock;
    pthread_cond_t cond;
    uint64_t offset;
    size_t size;
    bool done;
    int r;
};

/* The engine_done of a request. */
void answered(void *context, int r, const struct part *parts, int count);
/* Asks for a range, whose bytes are checked when they come. */
void ask(struct bench *bench, struct asked *asked, uint64_t offset, size_t size);
bool is_answered(struct asked *asked);
/* What the answer said. */
int wait_answer(struct asked *asked);
int read_now(struct bench *bench, uint64_t offset, size_t size);
void read_all_of_it(struct bench *bench);

/* The directory of a cache. */
extern char directory[];
void make_directory(void);
void remove_directory(void);
/* begin() takes the cache that is open. */
void open_cache(void);
void close_cache(void);
void run_in_cache(const char *command);

#endif
