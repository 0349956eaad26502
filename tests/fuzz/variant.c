/*
 * If this fails, some name that is looked up, or some pattern, makes its reader crash, or a variant
 * has two canonical texts.
 */
#include "quant/variant.h"

#include <errno.h>
#include <stdlib.h>

#include "fuzz.h"
#include "quant/pattern.h"

/* Unlike assert() this stays in release builds. */
#define HOLDS(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #condition);         \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

/* What the gate says must be what compiling says; but what is too much for PCRE2 only that tells.
 */
static void try_pattern(const char *text, size_t length)
{
    static const char name[] = "blk.0.attn_q.weight";
    struct defect defect = {.text = ""};
    struct pattern *pattern = NULL;
    uint64_t steps = 500;
    int checked = pattern_check(text, length, &defect), r;

    HOLDS(checked == 0 || ((checked == -EINVAL || checked == -ENOTSUP) && defect.text[0]));
    r = pattern_compile(text, length, &pattern, &defect);
    HOLDS(r == checked || (checked == 0 && r == -ENOTSUP));
    HOLDS((r == 0) == (pattern != NULL));
    if (r == 0) {
        r = pattern_search(pattern, name, sizeof(name) - 1, &steps);
        HOLDS(r == 0 || r == 1 || r == -E2BIG);
        HOLDS(steps < 500);
    }
    pattern_free(pattern);
}

static void hold_variant(const struct variant *variant)
{
    char text[VARIANT_TEXT_MAX], again[VARIANT_TEXT_MAX];
    struct variant_pattern pattern;
    struct variant same;
    size_t at = 0;

    variant_format(variant, text, sizeof(text));
    HOLDS(strlen(text) < VARIANT_TEXT_MAX);
    HOLDS(variant_parse(text, strlen(text), &same) == 0);
    variant_format(&same, again, sizeof(again));
    HOLDS(strcmp(text, again) == 0);
    while (variant_pattern(variant, &at, &pattern))
        HOLDS(pattern.length > 0 && pattern_check(pattern.text, pattern.length, NULL) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;
    struct variant variant;
    int r;

    try_pattern(text, size);
    r = variant_parse(text, size, &variant);
    HOLDS(r == 0 || r == -ENOENT);
    if (r == 0)
        hold_variant(&variant);
    return 0;
}
