/*
 * If this fails, some file NAME.mix makes its reader crash, or is taken for a mix that says what
 * none can, or is refused without a line.
 */
#include "quant/mix.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

static bool is_converted_to(enum type type)
{
    return type_info((uint32_t)type) && type_info((uint32_t)type)->chunk_weights > 0;
}

static void hold_rules(const struct rules *rules)
{
    for (size_t i = 0; i < rules->pattern_count; i++) {
        const struct rules_pattern *pattern = &rules->patterns[i];

        HOLDS(pattern->text[0] != '\0' && is_converted_to(pattern->type));
    }
    for (size_t i = 0; i < rules->pruned_count; i++)
        HOLDS(rules->pruned[i] < VARIANT_LAYERS &&
              (i == 0 || rules->pruned[i] > rules->pruned[i - 1]));
    for (size_t i = 0; i < rules->override_count; i++)
        HOLDS(strlen(rules->overrides[i].key) <= RULES_TEXT_MAX &&
              strlen(rules->overrides[i].text) <= RULES_TEXT_MAX);
}

static void hold_mix(const struct mix *mix, size_t size)
{
    const struct variant *variant = &mix->variant;

    HOLDS(variant->ftype && variant->ftype->name);
    HOLDS(variant->rules == &mix->rules && !variant->requantize && !variant->projector);
    HOLDS(variant->output_type == TYPE_NONE || is_converted_to(variant->output_type));
    HOLDS(variant->token_embd_type == TYPE_NONE || is_converted_to(variant->token_embd_type));
    HOLDS(!variant->from || variant->from->type == TYPE_F16 || variant->from->type == TYPE_BF16 ||
          variant->from->type == TYPE_F32);
    HOLDS(!strchr(mix->imatrix, '/') && mix->imatrix[0] != '.');
    HOLDS(mix->imatrix[0] == '\0' || variant->imatrix);
    HOLDS(mix->memory >= size);
    hold_rules(&mix->rules);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct defect defect = {.offset = DEFECT_NOWHERE};
    struct mix *mix = NULL;
    unsigned line = 0;
    int r = mix_parse((const char *)data, size, &mix, &defect);

    HOLDS(r == 0 || r == -EINVAL);
    if (r == 0)
        hold_mix(mix, size);
    else
        HOLDS(!mix && sscanf(defect.text, "line %u: ", &line) == 1 && line > 0 && line <= size + 1);
    mix_free(mix);
    return 0;
}
