/* If this fails, a pattern that others publish is refused, one that is none is taken, or a hostile
 * one takes long. */
#include "quant/pattern.h"

#include "tests/check.h"

static struct pattern *compile(const char *text)
{
    struct defect defect = {.text = ""};
    struct pattern *pattern;
    int r = pattern_compile(text, strlen(text), &pattern, &defect);

    if (r < 0)
        fprintf(stderr, "%s: %s\n", text, defect.text);
    CHECK_EQ(r, 0);
    return pattern;
}

static int find(const char *text, const char *name)
{
    uint64_t steps = 1000;
    struct pattern *pattern = compile(text);
    int r = pattern_search(pattern, name, strlen(name), &steps);

    pattern_free(pattern);
    return r;
}

/* As in published mixes (Unsloth, bartowski, ubergarm, Ollama, llama.cpp's own examples). */
static void test_published(void)
{
    static const struct {
        const char *text, *found, *not_found;
    } cases[] = {
        {"attn_q", "blk.0.attn_q.weight", "blk.0.attn_k.weight"},
        {"blk\\.(0|1|2)\\.ffn_.*_exps", "blk.2.ffn_down_exps.weight", "blk.3.ffn_down_exps.weight"},
        {"\\.attn_(q|k|v)\\.weight", "blk.9.attn_v.weight", "blk.9.attn_qkv.weight"},
        {"^blk\\.([0-9]|[1-3][0-9])\\.ffn_down$", "blk.39.ffn_down", "blk.40.ffn_down"},
        {"\\.ffn_.*_exps\\.weight", "blk.1.ffn_up_exps.weight", "blk.1.ffn_up.weight"},
        {"blk\\..*\\.ffn_(gate|up)_shexp\\.weight", "blk.1.ffn_up_shexp.weight",
         "blk.1.ffn_down_shexp.weight"},
        {"blk\\.([0-9]|[1-5][0-9]|60)\\.attn_k_b\\.weight", "blk.60.attn_k_b.weight",
         "blk.61.attn_k_b.weight"},
        {"^blk\\.[0-9]+\\.nextn\\.eh_proj\\.weight$", "blk.12.nextn.eh_proj.weight",
         "blk.12.nextn.eh_proj.weight2"},
        {"^per_layer_token_embd\\.weight$", "per_layer_token_embd.weight", "token_embd.weight"},
        {"token_embd\\.weight", "token_embd.weight", "token_embd_norm.bias"},
        {"blk\\.(1[0-9]|[2-9])\\.ffn_down", "blk.7.ffn_down.weight", "blk.21.ffn_down.weight"},
        {"blk\\.(?!0\\.).*attn_k", "blk.1.attn_k.weight", "blk.0.attn_k.weight"},
        {"(attn_v|attn_k|ffn_down)\\.weight", "blk.0.ffn_down.weight", "blk.0.ffn_up.weight"},
        {"blk\\.\\d+\\.ssm_(in|out)", "blk.33.ssm_out.weight", "blk.x.ssm_out.weight"},
        {"blk\\.[[:digit:]]{1,2}\\.ffn", "blk.33.ffn_up", "blk.333.ffn_up"},
        {"ffn_*", "blk.0.ffn.x", "blk.0.attn_q.weight"},
        {"\\bweight\\b", "blk.0.weight", "blk.0.weights"},
        {"(?:a|b)+?c{2,}$", "abacc", "abac"},
        {"[^_]exps", "xexps", "_exps"},
        {".", "x", "\n"},
        {"a$", "a", "a\n"},
        {"[]", "\0", "a"},
        {"\\e]}", "xe]}", "e"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        if (cases[i].found[0])
            CHECK_EQ(find(cases[i].text, cases[i].found), 1);
        CHECK_EQ(find(cases[i].text, cases[i].not_found), 0);
    }
}

/* The messages that llama-quantize 0.7.0 gives, and ours for what only std::regex reads. */
static void test_refused(void)
{
    static const struct {
        const char *text;
        int error;
        const char *message;
    } cases[] = {
        {"attn_(", EINVAL, "Mismatched '(' and ')' in regular expression"},
        {"a)", EINVAL, "Mismatched '(' and ')' in regular expression"},
        {"*a", EINVAL, "Mismatched '(' and ')' in regular expression"},
        {"^*", EINVAL, "Mismatched '(' and ')' in regular expression"},
        {"(?=a)*", EINVAL, "Mismatched '(' and ')' in regular expression"},
        {"{", EINVAL, "Mismatched '(' and ')' in regular expression"},
        {"(?", EINVAL, "Mismatched '(' and ')' in regular expression"},
        {"(?<a)", EINVAL, "Invalid '(?...)' zero-width assertion in regular expression"},
        {"a{", EINVAL, "Invalid range in '{}' in regular expression"},
        {"a{2", EINVAL, "Mismatched '{' and '}' in regular expression"},
        {"a{2,", EINVAL, "Mismatched '{' and '}' in regular expression"},
        {"a{2,1}", EINVAL, "Invalid range in '{}' in regular expression"},
        {"a{,2}", EINVAL, "Invalid range in '{}' in regular expression"},
        {"a{99999999999}", EINVAL, "invalid back reference"},
        {"[a", EINVAL, "Unexpected character within '[...]' in regular expression"},
        {"[z-a]", EINVAL, "Invalid range in bracket expression."},
        {"[a-\\d]", EINVAL, "Invalid end of '[x-x]' range in regular expression"},
        {"[\\d-a]", EINVAL, "Invalid start of '[x-x]' range in regular expression"},
        {"[[:foo:]]", EINVAL, "Invalid character class."},
        {"[[:digit", EINVAL, "Invalid character class in regular expression"},
        {"[[.", EINVAL, "Invalid collating element in regular expression"},
        {"[[", EINVAL, "Incomplete '[[' character class in regular expression"},
        {"\\", EINVAL, "Invalid escape at end of regular expression"},
        {"[\\", EINVAL, "Invalid escape in regular expression"},
        {"\\c", EINVAL, "invalid '\\cX' control character in regular expression"},
        {"\\x4", EINVAL, "Invalid '\\xNN' control character in regular expression"},
        {"\\u004", EINVAL, "Invalid '\\uNNNN' control character in regular expression"},
        {"\\1", EINVAL, "Back-reference index exceeds current sub-expression count."},
        {"(a)\\1", ENOTSUP, "a back reference in a pattern: not supported"},
        {"\\x41", ENOTSUP, "a character by its number in a pattern: not supported"},
        {"a**", ENOTSUP, "a repetition of a repetition in a pattern: not supported"},
        {"(?!^a)", ENOTSUP, "^, \\b or \\B in a lookahead in a pattern: not supported"},
        {"[[.a.]]", ENOTSUP, "a collating element in a pattern: not supported"},
        {"(a{300}){400}", ENOTSUP, "so many repetitions in a pattern: not supported"},
        {"a{100000}", ENOTSUP, "so many repetitions in a pattern: not supported"},
    };
    struct defect defect;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        CHECK_EQ(pattern_check(cases[i].text, strlen(cases[i].text), &defect), -cases[i].error);
        CHECK_STR(defect.text, cases[i].message);
    }
}

/* The steps of a search are counted, and bounded, however many ways a pattern leaves open. */
static void test_steps(void)
{
    static const char *const hostile[] = {
        "(a*)*b",
        "(a|a)*b",
        "(a|a?)+b",
        "(?:a|a){30}b",
        "(a?){30}(a?){30}b",
        "(.*)(.*)(.*)(.*)(.*)b",
        "(?:|a)(?:|a)(?:|a)(?:|a)(?:|a)(?:|a)(?:|a)(?:|a)(?:|a)(?:|a)(?:|a)(?:|a)(?:|a)(?:|a)b",
        "((?=.)){500}[x-z]",
        "(?=(a*)*b)",
        "((a*)*)*b",
        "(?:(?:a?a?)*)*b",
        "(a*?)*?b",
        "(?!(?:a|a)*b)b",
    };
    static const char name[] = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaac";
    const uint64_t all = 100000;
    struct pattern *pattern;
    uint64_t steps;
    int r;

    for (size_t i = 0; i < sizeof(hostile) / sizeof(hostile[0]); i++) {
        pattern = compile(hostile[i]);
        steps = all;
        r = pattern_search(pattern, name, strlen(name), &steps);
        CHECK(r == 0 || (r == -E2BIG && steps == 0));
        CHECK(steps < all);
        pattern_free(pattern);
    }
    pattern = compile("(a|a)*b.*b");
    steps = all;
    CHECK_EQ(pattern_search(pattern, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaabc", 36, &steps), -E2BIG);
    CHECK_EQ(steps, 0);
    CHECK_EQ(pattern_search(pattern, "b", 1, &steps), -E2BIG);
    steps = 50;
    CHECK_EQ(pattern_search(pattern, "abab", 4, &steps), 1);
    pattern_free(pattern);
}

/* Whatever is long or deep is refused before anything recurses or grows. */
static void test_limits(void)
{
    char text[PATTERN_SIZE_MAX + 2];
    struct defect defect;
    struct pattern *pattern;

    memset(text, 'a', sizeof(text));
    CHECK_EQ(pattern_check(text, PATTERN_SIZE_MAX, &defect), 0);
    CHECK_EQ(pattern_check(text, PATTERN_SIZE_MAX + 1, &defect), -ENOTSUP);
    memset(text, '(', sizeof(text));
    CHECK_EQ(pattern_check(text, PATTERN_SIZE_MAX, &defect), -ENOTSUP);
    memset(text, '(', PATTERN_DEPTH_MAX);
    memset(text + PATTERN_DEPTH_MAX, ')', PATTERN_DEPTH_MAX);
    CHECK_EQ(pattern_compile(text, 2 * (size_t)PATTERN_DEPTH_MAX, &pattern, &defect), 0);
    pattern_free(pattern);
    for (size_t i = 0; i + 9 <= sizeof(text); i += 9)
        memcpy(text + i, "([ac]){5}", 9);
    /* too much for PCRE2, which says so */
    CHECK_EQ(pattern_check(text, 450 * 9, &defect), 0);
    CHECK_EQ(pattern_compile(text, 450 * 9, &pattern, &defect), -ENOTSUP);
    CHECK_EQ(pattern_check("a\0b", 3, &defect), -EINVAL);
}

int main(void)
{
    test_published();
    test_refused();
    test_steps();
    test_limits();
    return 0;
}
