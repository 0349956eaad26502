/* If this fails, the keys of a converted model are not those of the reference converter, or stand
 * in another order. */
#include "quant/format/hf/kv.h"

#include "tests/gguf-bytes.h"

static void check_records(const struct hf_kv *kv, const struct bytes *expected)
{
    uint8_t *out = malloc(hf_kv_size(kv) + 1);

    CHECK(out);
    CHECK_EQ(hf_kv_error(kv), 0);
    CHECK_EQ(hf_kv_size(kv), expected->size);
    hf_kv_write(kv, out);
    CHECK(memcmp(out, expected->data, expected->size) == 0);
    free(out);
}

static void test_values(void)
{
    struct hf_text texts[] = {{"a", 1}, {"", 0}, {"b\0c", 3}};
    struct hf_kv *kv;
    struct bytes b = {.size = 0};

    CHECK_EQ(hf_kv_new(&kv), 0);
    hf_kv_u32(kv, "u", 0x01020304);
    hf_kv_i32(kv, "i", -2);
    hf_kv_u64(kv, "w", UINT64_C(1) << 40);
    hf_kv_f32(kv, "f", 1.0f);
    hf_kv_bool(kv, "t", true);
    hf_kv_string(kv, "s", "x\0y", 3);
    hf_kv_strings(kv, "ss", texts, 3);
    hf_kv_u32s(kv, "us", (uint32_t[]){7, 8}, 2);
    hf_kv_i32s(kv, "is", (int32_t[]){-1}, 1);
    hf_kv_f32s(kv, "fs", (float[]){-0.0f}, 1);
    hf_kv_bools(kv, "bs", (bool[]){true, false}, 2);
    hf_kv_u8s(kv, "u8", (uint8_t[]){9, 0, 255}, 3);
    CHECK_EQ(hf_kv_count(kv), 12);

    put_key(&b, "u", GGUF_U32), put_u32(&b, 0x01020304);
    put_key(&b, "i", GGUF_I32), put_u32(&b, 0xfffffffe);
    put_key(&b, "w", GGUF_U64), put_u64(&b, UINT64_C(1) << 40);
    put_key(&b, "f", GGUF_F32), put_u32(&b, 0x3f800000);
    put_key(&b, "t", GGUF_BOOL), put_number(&b, 1, 1);
    put_key(&b, "s", GGUF_STRING), put_run(&b, "x\0y", 3);
    put_key(&b, "ss", GGUF_ARRAY), put_u32(&b, GGUF_STRING), put_u64(&b, 3);
    put_run(&b, "a", 1), put_run(&b, "", 0), put_run(&b, "b\0c", 3);
    put_key(&b, "us", GGUF_ARRAY), put_u32(&b, GGUF_U32), put_u64(&b, 2), put_u32(&b, 7),
        put_u32(&b, 8);
    put_array(&b, "is", GGUF_I32, 1, 4, 0xffffffff);
    put_array(&b, "fs", GGUF_F32, 1, 4, 0x80000000);
    put_key(&b, "bs", GGUF_ARRAY), put_u32(&b, GGUF_BOOL), put_u64(&b, 2), put_number(&b, 1, 2);
    put_key(&b, "u8", GGUF_ARRAY), put_u32(&b, GGUF_U8), put_u64(&b, 3), put(&b, "\x09\x00\xff", 3);
    check_records(kv, &b);
    hf_kv_free(kv);
}

/* Set again: the first place, the last value and type. Nothing empty is written. */
static void test_again(void)
{
    struct hf_text text;
    struct hf_kv *kv;
    struct bytes b = {.size = 0};

    CHECK_EQ(hf_kv_new(&kv), 0);
    hf_kv_u32(kv, "a", 1);
    hf_kv_string(kv, "none", "", 0);
    hf_kv_strings(kv, "none", NULL, 0);
    hf_kv_u8s(kv, "none", NULL, 0);
    hf_kv_string(kv, "b", "old", 3);
    hf_kv_bool(kv, "c", false);
    hf_kv_f32(kv, "a", 2.0f);
    hf_kv_string(kv, "b", "newer", 5);
    hf_kv_string(kv, "b", "", 0);
    hf_kv_bools(kv, "c", NULL, 0);

    CHECK(!hf_kv_has(kv, "none") && hf_kv_has(kv, "c"));
    CHECK(!hf_kv_get_string(kv, "a", &text) && !hf_kv_get_string(kv, "none", &text));
    CHECK(hf_kv_get_string(kv, "b", &text));
    CHECK(text.size == 5 && memcmp(text.text, "newer", 5) == 0);
    put_key(&b, "a", GGUF_F32), put_u32(&b, 0x40000000);
    put_key_string(&b, "b", "newer");
    put_key(&b, "c", GGUF_BOOL), put_number(&b, 0, 1);
    CHECK_EQ(hf_kv_count(kv), 3);
    check_records(kv, &b);
    hf_kv_free(kv);
}

/* More keys than the first list holds. */
static void test_many(void)
{
    struct hf_kv *kv;
    struct bytes b = {.size = 0};
    char name[16];

    CHECK_EQ(hf_kv_new(&kv), 0);
    for (unsigned i = 0; i < 1000; i++) {
        (void)snprintf(name, sizeof(name), "key.%u", i);
        hf_kv_u32(kv, name, i);
        put_key(&b, name, GGUF_U32), put_u32(&b, i);
    }
    check_records(kv, &b);
    hf_kv_free(kv);
}

int main(void)
{
    test_values();
    test_again();
    test_many();
    return 0;
}
