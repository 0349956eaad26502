/* Fills a cache for the scripts in tests/cache: cache-fill DIR COUNT. Objects 0 to COUNT-1 are
 * looked for, put if they are missing, and looked for again. */
#include "cache/cache.h"
#include "tests/check.h"

#define CHUNK 20000

int main(int argc, char **argv)
{
    struct cache_config config = {.min_free = {.given = true}};
    char reason[CACHE_REASON_SIZE];
    struct cache_object *object;
    unsigned char data[CHUNK];
    struct cache *cache;
    struct digest digest;
    struct name name;

    CHECK(argc == 3);
    config.path = argv[1];
    if (strstr(argv[1], "/.cache/"))
        config.path = NULL; /* the default place, whose parents are made */
    if (cache_new(&config, &cache, reason) < 0) {
        fprintf(stderr, "%s\n", reason);
        return 1;
    }
    CHECK(!config.path ? strcmp(cache_path(cache), argv[1]) == 0 : true);
    for (uint64_t i = 0; i < strtoull(argv[2], NULL, 10); i++) {
        uint64_t random = i;

        name_begin(&digest, cache_key(cache), "object");
        name_add_number(&digest, i);
        CHECK_EQ(name_end(&digest, &name), 0);
        for (size_t at = 0; at < CHUNK; at++) {
            random = random * 6364136223846793005u + 1442695040888963407u;
            data[at] = (unsigned char)(random >> 56);
        }
        if (cache_open(cache, &name, &object) < 0) {
            CHECK_EQ(cache_put(cache, &name, &(struct cache_bytes){.data = data, .size = CHUNK}),
                     0);
            CHECK_EQ(cache_open(cache, &name, &object), 0);
        }
        cache_close(cache, object);
    }
    cache_free(cache);
    return 0;
}
