#include "quant/recipe_patterns.h"

#include <stdlib.h>
#include <string.h>

#include "quant/pattern.h"
#include "quant/rules.h"

/*
 * Steps for all searches of one recipe. Patterns in use take 1 to 10 for a name, 30 with `.*` three
 * times; hostile ones whatever they get. A step is some 25 ns. Anybody may look up a name, so what
 * its patterns get does not grow without end with their number.
 */
#define STEPS_MIN ((uint64_t)1 << 17)
#define STEPS_EACH 32
#define TYPED_MAX 8

struct recipe_pattern {
    struct pattern *pattern;
    enum type type;
};

/* Ollama's own, as of its `create --quantize`: what it asks of llama-quantize besides the file
 * type, for these two alone. */
static const struct {
    const char *arch, *pattern;
    enum type type;
} ollama[] = {
    {"qwen35", "^blk\\.[0-9]+\\.nextn\\.eh_proj\\.weight$", TYPE_Q8_0},
    {"qwen35moe", "^blk\\.[0-9]+\\.nextn\\.eh_proj\\.weight$", TYPE_Q8_0},
    {"gemma3n", "^per_layer_token_embd\\.weight$", TYPE_F16},
    {"deepseek2", "attn_k_b\\.weight$", TYPE_Q8_0},
    {"deepseek2", "attn_q_a\\.weight$", TYPE_Q8_0},
    {"deepseek2", "attn_q_b\\.weight$", TYPE_Q8_0},
    {"deepseek2", "attn_v_b\\.weight$", TYPE_Q8_0},
    {"deepseek2", "attn_kv_a_mqa\\.weight$", TYPE_Q8_0},
    {"glm4", "^token_embd\\.weight$", TYPE_F16},
    {"glm4", "^output\\.weight$", TYPE_F16},
};

static bool is_for(size_t i, const struct variant *variant, const char *arch)
{
    const char *ftype = variant->ftype->name;

    return variant->ollama && (strcmp(ftype, "Q4_K_S") == 0 || strcmp(ftype, "Q4_K_M") == 0) &&
           strcmp(ollama[i].arch, arch) == 0;
}

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static size_t count_patterns(const struct variant *variant, const char *arch)
{
    size_t count = variant->rules ? variant->rules->pattern_count : 0, at = 0;
    struct variant_pattern pattern;

    while (variant_pattern(variant, &at, &pattern))
        count++;
    for (size_t i = 0; i < COUNT(ollama); i++)
        count += is_for(i, variant, arch);
    return count;
}

/* The tool's messages stay as they are, for `quantize` to show. */
static int add(struct recipe_patterns *patterns, const char *text, size_t length, enum type type,
               struct defect *defect)
{
    struct recipe_pattern *pattern = &patterns->patterns[patterns->count];
    struct defect reason = {.text = ""};
    int r = pattern_compile(text, length, &pattern->pattern, &reason);

    if (r == -ENOTSUP)
        return defect_set(defect, ENOTSUP, DEFECT_NOWHERE, "'%.*s': %s", (int)length, text,
                          reason.text);
    if (r < 0) {
        if (defect)
            *defect = reason;
        return r;
    }
    pattern->type = type;
    patterns->count++;
    return 0;
}

int recipe_patterns_make(const struct variant *variant, const char *arch, size_t tensors,
                         struct recipe_patterns *patterns, struct defect *defect)
{
    const struct rules *rules = variant->rules;
    size_t count = count_patterns(variant, arch), at = 0;
    struct variant_pattern pattern;
    uint64_t steps, own = rules ? rules->pattern_count : 0;
    int r = 0;

    *patterns = (struct recipe_patterns){0};
    if (count == 0)
        return 0;
    own += count - own < TYPED_MAX ? count - own : TYPED_MAX;
    if (__builtin_mul_overflow(own, tensors, &steps) ||
        __builtin_mul_overflow(steps, STEPS_EACH, &steps) ||
        __builtin_add_overflow(steps, STEPS_MIN, &steps))
        return -ENOMEM;
    patterns->steps = steps;
    patterns->patterns = calloc(count, sizeof(*patterns->patterns));
    if (!patterns->patterns)
        return -ENOMEM;
    for (size_t i = 0; rules && i < rules->pattern_count && r == 0; i++)
        r = add(patterns, rules->patterns[i].text, strlen(rules->patterns[i].text),
                rules->patterns[i].type, defect);
    while (r == 0 && variant_pattern(variant, &at, &pattern))
        r = add(patterns, pattern.text, pattern.length, pattern.type, defect);
    for (size_t i = 0; i < COUNT(ollama) && r == 0; i++)
        if (is_for(i, variant, arch))
            r = add(patterns, ollama[i].pattern, strlen(ollama[i].pattern), ollama[i].type, defect);
    return r;
}

void recipe_patterns_free(struct recipe_patterns *patterns)
{
    for (size_t i = 0; i < patterns->count; i++)
        pattern_free(patterns->patterns[i].pattern);
    free(patterns->patterns);
    *patterns = (struct recipe_patterns){0};
}

int recipe_patterns_find(struct recipe_patterns *patterns, const char *name, enum type *type,
                         struct defect *defect)
{
    size_t length = strlen(name);
    int r = 0;

    *type = TYPE_NONE;
    for (size_t i = 0; i < patterns->count && r == 0; i++) {
        r = pattern_search(patterns->patterns[i].pattern, name, length, &patterns->steps);
        if (r == 1)
            *type = patterns->patterns[i].type;
    }
    if (r == -E2BIG)
        return defect_set(defect, ENOTSUP, DEFECT_NOWHERE,
                          "the patterns leave too many ways open: not supported");
    return r < 0 ? r : 0;
}
