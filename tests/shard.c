/*
 * If this failed, a split set would not be found, or a single file with a long name would be taken
 * for a part of one.
 */
#include "fs/shard.h"

#include "tests/check.h"

static void check_none(const char *name)
{
    size_t stem_length = 77;
    unsigned number = 78, count = 79;

    CHECK(!shard_parse(name, &stem_length, &number, &count));
    /* Callers rely on what they had put there. */
    CHECK_EQ(stem_length, 77);
    CHECK_EQ(number, 78);
    CHECK_EQ(count, 79);
    CHECK_EQ(shard_count(name), 1);
}

static void check_shard(const char *name, size_t stem, unsigned n, unsigned of)
{
    size_t stem_length;
    unsigned number, count;

    CHECK(shard_parse(name, &stem_length, &number, &count));
    CHECK_EQ(stem_length, stem);
    CHECK_EQ(number, n);
    CHECK_EQ(count, of);
    CHECK_EQ(shard_count(name), of);
}

int main(void)
{
    char name[SHARD_NAME_MAX];

    check_shard("m-00001-of-00003.gguf", 1, 1, 3);
    check_shard("a-00001-of-00002-00002-of-00002.gguf", 16, 2, 2);
    check_shard("m-99999-of-99999.gguf", 1, 99999, 99999);
    check_none("m.gguf");
    check_none("");
    check_none("Meta-Llama-3.1-8B-Instruct-f16.gguf");
    check_none("-00001-of-00003.gguf");
    check_none("m-00000-of-00003.gguf");
    check_none("m-00004-of-00003.gguf");
    check_none("m-0001-of-00003.gguf");
    check_none("m-0000x-of-00003.gguf");
    check_none("m-00001-of-0000 .gguf");
    check_none("m-00001_of-00003.gguf");
    check_none("m-00001-of-00003.GGUF");
    check_none("m-00001-of-00003.gguf.part");
    shard_name("m-00001-of-00012.gguf", 11, name);
    CHECK_STR(name, "m-00012-of-00012.gguf");
    shard_name("m.gguf", 0, name);
    CHECK_STR(name, "m.gguf");
    return 0;
}
