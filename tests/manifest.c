/* If this failed, a manifest would give a name that was not put into that slot, or read beyond what
 * lies on disk. */
#include "cache/manifest.h"

#include <errno.h>

#include "tests/check.h"

static struct name make_name(uint8_t byte)
{
    struct name name = {.bytes = {byte, 1}};

    return name;
}

static void test_slots(void)
{
    struct name a = make_name(1), b = make_name(2), found;
    struct manifest *manifest;

    CHECK_EQ(manifest_new(0, &manifest), -EINVAL);
    CHECK_EQ(manifest_new(MANIFEST_SLOTS_MAX + 1, &manifest), -EINVAL);
    CHECK_EQ(manifest_new(3, &manifest), 0);
    CHECK_EQ(manifest_count(manifest), 3);
    for (uint32_t i = 0; i < 5; i++)
        CHECK(!manifest_get(manifest, i, &found));
    CHECK(!manifest_get(manifest, UINT32_MAX, &found));
    CHECK(manifest_set(manifest, 2, &a) && !manifest_set(manifest, 2, &a));
    CHECK(manifest_get(manifest, 2, &found) && name_equal(&found, &a));
    CHECK(!manifest_get(manifest, 1, &found) && !manifest_get(manifest, 3, &found));
    CHECK(manifest_set(manifest, 2, &b));
    CHECK(manifest_get(manifest, 2, &found) && name_equal(&found, &b));
    manifest_free(manifest);
    manifest_free(NULL);
}

static void test_merge(void)
{
    struct manifest *mine, *theirs, *other, *copy;
    struct name a = make_name(1), b = make_name(2), found;

    CHECK(manifest_new(3, &mine) == 0 && manifest_new(3, &theirs) == 0);
    CHECK_EQ(manifest_new(4, &other), 0);
    CHECK(manifest_set(mine, 0, &a) && manifest_set(theirs, 0, &b) && manifest_set(theirs, 1, &b));
    CHECK(manifest_set(other, 2, &b));
    manifest_merge(mine, theirs);
    manifest_merge(mine, other); /* of another shape: nothing */
    CHECK_EQ(manifest_copy(mine, &copy), 0);
    CHECK(manifest_get(copy, 0, &found) && name_equal(&found, &a)); /* what is there stays */
    CHECK(manifest_get(copy, 1, &found) && name_equal(&found, &b));
    CHECK(!manifest_get(copy, 2, &found));
    manifest_free(mine);
    manifest_free(theirs);
    manifest_free(other);
    manifest_free(copy);
}

/* In a buffer of exactly `size` bytes, so that a sanitizer sees what is read beyond. */
static int parse(const uint8_t *bytes, size_t size, struct manifest **manifest)
{
    uint8_t *exact = malloc(size ? size : 1);
    int r;

    CHECK(exact);
    memcpy(exact, bytes, size);
    r = manifest_parse(exact, size, manifest);
    free(exact);
    return r;
}

static void test_payload(void)
{
    uint8_t expected[8 + 3 * 32] = {3}, bytes[sizeof(expected) + 32] = {0};
    struct name a = make_name(7), found;
    struct manifest *manifest;
    const void *payload;
    size_t size;

    expected[8 + 32] = 7;
    expected[8 + 33] = 1;
    CHECK_EQ(manifest_new(3, &manifest), 0);
    CHECK(manifest_set(manifest, 1, &a));
    payload = manifest_payload(manifest, &size);
    CHECK(size == sizeof(expected) && memcmp(payload, expected, size) == 0);
    manifest_free(manifest);

    CHECK_EQ(parse(expected, sizeof(expected), &manifest), 0);
    CHECK(manifest_get(manifest, 1, &found) && name_equal(&found, &a));
    CHECK(!manifest_get(manifest, 0, &found) && !manifest_get(manifest, 2, &found));
    CHECK_EQ(manifest_known(manifest), 1);
    manifest_free(manifest);
    memcpy(bytes, expected, sizeof(expected));
    for (size_t i = 0; i <= sizeof(bytes); i++)
        if (i != sizeof(expected))
            CHECK_EQ(parse(bytes, i, &manifest), -EBADMSG);
    for (unsigned bit = 0; bit < 64; bit++) {
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        CHECK_EQ(parse(bytes, sizeof(expected), &manifest), -EBADMSG);
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    memset(bytes, 0, 8);
    CHECK_EQ(parse(bytes, 8, &manifest), -EBADMSG); /* no slot at all */
}

int main(void)
{
    test_slots();
    test_merge();
    test_payload();
    return 0;
}
