/*
 * If this fails, an importance matrix gives other values than the reference tool takes, or a
 * hostile one reaches beyond what it really holds.
 */
#include "quant/format/imatrix.h"

#include <math.h>

#include "check.h"
#include "gguf-bytes.h"
#include "quant/type.h"

static struct imatrix *accepted(const struct bytes *b)
{
    struct imatrix *imatrix = NULL;
    struct defect defect = {0};
    int fd = file_of(b->data, b->size), r = imatrix_read(fd, b->size, &imatrix, &defect);

    (void)close(fd);
    if (r < 0)
        fprintf(stderr, "%s\n", defect.text);
    CHECK_EQ(r, 0);
    CHECK(imatrix->memory >= imatrix->count * sizeof(*imatrix->entries));
    return imatrix;
}

static void refused(const struct bytes *b, int error, const char *text)
{
    struct imatrix *imatrix = NULL;
    struct defect defect = {0};
    int fd = file_of(b->data, b->size), r = imatrix_read(fd, b->size, &imatrix, &defect);

    (void)close(fd);
    if (!strstr(defect.text, text))
        fprintf(stderr, "found: %s\nexpected: %s\n", defect.text, text);
    CHECK(strstr(defect.text, text));
    CHECK_EQ(r, -error);
    CHECK(!imatrix);
}

static void put_floats(struct bytes *b, const float *values, size_t count)
{
    put(b, values, count * sizeof(*values));
}

static void check_values(const struct imatrix *imatrix, const char *name, const float *values,
                         uint64_t count)
{
    const struct imatrix_entry *entry = imatrix_find(imatrix, name);

    CHECK(entry);
    CHECK_EQ(entry->count, count);
    for (uint64_t i = 0; i < count; i++)
        if (memcmp(&entry->values[i], &values[i], 4) != 0) {
            fprintf(stderr, "%s[%d] = %a, expected %a\n", name, (int)i, (double)entry->values[i],
                    (double)values[i]);
            exit(1);
        }
}

/* --- GGUF ---------------------------------------------------------------------------------------
 */

/* One tensor of an importance matrix that is to be written: up to 16 floats. */
struct row {
    const char *name;
    uint64_t count;
    float values[16];
};

static void put_keys(struct bytes *b, uint64_t tensors)
{
    put_start(b, 3, tensors, 3);
    put_key(b, "imatrix.datasets", GGUF_ARRAY);
    put_u32(b, GGUF_STRING);
    put_u64(b, 2);
    put_string(b, "wiki.train");
    put_string(b, "another");
    put_key_u32(b, "imatrix.chunk_count", 12);
    put_key_u32(b, "imatrix.chunk_size", 512);
}

static void put_rows(struct bytes *b, const struct row *rows, size_t count)
{
    uint64_t offset = 0;

    for (size_t i = 0; i < count; i++) {
        put_tensor(b, rows[i].name, rows[i].count, TYPE_F32, offset);
        offset += (rows[i].count * 4 + 31) / 32 * 32;
    }
    put_padding(b, 32);
    for (size_t i = 0; i < count; i++) {
        put_floats(b, rows[i].values, rows[i].count);
        put_padding(b, 32);
    }
}

static void put_file(struct bytes *b, const struct row *rows, size_t count)
{
    put_keys(b, count);
    put_rows(b, rows, count);
}

static void gguf_values(void)
{
    static const struct row rows[] = {
        {"stray", 1, {7}},
        {"one.in_sum2", 3, {1, 2, 3}},
        {"one.counts", 1, {3}},
        {"two.counts", 2, {4, 0}},
        {"two.in_sum2", 4, {1, 2, 3, 4}},
        /* counts are rounded, half away from zero */
        {"round.in_sum2", 5, {1, 1, 1, 1, 1}},
        {"round.counts", 5, {0.4f, 0.5f, 1.5f, -0.5f, 16777217.f}},
        {"odd.in_sum2", 4, {1, 2, 3, 4}},
        {"odd.counts", 5, {1, 1, 1, 1, 1}}, /* more matrices than values */
        {"rest.in_sum2", 5, {2, 4, 6, 8, 10}},
        {"rest.counts", 2, {2, 2}},
        {"none.in_sum2", 2, {5, 6}},
        {"none.counts", 0, {0}},
        {"empty.in_sum2", 0, {0}},
        {"empty.counts", 1, {2}},
        {"sums.in_sum", 2, {1, 1}},
        {"sums.in_sum2", 2, {1, 4}},
        {"sums.counts", 1, {2}},
    };
    struct row infinite = {"big.counts", 3, {INFINITY, NAN, 1e30f}};
    struct row big = {"big.in_sum2", 3, {5, 6, 7}}, all[sizeof(rows) / sizeof(rows[0]) + 2];
    struct imatrix *imatrix;
    struct bytes b;

    memcpy(all, rows, sizeof(rows));
    all[sizeof(rows) / sizeof(rows[0])] = big;
    all[sizeof(rows) / sizeof(rows[0]) + 1] = infinite;
    put_file(&b, all, sizeof(all) / sizeof(all[0]));
    imatrix = accepted(&b);
    CHECK_EQ(imatrix->count, 9);
    check_values(imatrix, "one", (const float[]){1 / 3.f, 2 / 3.f, 1}, 3);
    check_values(imatrix, "two", (const float[]){0.25f, 0.5f, 1, 1}, 4);
    check_values(imatrix, "round", (const float[]){1, 1, 0.5f, 1, 1 / 16777216.f}, 5);
    check_values(imatrix, "odd", (const float[]){0, 0, 0, 0}, 4);
    check_values(imatrix, "rest", (const float[]){1, 2, 3, 4, 0}, 5);
    check_values(imatrix, "none", (const float[]){0, 0}, 2);
    check_values(imatrix, "empty", NULL, 0);
    check_values(imatrix, "sums", (const float[]){0.5f, 2}, 2);
    check_values(imatrix, "big", (const float[]){1, 1, 1}, 3);
    CHECK(!imatrix_find(imatrix, "stray") && !imatrix_find(imatrix, "on"));
    CHECK_EQ(imatrix->chunk_count, 12);
    CHECK(imatrix->has_dataset);
    CHECK_STR(imatrix->dataset, "wiki.train");
    imatrix_free(imatrix);
}

static const struct row pair[] = {{"w.in_sum2", 2, {1, 2}}, {"w.counts", 1, {1}}};

static void gguf_keys(void)
{
    char long_name[200];
    struct imatrix *imatrix;
    struct bytes b;

    memset(long_name, 'x', sizeof(long_name) - 1);
    long_name[sizeof(long_name) - 1] = '\0';
    put_start(&b, 3, 2, 3);
    put_key(&b, "imatrix.datasets", GGUF_ARRAY);
    put_u32(&b, GGUF_STRING);
    put_u64(&b, 1);
    put_string(&b, long_name);
    put_key_u32(&b, "imatrix.chunk_count", 0xffffffff);
    put_key_u32(&b, "imatrix.chunk_size", 1);
    put_rows(&b, pair, 2);
    imatrix = accepted(&b);
    CHECK_EQ(strlen(imatrix->dataset), 127);
    CHECK_EQ(imatrix->chunk_count, -1);
    imatrix_free(imatrix);

    /* No datasets, or some that are no strings. */
    for (int i = 0; i < 2; i++) {
        put_start(&b, 3, 2, 3);
        put_array(&b, "imatrix.datasets", i ? GGUF_U8 : GGUF_STRING, i, 1, 'a');
        put_key_u32(&b, "imatrix.chunk_count", 0);
        put_key_u32(&b, "imatrix.chunk_size", 1);
        put_rows(&b, pair, 2);
        imatrix = accepted(&b);
        CHECK(!imatrix->has_dataset);
        imatrix_free(imatrix);
    }

    put_start(&b, 3, 2, 1);
    put_key_u32(&b, "imatrix.chunk_count", 12);
    put_rows(&b, pair, 2);
    refused(&b, ENOKEY, "missing imatrix metadata");
    put_start(&b, 3, 2, 1);
    put_key_u16(&b, "imatrix.chunk_count", 12);
    put_rows(&b, pair, 2);
    refused(&b, EINVAL, "key imatrix.chunk_count has wrong type u16 but expected type u32");
}

static void gguf_refused(void)
{
    static const struct row alone[] = {{"w.in_sum2", 2, {1, 2}}, {"v.counts", 1, {1}}};
    static const struct row sums[] = {
        {"w.in_sum2", 2, {1, 2}}, {"w.counts", 1, {1}}, {"w.in_sum", 1, {1}}};
    struct bytes b;

    put_keys(&b, 0);
    refused(&b, EINVAL, "no data");
    put_file(&b, alone, 2);
    refused(&b, EINVAL, "mismatched sums and counts for v");
    put_file(&b, alone, 1);
    refused(&b, EINVAL, "mismatched sums and counts for w");
    put_file(&b, sums, 3);
    refused(&b, EINVAL, "mismatched sums and counts for w");
    put_keys(&b, 2);
    put_tensor(&b, "w.in_sum2", 4, TYPE_F16, 0);
    put_tensor(&b, "w.counts", 1, TYPE_F32, 32);
    put_padding(&b, 32);
    put_zeros(&b, 64);
    refused(&b, EINVAL, "sums and counts for w must be F32");

    put_file(&b, pair, 2);
    b.size -= 28; /* the padding behind the last one */
    refused(&b, ENODATA, "failed to read tensor data");
    put_file(&b, pair, 2);
    put_zeros(&b, 100);
    imatrix_free(accepted(&b));
}

/* Whatever is missing behind, it is refused and nothing else happens. */
static void cut_everywhere(const struct bytes *b, size_t needed)
{
    struct imatrix *imatrix;
    struct defect defect;

    for (size_t size = 0; size < b->size; size++) {
        int fd = file_of(b->data, size), r;

        defect = (struct defect){0};
        imatrix = NULL;
        r = imatrix_read(fd, size, &imatrix, &defect);
        CHECK_EQ(r == 0, size >= needed);
        CHECK((r == 0) == (imatrix != NULL) && (r == 0 || defect.text[0]));
        imatrix_free(imatrix);
        (void)close(fd);
    }
}

/* --- the older format ---------------------------------------------------------------------------
 */

static void put_entry(struct bytes *b, const char *name, int32_t calls, const float *values,
                      uint32_t count)
{
    put_u32(b, (uint32_t)strlen(name));
    put(b, name, strlen(name));
    put_u32(b, (uint32_t)calls);
    put_u32(b, count);
    put_floats(b, values, count);
}

static void legacy_values(void)
{
    static const float values[] = {1, 2, 3};
    struct imatrix *imatrix;
    struct bytes b = {.size = 0};
    size_t needed;

    put_u32(&b, 5);
    put_entry(&b, "b", 3, values, 3);
    put_entry(&b, "a", 0, values, 2);
    put_entry(&b, "neg", -2, values, 1);
    put_entry(&b, "b", 2, values, 2); /* said twice: the last one counts */
    put_entry(&b, "", 1, values, 1);
    needed = b.size;
    put_u32(&b, 0x01020304);
    put_u32(&b, 4);
    put(&b, "da\0a", 4);
    imatrix = accepted(&b);
    CHECK_EQ(imatrix->count, 4);
    check_values(imatrix, "b", (const float[]){0.5f, 1}, 2);
    check_values(imatrix, "a", values, 2);
    check_values(imatrix, "neg", values, 1);
    check_values(imatrix, "", values, 1);
    CHECK_EQ(imatrix->chunk_count, 0x01020304);
    CHECK(imatrix->has_dataset);
    CHECK_STR(imatrix->dataset, "da");
    imatrix_free(imatrix);
    cut_everywhere(&b, needed);

    /* The end is taken as far as it is there. */
    b.size = needed + 2;
    imatrix = accepted(&b);
    CHECK_EQ(imatrix->chunk_count, 0x0304);
    CHECK(!imatrix->has_dataset);
    imatrix_free(imatrix);
    b.size = needed;
    imatrix = accepted(&b);
    CHECK_EQ(imatrix->chunk_count, 0);
    imatrix_free(imatrix);
}

static void legacy_refused(void)
{
    static const float values[] = {1, 2, 3};
    static const uint32_t counts[] = {0, 0x80000000, 0xffffffff};
    static const uint32_t lengths[] = {0xffffffff, 0x7fffffff, 100};
    static const uint32_t sizes[] = {0, 0xffffffff, 0x7fffffff, 0x40000000, 4};
    struct bytes b;

    for (int i = 0; i < 3; i++) {
        b.size = 0;
        put_u32(&b, counts[i]);
        put_entry(&b, "a", 1, values, 3);
        refused(&b, EINVAL, "no data");
    }
    b.size = 0;
    put_u32(&b, 0x7fffffff);
    put_entry(&b, "a", 1, values, 3);
    refused(&b, ENODATA, "failed reading name for entry 2");
    for (int i = 0; i < 3; i++) {
        b.size = 0;
        put_u32(&b, 1);
        put_u32(&b, lengths[i]);
        put_zeros(&b, 20);
        refused(&b, EINVAL, "failed reading name for entry 1");
    }
    for (int i = 0; i < 5; i++) {
        b.size = 0;
        put_u32(&b, 1);
        put_u32(&b, 1);
        put(&b, "a", 1);
        put_u32(&b, 1);
        put_u32(&b, sizes[i]);
        put_floats(&b, values, 3);
        refused(&b, EINVAL, i < 2 ? "number of values for entry 0" : "data for entry 0");
    }
}

/* --- selection ----------------------------------------------------------------------------------
 */

static void selection(void)
{
    static const float values[] = {1, INFINITY, NAN};
    static const char *const none[] = {NULL}, *const ab[] = {"a", "b"}, *const dot[] = {"."};
    struct defect defect = {0};
    struct imatrix *imatrix;
    struct bytes b = {.size = 0};

    put_u32(&b, 4);
    put_entry(&b, "a.x", 1, values, 1);
    put_entry(&b, "ab", 1, values, 2);
    put_entry(&b, "b.y", 1, values, 1);
    put_entry(&b, "c", 1, values, 3);
    imatrix = accepted(&b);
    CHECK_EQ(imatrix_check(imatrix, &defect), -EINVAL);
    CHECK_STR(defect.text, "imatrix contains non-finite value inf");
    imatrix_select(imatrix, ab, 2, none, 0);
    CHECK_EQ(imatrix->count, 3);
    CHECK(!imatrix_find(imatrix, "c") && imatrix_find(imatrix, "ab"));
    imatrix_select(imatrix, none, 0, ab, 1);
    CHECK_EQ(imatrix->count, 1);
    CHECK(imatrix_find(imatrix, "b.y"));
    CHECK_EQ(imatrix_check(imatrix, &defect), 0);
    imatrix_select(imatrix, none, 0, dot, 1);
    CHECK_EQ(imatrix->count, 0);
    CHECK(!imatrix_find(imatrix, "b.y"));
    imatrix_free(imatrix);
}

int main(void)
{
    struct bytes b;

    gguf_values();
    gguf_keys();
    gguf_refused();
    put_file(&b, pair, 2);
    cut_everywhere(&b, b.size);
    legacy_values();
    legacy_refused();
    selection();
    return 0;
}
