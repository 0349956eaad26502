#include "quant/version.h"

struct version version_of(const struct stat *st)
{
    return (struct version){
        .device = (uint64_t)st->st_dev,
        .inode = (uint64_t)st->st_ino,
        .size = (uint64_t)st->st_size,
        .mtime = st->st_mtim,
        .ctime = st->st_ctim,
    };
}

bool times_equal(struct timespec a, struct timespec b)
{
    return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

bool time_is_later(struct timespec a, struct timespec b)
{
    return a.tv_sec > b.tv_sec || (a.tv_sec == b.tv_sec && a.tv_nsec > b.tv_nsec);
}

bool version_equal(const struct version *a, const struct version *b)
{
    return a->device == b->device && a->inode == b->inode && a->size == b->size &&
           times_equal(a->mtime, b->mtime) && times_equal(a->ctime, b->ctime);
}

bool versions_equal(const struct version *a, unsigned a_count, const struct version *b,
                    unsigned b_count)
{
    if (a_count != b_count)
        return false;
    for (unsigned i = 0; i < a_count; i++)
        if (!version_equal(&a[i], &b[i]))
            return false;
    return true;
}

static bool time_young(struct timespec time, struct timespec now)
{
    const time_t limit = 2; /* seconds */
    time_t second;

    /* Compared without a difference, which might overflow: times come from a file system. */
    if (__builtin_add_overflow(time.tv_sec, limit, &second))
        return true;
    return second > now.tv_sec || (second == now.tv_sec && time.tv_nsec > now.tv_nsec);
}

bool version_young(const struct version *version, struct timespec now)
{
    return time_young(version->mtime, now) || time_young(version->ctime, now);
}

bool versions_young(const struct version *versions, unsigned count)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_REALTIME, &now);
    for (unsigned i = 0; i < count; i++)
        if (version_young(&versions[i], now))
            return true;
    return false;
}
