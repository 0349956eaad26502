#include "fs/record.h"

#include <assert.h>
#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fs/directory.h"
#include "quant/source.h"

/*
 * The payload, with little-endian numbers:
 *
 *   offset  size
 *        0     4  "qfsr"
 *        4     4  RECORD_VERSION
 *        8     4  verdict: a number of outcomes[]
 *       12     4  N, variants
 *       16     8  weights of the source
 *       24     8  bytes of its tensors
 *       32     4  its general.file_type, or 2^32 - 1
 *       36     4  what the reason is about: 0 the source, else a variant (from 1)
 *       40     8  the reason's place in the file, or 2^64 - 1
 *       48     4  the file of the set, from 0
 *       52     4  R, size of the reason; 0: none
 *       56  280N  variants
 *        .     R  the reason's text
 *
 * and each variant:
 *
 *        0     8  size of the view
 *        8     8  bytes of its tensors
 *       16     4  0, or a number of outcomes[]
 *       20     4  0
 *       24   256  canonical text, filled with zeros
 */
struct head {
    uint8_t magic[4];
    uint32_t version;
    uint32_t verdict;
    uint32_t count;
    uint64_t weights;
    uint64_t data;
    uint32_t ftype;
    uint32_t about;
    uint64_t offset;
    uint32_t shard;
    uint32_t reason_size;
};

struct row {
    uint64_t size;
    uint64_t data;
    uint32_t outcome;
    uint32_t zero;
    char variant[256];
};

_Static_assert(sizeof(struct head) == 56, "on disk");
_Static_assert(offsetof(struct head, version) == 4, "on disk");
_Static_assert(offsetof(struct head, verdict) == 8, "on disk");
_Static_assert(offsetof(struct head, count) == 12, "on disk");
_Static_assert(offsetof(struct head, weights) == 16, "on disk");
_Static_assert(offsetof(struct head, data) == 24, "on disk");
_Static_assert(offsetof(struct head, ftype) == 32, "on disk");
_Static_assert(offsetof(struct head, about) == 36, "on disk");
_Static_assert(offsetof(struct head, offset) == 40, "on disk");
_Static_assert(offsetof(struct head, shard) == 48, "on disk");
_Static_assert(offsetof(struct head, reason_size) == 52, "on disk");
_Static_assert(sizeof(struct row) == 280, "on disk");
_Static_assert(offsetof(struct row, data) == 8, "on disk");
_Static_assert(offsetof(struct row, outcome) == 16, "on disk");
_Static_assert(offsetof(struct row, variant) == 24, "on disk");
_Static_assert(VARIANT_TEXT_MAX <= 256, "a variant's text fits");

static const uint8_t magic[4] = {'q', 'f', 's', 'r'};

/* By number: those of errno are not the same on every machine. The rest depends on who asks, or on
 * more than the files. */
static const int outcomes[] = {0, -ENOENT, -ENOEXEC, -EINVAL, -ENOTSUP, -ENODATA, -ENOKEY};

#define OUTCOMES (sizeof(outcomes) / sizeof(outcomes[0]))

/* False: it does not last. */
static bool outcome_number(int r, uint32_t *number)
{
    for (uint32_t i = 0; i < OUTCOMES; i++) {
        if (outcomes[i] == r) {
            *number = htole32(i);
            return true;
        }
    }
    return false;
}

static int make_name(struct cache *cache, const char *first, const struct model_record *record,
                     struct name *name)
{
    const struct probe_files *files = &record->files;
    struct digest digest;

    name_begin(&digest, cache_key(cache), "source");
    name_add_number(&digest, RECORD_VERSION);
    name_add(&digest, QUANTFS_VERSION, strlen(QUANTFS_VERSION));
    name_add_number(&digest, record->requantize);
    name_add(&digest, record->form, strlen(record->form));
    name_add(&digest, first, strlen(first));
    if (directory_is_model(first)) /* other rules make another file of it, or more of them any */
        name_add_number(&digest, source_save_version());
    for (unsigned i = 0; i < files->count; i++) {
        const struct version *version = &files->versions[i];

        name_add_number(&digest, version->inode);
        name_add_number(&digest, version->size);
        name_add_number(&digest, (uint64_t)version->mtime.tv_sec);
        name_add_number(&digest, (uint64_t)version->mtime.tv_nsec);
        name_add_number(&digest, (uint64_t)version->ctime.tv_sec);
        name_add_number(&digest, (uint64_t)version->ctime.tv_nsec);
    }
    return name_end(&digest, name);
}

/* ---- reading ---- */

static bool is_variant(const struct row *row)
{
    char text[sizeof(row->variant)] = {0};
    size_t length = strnlen(row->variant, sizeof(row->variant));
    struct variant variant;

    if (variant_parse_any(row->variant, length, &variant) < 0)
        return false;
    variant_format(&variant, text, sizeof(text));
    return memcmp(text, row->variant, sizeof(text)) == 0;
}

static int decode_row(const uint8_t *from, struct model_result *result)
{
    struct row row;

    memcpy(&row, from, sizeof(row));
    row.outcome = le32toh(row.outcome);
    result->size = le64toh(row.size);
    result->data = le64toh(row.data);
    if (row.outcome >= OUTCOMES || row.zero != 0 || !is_variant(&row) || result->size > INT64_MAX ||
        result->data > result->size)
        return -ENOENT;
    result->r = outcomes[row.outcome];
    result->variant = strdup(row.variant); /* it ends before the field does */
    return result->variant ? 0 : -ENOMEM;
}

static bool decode_head(const uint8_t *data, size_t size, unsigned files, struct head *head)
{
    if (size < sizeof(*head))
        return false;
    memcpy(head, data, sizeof(*head));
    head->verdict = le32toh(head->verdict);
    head->count = le32toh(head->count);
    head->about = le32toh(head->about);
    head->shard = le32toh(head->shard);
    head->reason_size = le32toh(head->reason_size);
    return memcmp(head->magic, magic, sizeof(magic)) == 0 &&
           le32toh(head->version) == RECORD_VERSION && head->verdict < OUTCOMES &&
           head->count <= MODEL_RESULTS_MAX && head->about <= head->count && head->shard < files &&
           head->reason_size < sizeof(((struct defect *)NULL)->text) &&
           size == sizeof(*head) + head->count * sizeof(struct row) + head->reason_size;
}

/* `data` ends with a zero byte behind it. */
static int decode(const uint8_t *data, size_t size, struct model_record *record)
{
    struct defect defect = {.text = ""};
    struct model_result *results = NULL;
    struct model_reason *reason = NULL;
    struct head head;
    const uint8_t *at = data + sizeof(head);
    int r = 0;

    if (!decode_head(data, size, record->files.count, &head))
        return -ENOENT;
    results = calloc(head.count + 1, sizeof(*results));
    if (!results)
        return -ENOMEM;
    for (uint32_t i = 0; i < head.count && r == 0; i++, at += sizeof(struct row))
        r = decode_row(at, &results[i]);
    if (r < 0)
        goto out;
    if (head.reason_size > 0) {
        defect.offset = le64toh(head.offset);
        defect.shard = head.shard;
        memcpy(defect.text, at, head.reason_size);
        reason = model_reason_new(head.about ? results[head.about - 1].variant : NULL, &defect);
        r = reason ? 0 : -ENOMEM;
        if (r < 0)
            goto out;
    }
    record->verdict = outcomes[head.verdict];
    record->weights = le64toh(head.weights);
    record->data = le64toh(head.data);
    record->ftype = le32toh(head.ftype);
    model_results_free(record->results, record->result_count);
    record->result_count = head.count;
    record->results = results;
    record->reason = reason;
    return 0;
out:
    model_results_free(results, head.count);
    return r;
}

int record_load(struct cache *cache, const char *first, struct model_record *record)
{
    struct name name;
    void *data;
    size_t size;
    int r = make_name(cache, first, record, &name);

    if (r == 0)
        r = cache_get_record(cache, &name, &data, &size);
    if (r < 0)
        return r;
    r = decode(data, size, record);
    free(data);
    return r;
}

/* ---- writing ---- */

static void encode_row(const struct model_result *result, struct row *row)
{
    *row = (struct row){.size = htole64(result->size), .data = htole64(result->data)};
    (void)outcome_number(result->r, &row->outcome);
    memcpy(row->variant, result->variant, strlen(result->variant) + 1);
}

/* The number of the reason's variant, 0: of none; false: that variant is forgotten. */
static bool find_about(const struct model_record *record, uint32_t *about)
{
    *about = 0;
    if (!record->reason->variant)
        return true;
    for (size_t i = 0; i < record->result_count && *about == 0; i++)
        if (strcmp(record->results[i].variant, record->reason->variant) == 0)
            *about = (uint32_t)i + 1;
    return *about > 0;
}

void record_save(struct cache *cache, const char *first, const struct model_record *record)
{
    struct head head = {
        .version = htole32(RECORD_VERSION),
        .count = htole32((uint32_t)record->result_count),
        .weights = htole64(record->weights),
        .data = htole64(record->data),
        .ftype = htole32(record->ftype),
    };
    uint8_t buffer[sizeof(head) + MODEL_RESULTS_MAX * sizeof(struct row) +
                   sizeof(((struct defect *)NULL)->text)];
    uint8_t *at = buffer + sizeof(head);
    struct name name;
    uint32_t about;

    assert(record->result_count <= MODEL_RESULTS_MAX);
    memcpy(head.magic, magic, sizeof(magic));
    if (!outcome_number(record->verdict, &head.verdict) ||
        make_name(cache, first, record, &name) < 0)
        return;
    for (size_t i = 0; i < record->result_count; i++, at += sizeof(struct row)) {
        struct row row;

        encode_row(&record->results[i], &row);
        memcpy(at, &row, sizeof(row));
    }
    if (record->reason && find_about(record, &about)) {
        size_t length = strlen(record->reason->text);

        head.about = htole32(about);
        head.offset = htole64(record->reason->offset);
        head.shard = htole32(record->reason->shard);
        head.reason_size = htole32((uint32_t)length);
        memcpy(at, record->reason->text, length);
        at += length;
    }
    memcpy(buffer, &head, sizeof(head));
    (void)cache_put_record(cache, &name, buffer, (size_t)(at - buffer));
}
