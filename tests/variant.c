/* If this fails, a name in the mount means another variant than it says, or one view has two names.
 */
#include "quant/variant.h"

#include <errno.h>

#include "tests/check.h"

/* The canonical text of a variant; "" if there is no such variant. */
static const char *canonical(const char *text, char result[VARIANT_TEXT_MAX])
{
    struct variant variant;
    int r = variant_parse(text, strlen(text), &variant);

    result[0] = '\0';
    if (r == 0)
        variant_format(&variant, result, VARIANT_TEXT_MAX);
    else
        CHECK_EQ(r, -ENOENT);
    return result;
}

static void test_spellings(void)
{
    static const struct {
        const char *text, *canonical;
    } cases[] = {
        {"q4_k_m", "q4_k_m"},
        {"Q4_K_M", "q4_k_m"},
        {"q4_k", "q4_k_m"},
        {"Q5_k", "q5_k_m"},
        {"copy", "copy"},
        {"bf16", "bf16"},
        {"mmproj-f16", "mmproj-f16"},
        {"MMPROJ-BF16", "mmproj-bf16"},
        {"mmproj-F32", "mmproj-f32"},
        {"mmproj-Q8_0", "mmproj-q8_0"},
        {"q8_0+pure", "q8_0+pure"},
        {"q4_k+PURE+Imatrix+leave-output", "q4_k_m+imatrix+leave-output+pure"},
        {"Q8_0+PURE", "q8_0+pure"},
        {"q8_0+pure+pure", "q8_0+pure"},
        {"q8_0+imatrix+From=BF16+from=bf16", "q8_0+from=bf16+imatrix"},
        {"q8_0+%70u%52e", "q8_0+pure"},
        {"q4_k+token-embd=F16+pure+output=Q8_0+leave-output",
         "q4_k_m+leave-output+output=q8_0+pure+token-embd=f16"},
        {"q4_k_m+output=q8_0+output=Q8_0", "q4_k_m+output=q8_0"},
        {"q4_k_m+output=q4%5fk", "q4_k_m+output=q4_k"},
        {"q4_k_m+output=f32", "q4_k_m+output=f32"},
        {"Q4_K+ATTN_V=Q6_K", "q4_k_m+attn_v=q6_k"},
        {"q8_0+ffn=q5_k+pure+ffn_down=q6_k+output=f16",
         "q8_0+output=f16+pure+ffn=q5_k+ffn_down=q6_k"},
        {"q8_0+a%2B%3d%25%40%2fz=f16", "q8_0+a%2b%3d%25%40%2fz=f16"},
        {"q8_0+blk\\.(0|1)\\..*_exps$=f16", "q8_0+blk\\.(0|1)\\..*_exps$=f16"},
        {"q8_0+\\D=f16", "q8_0+\\d=f16"},
        {"q4_k_s+ollama", "q4_k_s+ollama"},
        {"q8_0+prune=5-7,1,0,6", "q8_0+prune=0,1,5-7"},
        {"q8_0+prune=511", "q8_0+prune=511"},
        {"q8_0+pure+prune=03-5+Prune=3,4,5+ollama", "q8_0+ollama+prune=3-5+pure"},
    };
    char text[VARIANT_TEXT_MAX], again[VARIANT_TEXT_MAX];

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        CHECK_STR(canonical(cases[i].text, text), cases[i].canonical);
        CHECK_STR(canonical(text, again), text);
    }
}

static void test_no_such_variant(void)
{
    static const char *const cases[] = {
        "",
        "15",
        "q4",
        "q4_k_m ",
        "mmproj-",
        "mmproj-q4_0",
        "mmproj-auto",
        "mmproj-copy",
        "mmproj-f16+pure",
        "mmproj-f16+from=f32",
        "mmproj-q8_0+from=f16",
        "q8_0+from=q8_0",
        "mmproj-mmproj-f16",
        "q4_k_m+",
        "q4_k_m++pure",
        "+pure",
        "q4_k_m+nonsense",
        "q4_k_m+pur",
        "q4_k_m+pure=",
        "q4_k_m+imatrix=",
        "q4_k_m+imatrix=x.gguf",
        "q4_k_m+pure=1",
        "q4_k_m%2Bpure",
        "q4_k_m+pure%2B",
        "q4_k_m+pure%",
        "q4_k_m+pure%2",
        "q4_k_m+pure%zz",
        "q4_k_m+pure%00",
        "q4_k_m+output",
        "q4_k_m+output=",
        "q4_k_m+output=nonsense",
        "q4_k_m+output=q8_0=",
        "q4_k_m+output%3dq8_0",
        "q4_k_m+output=q8_0+output=q6_k",
        "q4_k_m+token-embd=q8_0+token-embd=f16",
        "q4_k_m+output=q8_1",
        "q4_k_m+output=i32",
        "q8_1",
        "nvfp4",
        "q4_k_m+a-word-that-is-no-option-of-a-variant",
        "q4_k_m+attn_v",
        "q4_k_m+attn_v=",
        "q4_k_m+=q6_k",
        "q4_k_m+attn_v=q9",
        "q4_k_m+attn_v=i32",
        "q4_k_m+attn_v=q6_k=q8_0",
        "q4_k_m+attn_(=q6_k",
        "q4_k_m+(a)\\1=q6_k",
        "q4_k_m+a**=q6_k",
        "q4_k_m+pure=q6_k",
        "q4_k_m+from",
        "q4_k_m+from=",
        "q4_k_m+from=q8_0",
        "q4_k_m+from=f16+from=f32",
        "q4_k_m+ollama=q6_k",
        "q4_k_m+prune",
        "q4_k_m+prune=",
        "q4_k_m+prune=1,",
        "q4_k_m+prune=,1",
        "q4_k_m+prune=1-",
        "q4_k_m+prune=3-1",
        "q4_k_m+prune=512",
        "q4_k_m+prune=4294967296",
        "q4_k_m+prune=-1",
        "q4_k_m+prune=1+prune=2",
        "q4_k_m+prune=q6_k",
    };
    char text[VARIANT_TEXT_MAX];

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        CHECK_STR(canonical(cases[i], text), "");
}

/* The length counts, not a byte behind the text. */
static void test_length(void)
{
    struct variant variant;

    CHECK_EQ(variant_parse("q8_0+pure.gguf", 9, &variant), 0);
    CHECK(variant.pure && variant.ftype == ftype_find("Q8_0xxx", 4));
    CHECK_EQ(variant_parse("q8_0+pure", 4, &variant), 0);
    CHECK(!variant.pure);
}

static void test_longest(void)
{
    struct variant variant = {.pure = true, .leave_output = true};
    char text[VARIANT_TEXT_MAX], again[VARIANT_TEXT_MAX];

    for (const struct ftype *ftype = ftype_table(); ftype->name; ftype++)
        for (uint32_t type = 0; type < TYPE_COUNT; type++) {
            if (!type_info(type))
                continue;
            variant.ftype = ftype;
            variant.output_type = variant.token_embd_type = (enum type)type;
            variant_format(&variant, text, sizeof(text));
            if (type_info(type)->chunk_weights > 0)
                CHECK_STR(canonical(text, again), text);
        }
}

static void test_table(void)
{
    const struct ftype *ftype;
    size_t count = 0;

    for (ftype = ftype_table(); ftype->name; ftype++, count++) {
        CHECK(ftype_find(ftype->name, strlen(ftype->name)) == ftype);
        if (ftype->alias)
            CHECK(ftype_find(ftype->alias, strlen(ftype->alias)) == ftype);
        if (ftype->type != TYPE_NONE)
            CHECK(ftype_by_number(ftype->number) == ftype);
        if (ftype->type != TYPE_NONE)
            CHECK(type_info((uint32_t)ftype->type)->chunk_weights > 0);
    }
    CHECK_EQ(count, 36); /* with the three aliases the 39 spellings of the tool */
    CHECK(!ftype_find("", 0));
    CHECK(!ftype_find("15", 2));
    CHECK(!ftype_by_number(4) && !ftype_by_number(39) && !ftype_by_number(UINT32_MAX));
    CHECK_EQ(ftype_by_number(15)->type, TYPE_Q4_K);
    CHECK_EQ(ftype_by_number(28)->type, TYPE_IQ2_XS);
    CHECK_EQ(ftype_by_number(29)->type, TYPE_IQ2_S);
}

static void test_split_name(void)
{
    static const struct {
        const char *name, *stem, *text;
    } cases[] = {
        {"model@q8_0.gguf", "model", "q8_0"},
        {"a@b@q8_0+pure.gguf", "a@b", "q8_0+pure"},
        {"v1.5@Q4_K.gguf", "v1.5", "Q4_K"},
        {"model@nonsense.gguf", "model", "nonsense"},
        {"model@q8_0.gguf.gguf", "model", "q8_0.gguf"},
        {"model@q8_0.GGUF", NULL, NULL},
        {"model@q8_0", NULL, NULL},
        {"model.gguf", NULL, NULL},
        {"model@.gguf", NULL, NULL},
        {"@q8_0.gguf", NULL, NULL},
        {"model@gguf", NULL, NULL},
        {"model.gguf@", NULL, NULL},
        {"@", NULL, NULL},
        {"", NULL, NULL},
    };
    size_t stem_length, length;
    const char *text;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        CHECK_EQ(variant_split_name(cases[i].name, &stem_length, &text, &length),
                 cases[i].stem != NULL);
        if (!cases[i].stem)
            continue;
        CHECK_EQ(stem_length, strlen(cases[i].stem));
        CHECK_EQ(strncmp(cases[i].name, cases[i].stem, stem_length), 0);
        CHECK_EQ(length, strlen(cases[i].text));
        CHECK_EQ(strncmp(text, cases[i].text, length), 0);
    }
}

static void test_patterns(void)
{
    static const char text[] = "q8_0+a%2b=f16+pure+b=q6_k";
    struct variant_pattern pattern;
    struct variant variant;
    size_t at = 0;

    CHECK_EQ(variant_parse(text, strlen(text), &variant), 0);
    CHECK(variant_pattern(&variant, &at, &pattern));
    CHECK_STR(pattern.text, "a+");
    CHECK_EQ(pattern.length, 2);
    CHECK_EQ(pattern.type, TYPE_F16);
    CHECK(variant_pattern(&variant, &at, &pattern));
    CHECK_STR(pattern.text, "b");
    CHECK_EQ(pattern.type, TYPE_Q6_K);
    CHECK(!variant_pattern(&variant, &at, &pattern));
}

/* As long as can be, and one byte more. */
static void test_too_long(void)
{
    char text[2 * VARIANT_TEXT_MAX], result[VARIANT_TEXT_MAX];

    for (size_t length = VARIANT_TEXT_MAX - 1; length <= VARIANT_TEXT_MAX; length++) {
        memset(text, 'a', length);
        memcpy(text, "q8_0+", 5);
        memcpy(text + length - 4, "=f16", 5);
        CHECK_STR(canonical(text, result), length < VARIANT_TEXT_MAX ? text : "");
    }
    /* what is written out is longer than what was typed */
    strcpy(text, "q4_k+");
    memset(text + 5, 'a', VARIANT_TEXT_MAX - 10);
    strcpy(text + VARIANT_TEXT_MAX - 5, "=f16");
    CHECK_EQ(strlen(text), VARIANT_TEXT_MAX - 1);
    CHECK_STR(canonical(text, result), "");
}

/* Of a directory these are the converted file itself. */
static void test_plain(void)
{
    static const struct {
        const char *text;
        bool plain;
    } rows[] = {{"f16", true},           {"BF16", true},         {"f32", true},
                {"q8_0", false},         {"copy", false},        {"f16+pure", false},
                {"f16+from=f32", false}, {"f16+imatrix", false}, {"bf16+a=q8_0", false}};
    struct variant variant;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        CHECK_EQ(variant_parse(rows[i].text, strlen(rows[i].text), &variant), 0);
        CHECK_EQ(variant_is_plain(&variant), rows[i].plain);
    }
    CHECK(variant_parse_mix("mine", 4, &variant) && !variant_is_plain(&variant));
}

/* Another file of the directory, which nothing is made of; a mix cannot be called so. */
static void test_projector(void)
{
    struct variant variant;

    CHECK_EQ(variant_parse("mmproj-f16", 10, &variant), 0);
    CHECK(variant_is_projector(&variant) && !variant_is_plain(&variant));
    CHECK_EQ(variant.ftype->type, TYPE_F16);
    variant.pure = true;
    CHECK(!variant_is_projector(&variant));
    CHECK_EQ(variant_parse("mmproj-q8_0", 11, &variant), 0);
    CHECK(variant_is_projector(&variant) && variant.ftype->type == TYPE_Q8_0);
    CHECK_EQ(variant_parse("f16", 3, &variant), 0);
    CHECK(!variant_is_projector(&variant) && !variant.projector);
    CHECK(!variant_parse_mix("Mmproj-F16", 10, &variant));
    CHECK(!variant_parse_mix("mmproj-q8_0", 11, &variant));
    CHECK(variant_parse_mix("mmproj-q4_k_m", 13, &variant) && !variant_is_projector(&variant));
}

int main(void)
{
    test_plain();
    test_projector();
    test_spellings();
    test_no_such_variant();
    test_length();
    test_longest();
    test_patterns();
    test_too_long();
    test_table();
    test_split_name();
    return 0;
}
