#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cache/cache.h"
#include "fs/cmd.h"
#include "fs/log.h"

static void print_usage(FILE *stream, const char *program)
{
    (void)fprintf(stream,
                  "usage: %s stats [--json] [DIR]\n"
                  "       %s verify [DIR]\n"
                  "       %s trim SIZE [DIR]\n"
                  "       %s clear [DIR]\n",
                  program, program, program, program);
}

static void print_help(const char *program)
{
    print_usage(stdout, program);
    (void)printf("\n"
                 "Looks after a cache: DIR, or $XDG_CACHE_HOME/quantfs, or ~/.cache/quantfs.\n"
                 "Mounts that use it go on undisturbed.\n\n"
                 "  stats    what is in it, and what all mounts have counted\n"
                 "  verify   checks the seal of every object; removes what fails\n"
                 "  trim     removes the oldest objects until the rest takes at most SIZE, such\n"
                 "           as 20G, or 10%% of the filesystem\n"
                 "  clear    removes all objects\n");
}

static int fail(const char *program, const char *text)
{
    char shown[2 * CACHE_REASON_SIZE];

    log_escape(text, shown, sizeof(shown));
    (void)fprintf(stderr, "%s: %s\n", program, shown);
    return 1;
}

/* ---- the verbs: 0 or -errno ---- */

static void print_bytes(uint64_t bytes)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    double value = (double)bytes;
    unsigned unit = 0;

    while (value >= 1024 && unit < 4) {
        value /= 1024;
        unit++;
    }
    (void)printf("%-14s %.*f %s\n", "bytes", unit > 0, value, units[unit]);
}

static int run_stats(struct cache *cache, bool json)
{
    struct cache_stats stats;
    uint64_t objects, bytes;
    int r = cache_usage(cache, &objects, &bytes);

    if (r == 0)
        r = cache_stats_all(cache, &stats);
    if (r < 0)
        return r;
    const struct {
        const char *name;
        uint64_t value;
    } rows[] = {{"objects", objects},
                {"bytes", bytes},
                {"hits", stats.hits},
                {"misses", stats.misses},
                {"damaged", stats.damaged},
                {"puts", stats.puts},
                {"dropped", stats.dropped},
                {"evicted", stats.evicted},
                {"record_hits", stats.record_hits},
                {"record_misses", stats.record_misses}};

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        unsigned long long value = rows[i].value;

        if (json)
            (void)printf("%s\"%s\": %llu", i > 0 ? ", " : "{", rows[i].name, value);
        else if (strcmp(rows[i].name, "bytes") == 0)
            print_bytes(value);
        else
            (void)printf("%-14s %llu\n", rows[i].name, value);
    }
    if (json)
        (void)puts("}");
    return 0;
}

static void show_progress(void *context, uint64_t done, uint64_t total)
{
    (void)context;
    if (done % 64 == 0 || done == total)
        (void)fprintf(stderr, "\r%llu of %llu%s", (unsigned long long)done,
                      (unsigned long long)total, done == total ? "\n" : "");
}

static int run_verify(struct cache *cache)
{
    uint64_t good = 0, removed = 0;
    int r =
        cache_verify(cache, isatty(STDERR_FILENO) ? show_progress : NULL, NULL, &good, &removed);

    (void)printf("%llu good, %llu removed\n", (unsigned long long)good,
                 (unsigned long long)removed);
    return r;
}

static int run_trim(struct cache *cache, uint64_t size)
{
    uint64_t removed, objects, bytes;
    int r = cache_trim_to(cache, size, &removed), usage = cache_usage(cache, &objects, &bytes);

    (void)printf("%llu removed", (unsigned long long)removed);
    if (usage == 0)
        (void)printf(", %llu left (%llu bytes)", (unsigned long long)objects,
                     (unsigned long long)bytes);
    (void)puts("");
    return r;
}

static int run_clear(struct cache *cache)
{
    uint64_t removed;
    int r = cache_clear(cache, &removed);

    (void)printf("%llu removed\n", (unsigned long long)removed);
    return r;
}

/* ---- */

enum verb { VERB_STATS, VERB_VERIFY, VERB_TRIM, VERB_CLEAR, VERBS };

struct request {
    enum verb verb;
    bool json;
    struct cache_config config;
};

/* 1: the usage is to be shown. */
static int parse(int argc, char **argv, struct request *request)
{
    static const char *const verbs[VERBS] = {"stats", "verify", "trim", "clear"};
    int at = 2;

    *request = (struct request){.verb = VERBS, .config = {.existing = true}};
    for (enum verb verb = 0; argc > 1 && verb < VERBS; verb++)
        if (strcmp(argv[1], verbs[verb]) == 0)
            request->verb = verb;
    if (request->verb == VERBS)
        return 1;
    if (request->verb == VERB_STATS && at < argc && strcmp(argv[at], "--json") == 0) {
        request->json = true;
        at++;
    }
    if (request->verb == VERB_TRIM) {
        if (at == argc)
            return 1;
        if (cache_size_parse(argv[at], &request->config.size) < 0)
            return -EINVAL;
        at++;
    }
    if (at < argc && argv[at][0] != '-')
        request->config.path = argv[at++];
    return at == argc ? 0 : 1;
}

static int run(struct cache *cache, const struct request *request)
{
    switch (request->verb) {
    case VERB_STATS:
        return run_stats(cache, request->json);
    case VERB_VERIFY:
        return run_verify(cache);
    case VERB_TRIM:
        return run_trim(cache, cache_size_bytes(cache));
    default:
        return run_clear(cache);
    }
}

int cmd_cache(const char *program, int argc, char **argv)
{
    char reason[CACHE_REASON_SIZE];
    struct request request;
    struct cache *cache;
    int r;

    if (argc == 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
        print_help(program);
        return fflush(stdout) == 0 ? 0 : 1;
    }
    r = parse(argc, argv, &request);
    if (r < 0)
        return fail(program, "a size is meant, such as 20G or 10%");
    if (r > 0) {
        print_usage(stderr, program);
        return 1;
    }
    if (cache_new(&request.config, &cache, reason) < 0)
        return fail(program, reason);
    r = run(cache, &request);
    if (r < 0) {
        (void)snprintf(reason, sizeof(reason), "%.350s: %s", cache_path(cache), strerror(-r));
        (void)fail(program, reason);
    }
    cache_free(cache);
    if (fflush(stdout) != 0 || ferror(stdout))
        return fail(program, "standard output cannot be written");
    return r < 0 ? 1 : 0;
}
