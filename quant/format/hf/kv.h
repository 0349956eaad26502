#ifndef QUANT_FORMAT_HF_KV_H
#define QUANT_FORMAT_HF_KV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config.h"

/* Bytes of a text that may hold zeros. */
struct hf_text {
    const char *text;
    size_t size;
};

/*
 * The metadata keys of a GGUF header under construction, in order.
 *
 * As in the reference converter (import.md 4): a key set again keeps its first place and takes the
 * new value (and type); an empty string or array is not written, and where the key is set already
 * it stays as it was. Everything given is copied.
 *
 * Each setter returns 0 or -ENOMEM. The first error stays and is what every later call returns, so
 * that a run of calls may be checked once, at its end: hf_kv_error().
 */
struct hf_kv;

MUST_USE int hf_kv_new(struct hf_kv **kv);
void hf_kv_free(struct hf_kv *kv);

int hf_kv_u32(struct hf_kv *kv, const char *key, uint32_t value);
int hf_kv_i32(struct hf_kv *kv, const char *key, int32_t value);
int hf_kv_u64(struct hf_kv *kv, const char *key, uint64_t value);
int hf_kv_f32(struct hf_kv *kv, const char *key, float value);
int hf_kv_bool(struct hf_kv *kv, const char *key, bool value);
int hf_kv_string(struct hf_kv *kv, const char *key, const char *text, size_t size);

int hf_kv_strings(struct hf_kv *kv, const char *key, const struct hf_text *values, size_t count);
int hf_kv_u32s(struct hf_kv *kv, const char *key, const uint32_t *values, size_t count);
int hf_kv_i32s(struct hf_kv *kv, const char *key, const int32_t *values, size_t count);
int hf_kv_f32s(struct hf_kv *kv, const char *key, const float *values, size_t count);
int hf_kv_bools(struct hf_kv *kv, const char *key, const bool *values, size_t count);
int hf_kv_u8s(struct hf_kv *kv, const char *key, const uint8_t *values, size_t count);

MUST_USE int hf_kv_error(const struct hf_kv *kv);
bool hf_kv_has(const struct hf_kv *kv, const char *key);
/* A string that is set; false: none. It lives until the key is set again. */
bool hf_kv_get_string(const struct hf_kv *kv, const char *key, struct hf_text *value);

size_t hf_kv_count(const struct hf_kv *kv);
/* Bytes of all records end to end, as they stand in a file behind the counts. */
uint64_t hf_kv_size(const struct hf_kv *kv);
/* Writes just that. */
void hf_kv_write(const struct hf_kv *kv, uint8_t *out);

#endif
