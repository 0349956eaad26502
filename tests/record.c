/* If this failed, a listing would show sizes that are not those of the model, or those of another
 * one, or a damaged record would be believed. */
#include "fs/record.h"

#include <errno.h>
#include <ftw.h>
#include <unistd.h>

#include "tests/check.h"

#define FILES 2

static const char first[] = "big-00001-of-00002.gguf";

struct set {
    struct version versions[FILES];
    struct model_record record;
};

static struct variant variant(const char *text)
{
    struct variant found;

    CHECK_EQ(variant_parse(text, strlen(text), &found), 0);
    return found;
}

static void describe(struct set *set)
{
    *set = (struct set){.record = {.path = "d/x", .form = "", .files = {.count = FILES}}};
    for (unsigned i = 0; i < FILES; i++)
        set->versions[i] = (struct version){.device = 7,
                                            .inode = 100 + i,
                                            .size = 1000 + i,
                                            .mtime = {.tv_sec = 1, .tv_nsec = 2},
                                            .ctime = {.tv_sec = 3, .tv_nsec = 4}};
    set->record.files.versions = set->versions;
}

static void clear(struct set *set)
{
    model_results_free(set->record.results, set->record.result_count);
    free(set->record.reason);
    describe(set);
}

/* A model with two variants and one that is refused. */
static void fill(struct set *set)
{
    static const char *const texts[] = {"q4_k_m", "q8_0+output=f16", "q6_k"};
    struct defect defect = {.offset = 55, .shard = 1, .text = "too odd"};
    struct model_record *record = &set->record;

    describe(set);
    record->judged = true;
    record->weights = 12345;
    record->data = 24690;
    record->ftype = 1;
    for (size_t i = 0; i < 3; i++) {
        struct variant one = variant(texts[i]);

        model_record_keep(record, &one, 0, 5, 3);
        if (i < 2)
            model_record_keep(record, &one, 0, 1000 * i + 77, 900 * i);
        else
            model_record_keep(record, &one, -ENOENT, 0, 0);
    }
    CHECK_EQ(record->result_count, 3);
    record->reason = model_reason_new(record->results[2].variant, &defect);
    CHECK(record->reason);
}

static void check_filled(const struct model_record *record)
{
    const struct model_result *result;
    struct variant wanted = variant("q8_0+output=f16"), refused = variant("q6_k");

    CHECK_EQ(record->verdict, 0);
    CHECK_EQ(record->weights, 12345);
    CHECK_EQ(record->data, 24690);
    CHECK_EQ(record->ftype, 1);
    CHECK_EQ(record->result_count, 3);
    result = model_record_find(record, &wanted);
    CHECK(result && result->r == 0 && result->size == 1077 && result->data == 900);
    result = model_record_find(record, &refused);
    CHECK(result && result->r == -ENOENT);
    CHECK(record->reason && record->reason->variant);
    CHECK_STR(record->reason->variant, "q6_k");
    CHECK_EQ(record->reason->offset, 55);
    CHECK_EQ(record->reason->shard, 1);
    CHECK_STR(record->reason->text, "too odd");
}

static void test_model(struct cache *cache)
{
    struct set set, found;

    fill(&set);
    describe(&found);
    CHECK_EQ(record_load(cache, first, &found.record), -ENOENT);
    record_save(cache, first, &set.record);
    CHECK_EQ(record_load(cache, first, &found.record), 0);
    check_filled(&found.record);
    clear(&found);
    /* The number of a device changes at reboot. */
    found.versions[0].device = found.versions[1].device = 99;
    CHECK_EQ(record_load(cache, first, &found.record), 0);
    check_filled(&found.record);
    clear(&found);
    clear(&set);
}

static void test_other_versions(struct cache *cache)
{
    struct set set, found;

    fill(&set);
    record_save(cache, first, &set.record);
    for (unsigned i = 0; i < 2 * 6 + 2; i++) {
        struct version *version;

        describe(&found);
        version = &found.versions[i % 2];
        switch (i / 2) {
        case 0:
            version->inode++;
            break;
        case 1:
            version->size++;
            break;
        case 2:
            version->mtime.tv_sec++;
            break;
        case 3:
            version->mtime.tv_nsec++;
            break;
        case 4:
            version->ctime.tv_sec++;
            break;
        case 5:
            version->ctime.tv_nsec++;
            break;
        default:
            found.record.files.count = i % 2;
        }
        CHECK_EQ(record_load(cache, first, &found.record), -ENOENT);
    }
    describe(&found);
    CHECK_EQ(record_load(cache, "other-00001-of-00002.gguf", &found.record), -ENOENT);
    /* Who may convert quantized sources finds other variants. */
    found.record.requantize = true;
    CHECK_EQ(record_load(cache, first, &found.record), -ENOENT);
    /* So does who looks for an importance matrix, also where there is none. */
    found.record.requantize = false;
    found.record.form = "+imatrix";
    CHECK_EQ(record_load(cache, first, &found.record), -ENOENT);
    found.record.form = "";
    CHECK_EQ(record_load(cache, first, &found.record), 0);
    clear(&found);
    clear(&set);
}

static void test_verdicts(struct cache *cache)
{
    static const int lasting[] = {-ENOEXEC, -EINVAL, -ENOTSUP, -ENODATA, -ENOKEY};
    static const int passing[] = {-EACCES, -EPERM, -EIO, -EAGAIN};
    struct defect defect = {.offset = DEFECT_NOWHERE, .text = "no good"};
    struct set set, found;

    for (unsigned i = 0; i < 9; i++) {
        describe(&set);
        describe(&found);
        set.versions[0].size = found.versions[0].size = 5000 + i;
        set.record.verdict = i < 5 ? lasting[i] : passing[i - 5];
        set.record.reason = model_reason_new(NULL, &defect);
        record_save(cache, first, &set.record);
        CHECK_EQ(record_load(cache, first, &found.record), i < 5 ? 0 : -ENOENT);
        if (i < 5) {
            CHECK_EQ(found.record.verdict, lasting[i]);
            CHECK(!found.record.reason->variant);
            CHECK(found.record.reason->offset == DEFECT_NOWHERE);
            CHECK_STR(found.record.reason->text, "no good");
        }
        clear(&set);
        clear(&found);
    }
}

/* The name that record.h promises. */
static struct name name_of(struct cache *cache, const struct set *set)
{
    struct digest digest;
    struct name name;

    name_begin(&digest, cache_key(cache), "source");
    name_add_number(&digest, RECORD_VERSION);
    name_add(&digest, QUANTFS_VERSION, strlen(QUANTFS_VERSION));
    name_add_number(&digest, 0); /* not permitted to convert quantized sources */
    name_add(&digest, "", 0);    /* of its own files alone */
    name_add(&digest, first, strlen(first));
    for (unsigned i = 0; i < FILES; i++) {
        const struct version *version = &set->versions[i];

        name_add_number(&digest, version->inode);
        name_add_number(&digest, version->size);
        name_add_number(&digest, (uint64_t)version->mtime.tv_sec);
        name_add_number(&digest, (uint64_t)version->mtime.tv_nsec);
        name_add_number(&digest, (uint64_t)version->ctime.tv_sec);
        name_add_number(&digest, (uint64_t)version->ctime.tv_nsec);
    }
    CHECK_EQ(name_end(&digest, &name), 0);
    return name;
}

/* Whatever stands there: nothing is read that is not there, and nothing impossible comes out. */
static void test_damage(struct cache *cache)
{
    struct set set, found;
    uint8_t *data, *copy;
    struct name name;
    size_t size, taken = 0;
    void *got;

    fill(&set);
    record_save(cache, first, &set.record);
    name = name_of(cache, &set);
    CHECK_EQ(cache_get_record(cache, &name, &got, &size), 0);
    data = got;
    copy = malloc(size + 1);
    CHECK(copy);
    for (size_t i = 0; i < size; i++) {
        memcpy(copy, data, size);
        copy[i] ^= (uint8_t)(i % 3 == 0 ? 0xff : i % 3 == 1 ? 1 : 0x80);
        CHECK_EQ(cache_put_record(cache, &name, copy, size), 0);
        describe(&found);
        if (record_load(cache, first, &found.record) == 0) {
            taken++;
            CHECK(found.record.result_count <= MODEL_RESULTS_MAX);
            for (size_t j = 0; j < found.record.result_count; j++)
                CHECK(found.record.results[j].variant);
        }
        clear(&found);
        CHECK_EQ(cache_put_record(cache, &name, data, i), 0);
        CHECK_EQ(record_load(cache, first, &found.record), -ENOENT);
    }
    CHECK(taken > 0 && taken < size / 2);
    memcpy(copy, data, size);
    copy[size] = 'x';
    CHECK_EQ(cache_put_record(cache, &name, copy, size + 1), 0);
    describe(&found);
    CHECK_EQ(record_load(cache, first, &found.record), -ENOENT);
    free(copy);
    free(data);
    clear(&set);
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st, (void)type, (void)ftw;
    return remove(path);
}

int main(void)
{
    char path[] = "/tmp/quantfs-test-record.XXXXXX", reason[CACHE_REASON_SIZE];
    struct cache_config config = {.min_free = {.given = true}};
    struct cache *cache;

    CHECK(mkdtemp(path));
    config.path = path;
    CHECK_EQ(cache_new(&config, &cache, reason), 0);
    test_model(cache);
    test_other_versions(cache);
    test_verdicts(cache);
    test_damage(cache);
    cache_free(cache);
    CHECK_EQ(nftw(path, remove_entry, 8, FTW_DEPTH | FTW_PHYS), 0);
    return 0;
}
