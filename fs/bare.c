#include "fs/bare.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

/* One in the place of another makes it forgotten. */
#define PLACES 4096

struct bare {
    pthread_mutex_t lock;
    struct version versions[PLACES]; /* protected by lock; zeros: none */
};

int bare_new(struct bare **out)
{
    struct bare *bare = calloc(1, sizeof(*bare));

    if (!bare)
        return -ENOMEM;
    pthread_mutex_init(&bare->lock, NULL);
    *out = bare;
    return 0;
}

void bare_free(struct bare *bare)
{
    if (!bare)
        return;
    pthread_mutex_destroy(&bare->lock);
    free(bare);
}

static struct version *place_of(struct bare *bare, const struct version *version)
{
    uint64_t hash = (version->inode ^ version->device << 32) * 0x9e3779b97f4a7c15u;

    return &bare->versions[(hash >> 32) % PLACES];
}

void bare_note(struct bare *bare, const struct version *version)
{
    if (versions_young(version, 1))
        return;
    pthread_mutex_lock(&bare->lock);
    *place_of(bare, version) = *version;
    pthread_mutex_unlock(&bare->lock);
}

bool bare_is_known(struct bare *bare, const struct version *version)
{
    bool known;

    pthread_mutex_lock(&bare->lock);
    known = version_equal(place_of(bare, version), version);
    pthread_mutex_unlock(&bare->lock);
    return known;
}
