/*
 * If this fails, a hostile file reaches beyond what it really holds, or a model that the reference
 * tool reads is refused.
 */
#include "quant/format/gguf.h"

#include <sys/resource.h>
#include <time.h>

#include "check.h"
#include "gguf-bytes.h"
#include "quant/type.h"

static int parse(const struct bytes *b, size_t size, struct gguf *gguf, struct defect *defect)
{
    int fd = file_of(b->data, size), r;

    *defect = (struct defect){0};
    r = gguf_parse(fd, size, gguf, defect);
    (void)close(fd);
    if (r < 0) {
        CHECK(defect->text[0] != '\0');
        CHECK(!gguf->keys && !gguf->tensors && !gguf->arena && !gguf->key_index);
    }
    return r;
}

static void accepted(const struct bytes *b)
{
    struct gguf gguf;
    struct defect defect;
    int r = parse(b, b->size, &gguf, &defect);

    if (r < 0)
        fprintf(stderr, "%s\n", defect.text);
    CHECK_EQ(r, 0);
    gguf_free(&gguf);
}

/* The message contains `text`; the offset is told unless `offset` is DEFECT_NOWHERE. */
static void refused(const struct bytes *b, int error, uint64_t offset, const char *text)
{
    struct gguf gguf;
    struct defect defect;
    int r = parse(b, b->size, &gguf, &defect);

    if (!strstr(defect.text, text))
        fprintf(stderr, "found: %s\nexpected: %s\n", defect.text, text);
    CHECK(strstr(defect.text, text));
    CHECK_EQ(r, -error);
    if (offset != DEFECT_NOWHERE)
        CHECK_EQ(defect.offset, offset);
}

/* --- what is read ------------------------------------------------------------------------------
 */

/* Every value type, twelve keys, and two tensors. */
static void put_model(struct bytes *b)
{
    const uint64_t ne[] = {32, 3, 2};

    put_start(b, 3, 2, 14);
    put_key_string(b, "general.architecture", "llama");
    for (uint32_t type = 0; type < GGUF_TYPE_COUNT; type++) {
        char name[8] = {'k', '.', (char)('a' + type), 0};

        if (type == GGUF_STRING)
            put_key_string(b, name, "text");
        else if (type == GGUF_ARRAY)
            put_array(b, name, GGUF_I16, 5, 2, 7);
        else
            put_key(b, name, type), put_number(b, 1, gguf_type_size((enum gguf_type)type));
    }
    put_string(b, "blk.0.ffn_up.weight");
    put_dimensions(b, 3, ne);
    put_u32(b, TYPE_Q8_0);
    put_u64(b, 0);
    put_tensor(b, "output_norm.weight", 5, TYPE_F32, 224);
    put_padding(b, 32);
    put_zeros(b, 224 + 20);
}

static void test_model(void)
{
    struct bytes b;
    struct gguf gguf;
    struct defect defect;
    const struct gguf_key *key;

    put_model(&b);
    CHECK_EQ(parse(&b, b.size, &gguf, &defect), 0);
    CHECK_EQ(gguf.version, 3);
    CHECK_EQ(gguf.alignment, 32);
    CHECK_EQ(gguf.data_offset, b.size - 244);
    CHECK_EQ(gguf.key_count, 14);
    CHECK_EQ(gguf.keys[0].offset, 24);
    for (size_t i = 1; i < gguf.key_count; i++)
        CHECK_EQ(gguf.keys[i].offset, gguf.keys[i - 1].end);
    key = gguf_find(&gguf, "general.architecture");
    CHECK(key == &gguf.keys[0] && key->type == GGUF_STRING && key->count == 5 && key->verbatim);
    CHECK(memcmp(b.data + key->value, "\5\0\0\0\0\0\0\0llama", 13) == 0);
    key = gguf_find(&gguf, "k.j");
    CHECK(key && key->type == GGUF_ARRAY && key->subtype == GGUF_I16 && key->count == 5);
    CHECK_EQ(key->end - key->value, 10);
    CHECK(b.data[key->value] == 7);
    key = gguf_find(&gguf, "k.m");
    CHECK(key && key->type == GGUF_F64 && key->subtype == GGUF_F64 && key->count == 1);
    CHECK(!gguf_find(&gguf, "k.n") && !gguf_find(&gguf, "") && !gguf_find(&gguf, "k"));
    CHECK_EQ(gguf.tensor_count, 2);
    CHECK_STR(gguf.tensors[0].name, "blk.0.ffn_up.weight");
    CHECK_EQ(gguf.tensors[0].n_dims, 3);
    CHECK(gguf.tensors[0].ne[0] == 32 && gguf.tensors[0].ne[2] == 2 && gguf.tensors[0].ne[3] == 1);
    CHECK_EQ(gguf.tensors[0].size, 204);
    CHECK_EQ(gguf.tensors[0].offset, gguf.data_offset);
    CHECK_EQ(gguf.tensors[1].offset, gguf.data_offset + 224);
    CHECK_EQ(gguf.tensors[1].size, 20);
    gguf_free(&gguf);
}

/* Cut at any byte, also one before its end, a file is incomplete and not broken. */
static void test_cut(void)
{
    struct bytes b;
    struct gguf gguf;
    struct defect defect;

    put_model(&b);
    for (size_t size = 0; size < b.size; size++) {
        CHECK_EQ(parse(&b, size, &gguf, &defect), -ENODATA);
        CHECK_EQ(defect.offset, size);
    }
    CHECK_EQ(parse(&b, b.size, &gguf, &defect), 0);
    gguf_free(&gguf);
    put_zeros(&b, 100);
    accepted(&b);
}

static void test_verbatim(void)
{
    struct bytes b;
    struct gguf gguf;
    struct defect defect;
    static const bool expected[] = {true, false, true, false, true, false, true, false, false};

    put_start(&b, 2, 0, 9);
    put_key(&b, "bool1", GGUF_BOOL), put_number(&b, 1, 1);
    put_key(&b, "bool7", GGUF_BOOL), put_number(&b, 7, 1);
    put_array(&b, "bools1", GGUF_BOOL, 300, 1, 1);
    put_array(&b, "bools2", GGUF_BOOL, 300, 1, 2);
    put_key(&b, "text", GGUF_STRING), put_string(&b, "a\xff\xfe");
    put_key(&b, "cut", GGUF_STRING), put_run(&b, "a\0b", 3);
    put_array(&b, "empty", GGUF_STRING, 40, 8, 0);
    put_array(&b, "texts", GGUF_STRING, 0, 0, 0);
    b.data[b.size - 8] = 3;
    put_string(&b, "ab"), put_run(&b, "", 1), put_string(&b, "abc");
    put_run(&b, "name\0cut", 8), put_u32(&b, GGUF_U8), put_number(&b, 9, 1);
    CHECK_EQ(parse(&b, b.size, &gguf, &defect), 0);
    CHECK_EQ(gguf.version, 2);
    CHECK_EQ(gguf.key_count, 9);
    for (size_t i = 0; i < 9; i++)
        CHECK_EQ(gguf.keys[i].verbatim, expected[i]);
    CHECK_EQ(gguf.keys[7].count, 3);
    CHECK(gguf_find(&gguf, "name") == &gguf.keys[8]);
    CHECK_EQ(gguf.keys[8].end, b.size);
    CHECK_EQ(gguf.data_offset, b.size);
    gguf_free(&gguf);
}

/* --- what the reference tool reads, though it looks odd ----------------------------------------
 */

static void test_alignment(void)
{
    static const uint32_t good[] = {1, 8, 64, 4096}, bad[] = {0, 3, 13, 33};
    struct bytes b;
    struct gguf gguf;
    struct defect defect;

    for (size_t i = 0; i < 4; i++) {
        put_start(&b, 3, 2, 1);
        put_key_u32(&b, "general.alignment", good[i]);
        put_tensor(&b, "a", 3, TYPE_I8, 0);
        put_tensor(&b, "b", 3, TYPE_I8, good[i] < 3 ? 3 : good[i]);
        put_padding(&b, good[i]);
        put_zeros(&b, (good[i] < 3 ? 3 : good[i]) + 3);
        CHECK_EQ(parse(&b, b.size, &gguf, &defect), 0);
        CHECK_EQ(gguf.alignment, good[i]);
        CHECK_EQ(gguf.tensors[1].offset, b.size - 3);
        gguf_free(&gguf);

        put_start(&b, 3, 0, 1);
        put_key_u32(&b, "general.alignment", bad[i]);
        refused(&b, EINVAL, b.size - 4, "is not a power of 2");
    }
    put_start(&b, 3, 0, 1);
    put_key(&b, "general.alignment", GGUF_I32), put_u32(&b, 32);
    refused(&b, EINVAL, 24, "key 'general.alignment' must be of type u32 but is i32");
    put_start(&b, 3, 0, 1);
    put_array(&b, "general.alignment", GGUF_U32, 1, 4, 32);
    refused(&b, EINVAL, 24, "must be of type u32 but is arr");
}

static void test_odd_tensors(void)
{
    const uint64_t zero[] = {256, 0}, huge_zero[] = {UINT64_C(1) << 62, UINT64_C(1) << 62, 0};
    struct bytes b;
    char name[64];

    memset(name, 'x', 63);
    name[63] = '\0';
    put_start(&b, 3, 5, 0);
    put_tensor(&b, "", 0, TYPE_F32, 0);
    put_string(&b, "zero"), put_dimensions(&b, 2, zero), put_u32(&b, TYPE_Q4_K), put_u64(&b, 0);
    put_string(&b, "huge"), put_dimensions(&b, 3, huge_zero), put_u32(&b, 0), put_u64(&b, 0);
    put_string(&b, "scalar"), put_u32(&b, 0), put_u32(&b, TYPE_F64), put_u64(&b, 0);
    put_tensor(&b, name, 1, TYPE_I8, 32);
    put_padding(&b, 32);
    put_zeros(&b, 33);
    accepted(&b);
    b.size--;
    refused(&b, ENODATA, b.size, "data is not within the file bounds");

    put_start(&b, 3, 0, 0);
    accepted(&b);
}

/* --- what is refused ---------------------------------------------------------------------------
 */

static void test_start(void)
{
    struct bytes b;

    put_start(&b, 3, 0, 0);
    memcpy(b.data, "GGJT", 4);
    refused(&b, ENOEXEC, 0, "invalid magic characters: 'GGJT'");
    memcpy(b.data, "GGU\x01", 4);
    refused(&b, ENOEXEC, 0, "invalid magic characters: 'GGU?'");
    b.size = 2;
    b.data[1] = 'X';
    refused(&b, ENOEXEC, 0, "invalid magic characters");
    put_start(&b, 0, 0, 0);
    refused(&b, EINVAL, 4, "bad GGUF version: 0");
    put_start(&b, 1, 0, 0);
    refused(&b, EINVAL, 4, "GGUFv1 is no longer supported");
    put_start(&b, 4, 0, 0);
    refused(&b, EINVAL, 4, "version 4 but this software only supports up to version 3");
    put_start(&b, 0xffffffff, 0, 0);
    refused(&b, EINVAL, 4, "only supports up to version 3");
    put_start(&b, 0x03000000, 0, 0);
    refused(&b, EINVAL, 4, "mismatch between the host and model endianness");
}

static void test_counts(void)
{
    struct bytes b;

    put_start(&b, 3, UINT64_MAX, 0);
    refused(&b, EINVAL, 8, "number of tensors is -1 but must be in [0, 53624256028225440]");
    put_start(&b, 3, 0, UINT64_MAX / 88 + 1);
    refused(&b, EINVAL, 16, "must be in [0, 209622091746699450]");
    put_start(&b, 3, UINT64_C(1) << 32, 0);
    refused(&b, EINVAL, 8, "more than can be counted");
    put_start(&b, 3, 0, UINT64_C(1) << 31);
    refused(&b, ENODATA, 24, "number of key value pairs is 2147483648, but 0 bytes follow");
    put_start(&b, 3, 2, 0);
    put_tensor(&b, "abcdefghijklmnopq", 0, TYPE_F32, 0);
    CHECK(b.size - 24 > 48);
    refused(&b, ENODATA, b.size, "failed to read tensor info");
    put_start(&b, 3, 3, 0);
    put_zeros(&b, 71);
    refused(&b, ENODATA, b.size, "number of tensors is 3");
}

static void test_keys(void)
{
    static const uint64_t lengths[] = {UINT64_MAX, UINT64_C(1) << 63, (UINT64_C(1) << 30) + 1};
    struct bytes b;

    for (size_t i = 0; i < 3; i++) {
        put_start(&b, 3, 0, 1);
        put_u64(&b, lengths[i]);
        put_zeros(&b, 20);
        refused(&b, EINVAL, 24, "exceeds maximum 1073741824");
    }
    put_start(&b, 3, 0, 1);
    put_u64(&b, 21);
    put_zeros(&b, 20);
    refused(&b, ENODATA, b.size, "string length 21 exceeds remaining file size 20 bytes");
    put_start(&b, 3, 0, 2);
    put_key_u32(&b, "a", 1);
    put_key_u32(&b, "", 1);
    refused(&b, EINVAL, 41, "key 1 is empty");
    put_start(&b, 3, 0, 3);
    put_key_u32(&b, "x.y", 1);
    put_key_u32(&b, "x.z", 1);
    put_key_string(&b, "x.y", "");
    refused(&b, EINVAL, 24 + 2 * 19, "duplicate key 'x.y'");
    put_start(&b, 3, 0, 1);
    put_key(&b, "k", 13), put_u64(&b, 0);
    refused(&b, EINVAL, 33, "key 'k' has invalid GGUF type 13");
    put_start(&b, 3, 0, 1);
    put_key(&b, "k", UINT32_MAX), put_u64(&b, 0);
    refused(&b, EINVAL, 33, "key 'k' has invalid GGUF type -1");
}

static void test_arrays(void)
{
    static const uint32_t types[] = {GGUF_U8, GGUF_BOOL, GGUF_STRING, GGUF_F64};
    struct bytes b;

    put_start(&b, 3, 0, 1);
    put_array(&b, "k", GGUF_ARRAY, 0, 0, 0);
    refused(&b, EINVAL, 37, "key 'k' has invalid GGUF type 9");
    put_start(&b, 3, 0, 1);
    put_array(&b, "k", 13, 0, 0, 0);
    refused(&b, EINVAL, 37, "key 'k' has invalid GGUF type 13");
    for (size_t i = 0; i < 4; i++) {
        put_start(&b, 3, 0, 1);
        put_array(&b, "k", types[i], 0, 0, 0);
        accepted(&b);
        b.data[b.size - 8] = 5; /* elements, of which 32 bytes follow: too few but for U8, BOOL */
        put_zeros(&b, 32);
        if (types[i] == GGUF_U8 || types[i] == GGUF_BOOL)
            accepted(&b);
        else
            refused(&b, ENODATA, b.size, "the file ends here");
        b.data[b.size - 32 - 5] = 0x20; /* 2^29 */
        refused(&b, ENODATA, b.size, "the file ends here");
        b.data[b.size - 32 - 5] = 0x41; /* more than 2^30 */
        refused(&b, EINVAL, 41, "maximum 1073741824");
        b.data[b.size - 32 - 1] = 0x20; /* 2^61: times 8 it wraps */
        refused(&b, EINVAL, 41, "maximum 1073741824");
    }
    put_start(&b, 3, 0, 1);
    put_array(&b, "k", GGUF_STRING, 2, 8, 0);
    b.data[b.size - 8] = 1;
    refused(&b, ENODATA, b.size, "string length 1 exceeds remaining file size 0 bytes");
}

/* A tensor of these dimensions and type, with 64 bytes of data. */
static void put_shape(struct bytes *b, uint32_t n_dims, const uint64_t *ne, uint32_t type)
{
    put_start(b, 3, 1, 0);
    put_string(b, "w");
    put_dimensions(b, n_dims, ne);
    put_u32(b, type);
    put_u64(b, 0);
    put_padding(b, 32);
    put_zeros(b, 64);
}

static void test_shapes(void)
{
    static const struct {
        uint32_t n_dims;
        uint64_t ne[5];
        uint32_t type;
        const char *text;
    } cases[] = {
        {5, {1, 1, 1, 1, 1}, TYPE_F32, "invalid number of dimensions: 5 > 4"},
        {2, {4, UINT64_MAX}, TYPE_F32, "dimension 1 has invalid number of elements: -1 < 0"},
        {1, {INT64_MAX}, TYPE_I8, "total number of elements"},
        {2, {(UINT64_C(1) << 32) + (UINT64_C(1) << 31), UINT64_C(1) << 32}, 0, "total number of"},
        {2, {UINT64_C(1) << 32, UINT64_C(1) << 32}, 0, "total number of elements in tensor 'w'"},
        {4, {65536, 65536, 65536, 65536}, 0, "total number of elements"},
        {1, {UINT64_C(1) << 62}, TYPE_F32, "has a size in bytes >"},
        {1, {31}, TYPE_Q8_0, "(q8_0) has 31 elements per row, not a multiple of block size (32)"},
        {2, {128, 2}, TYPE_Q4_K, "not a multiple of block size (256)"},
        {1, {32}, 4, "of type 4 (removed) has 32 elements per row"},
        {1, {32}, 38, "of type 38 (removed)"},
        {1, {32}, 43, "invalid ggml type 43. should be in [0, 43)"},
        {1, {32}, UINT32_MAX, "invalid ggml type -1. should be in [0, 43)"},
    };
    struct bytes b;

    put_shape(&b, 2, (uint64_t[]){4, 4}, TYPE_F32);
    accepted(&b);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        put_shape(&b, cases[i].n_dims, cases[i].ne, cases[i].type);
        refused(&b, EINVAL, DEFECT_NOWHERE, cases[i].text);
    }
    put_shape(&b, 1, (uint64_t[]){INT64_MAX - 63}, TYPE_I8);
    refused(&b, ENODATA, b.size, "tensor 'w' data is not within the file bounds");
}

static void test_tensors(void)
{
    const uint64_t huge = INT64_MAX - 63;
    struct bytes b;
    char name[65];

    memset(name, 'x', 64);
    name[64] = '\0';
    put_start(&b, 3, 1, 0);
    put_tensor(&b, name, 0, TYPE_F32, 0);
    refused(&b, EINVAL, 24, "tensor name 0 is too long: 64 >= 64");
    put_start(&b, 3, 3, 0);
    put_tensor(&b, "a", 0, TYPE_F32, 0);
    put_tensor(&b, "b", 0, TYPE_F32, 0);
    put_run(&b, "a\0c", 3), put_u32(&b, 0), put_u32(&b, TYPE_I8), put_u64(&b, 0);
    put_zeros(&b, 100);
    refused(&b, EINVAL, 24 + 2 * 33, "duplicate tensor name 'a'");
    put_start(&b, 3, 2, 0);
    put_tensor(&b, "a", 8, TYPE_F32, 0);
    put_tensor(&b, "b", 8, TYPE_F32, 64);
    put_zeros(&b, 200);
    refused(&b, EINVAL, 24 + 33 + 25, "tensor 'b' has offset 64, expected 32");
    put_start(&b, 3, 3, 0);
    put_tensor(&b, "a", huge, TYPE_I8, 0);
    put_tensor(&b, "b", huge, TYPE_I8, huge);
    put_tensor(&b, "c", huge, TYPE_I8, 2 * huge);
    put_zeros(&b, 32);
    refused(&b, EINVAL, DEFECT_NOWHERE, "tensor 'c' size overflow");
    put_start(&b, 3, 2, 0);
    put_tensor(&b, "a", huge, TYPE_I8, 0);
    put_tensor(&b, "b", huge, TYPE_I8, huge);
    put_zeros(&b, 32);
    refused(&b, ENODATA, b.size, "tensor 'a' data is not within the file bounds");
}

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0 /* else the memory that is measured is not ours */
#endif

/* --- bounds ------------------------------------------------------------------------------------
 */

/* Seconds of this process alone: the machine may be busy. */
static double cpu_time(void)
{
    struct timespec t;

    CHECK_EQ(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t), 0);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static size_t memory(void)
{
    struct rusage usage;

    CHECK_EQ(getrusage(RUSAGE_SELF, &usage), 0);
    return (size_t)usage.ru_maxrss * 1024;
}

/* Many names that differ at their ends alone: a file of `count` keys and as many tensors. */
static int file_of_many(uint32_t count, uint64_t *size)
{
    FILE *file = tmpfile();
    struct bytes b;
    char name[64];
    int fd;

    CHECK(file);
    put_start(&b, 3, count, count);
    for (uint32_t i = 0; i < 2 * count; i++) {
        (void)snprintf(name, sizeof(name), "an.equal.prefix.of.every.name.%08u", i % count);
        if (i < count)
            put_key_u32(&b, name, i);
        else
            put_tensor(&b, name, 0, TYPE_F32, 0);
        CHECK(fwrite(b.data, 1, b.size, file) == b.size);
        b.size = 0;
    }
    put_zeros(&b, 64);
    CHECK(fwrite(b.data, 1, b.size, file) == b.size);
    CHECK_EQ(fflush(file), 0);
    *size = (uint64_t)ftell(file);
    fd = dup(fileno(file));
    CHECK(fd >= 0);
    (void)fclose(file);
    return fd;
}

/* Pairwise comparison would take minutes. */
static void test_many(void)
{
    struct gguf gguf;
    uint64_t size;
    int fd = file_of_many(200000, &size);
    size_t before = memory();
    double start = cpu_time();

    CHECK_EQ(gguf_parse(fd, size, &gguf, NULL), 0);
    CHECK(cpu_time() - start < 20);
    CHECK_EQ(gguf.key_count, 200000);
    CHECK_EQ(gguf.tensor_count, 200000);
    CHECK(gguf_find(&gguf, "an.equal.prefix.of.every.name.00123456") == &gguf.keys[123456]);
    CHECK(SANITIZED || memory() - before < 8 * size);
    gguf_free(&gguf);
    (void)close(fd);
}

/* Holes cost the file nothing; they must not cost us memory. */
static void test_sparse(void)
{
    const uint64_t size = UINT64_C(3) << 30;
    struct bytes b;
    struct gguf gguf;
    struct defect defect;
    size_t before;
    int fd;

    put_start(&b, 3, 0, 4);
    put_u64(&b, 1 << 30);
    put(&b, "a", 1);
    fd = file_of(b.data, b.size);
    CHECK_EQ(ftruncate(fd, (off_t)size), 0);
    b.size = 0;
    put_u32(&b, GGUF_ARRAY);
    put_u32(&b, GGUF_F32);
    put_u64(&b, 1 << 28);
    CHECK(pwrite(fd, b.data, b.size, 24 + 8 + (1 << 30)) == (ssize_t)b.size);
    before = memory();
    CHECK_EQ(gguf_parse(fd, size, &gguf, &defect), -EINVAL);
    CHECK(strstr(defect.text, "key 1 is empty"));
    CHECK(SANITIZED || memory() - before < 64 << 20);
    (void)close(fd);
}

/* A file that is shorter than it was said to be. */
static void test_shrunk(void)
{
    struct bytes b;
    struct gguf gguf;
    struct defect defect;
    int fd;

    put_model(&b);
    fd = file_of(b.data, 100);
    CHECK_EQ(gguf_parse(fd, b.size, &gguf, &defect), -ENODATA);
    (void)close(fd);
    CHECK_EQ(gguf_parse(-1, b.size, &gguf, &defect), -EIO);
    CHECK(strstr(defect.text, "failed to read magic"));
}

int main(void)
{
    test_model();
    test_cut();
    test_verbatim();
    test_alignment();
    test_odd_tensors();
    test_start();
    test_counts();
    test_keys();
    test_arrays();
    test_shapes();
    test_tensors();
    test_many();
    test_sparse();
    test_shrunk();
    return 0;
}
