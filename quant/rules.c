#include "quant/rules.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

bool rules_empty(const struct rules *rules)
{
    return rules->pattern_count == 0 && rules->pruned_count == 0 && rules->override_count == 0;
}

void rules_free(struct rules *rules)
{
    for (size_t i = 0; i < rules->pattern_count; i++)
        free(rules->patterns[i].text);
    free(rules->patterns);
    free(rules->pruned);
    free(rules->overrides);
    *rules = (struct rules){0};
}

/* The list with room for one more; NULL: no memory, it is as it was. */
static void *grow(void *list, size_t count, size_t item)
{
    size_t size;

    return __builtin_mul_overflow(count + 1, item, &size) ? NULL : realloc(list, size);
}

int rules_add_pattern(struct rules *rules, const char *text, size_t length, enum type type)
{
    struct rules_pattern *patterns = grow(rules->patterns, rules->pattern_count, sizeof(*patterns));
    char *copy = patterns ? strndup(text, length) : NULL;

    if (patterns)
        rules->patterns = patterns;
    if (!copy)
        return -ENOMEM;
    for (char *c = copy; *c; c++)
        *c = (char)(*c >= 'A' && *c <= 'Z' ? *c - 'A' + 'a' : *c);
    patterns[rules->pattern_count++] = (struct rules_pattern){copy, type};
    return 0;
}

int rules_add_pruned(struct rules *rules, uint32_t layer)
{
    uint32_t *pruned;
    size_t i;

    if (rules_prunes(rules, layer))
        return 0;
    pruned = grow(rules->pruned, rules->pruned_count, sizeof(*pruned));
    if (!pruned)
        return -ENOMEM;
    rules->pruned = pruned;
    for (i = rules->pruned_count++; i > 0 && pruned[i - 1] > layer; i--)
        pruned[i] = pruned[i - 1];
    pruned[i] = layer;
    return 0;
}

bool rules_prunes(const struct rules *rules, uint32_t layer)
{
    for (size_t i = 0; i < rules->pruned_count; i++)
        if (rules->pruned[i] == layer)
            return true;
    return false;
}

/* --- overrides ----------------------------------------------------------------------------------
 */

/* Behind the key. */
static enum rules_mistake read_value(const char *text, struct rules_override *override)
{
    if (strncmp(text, "int:", 4) == 0) {
        override->kind = RULES_INT;
        override->number = strtoll(text + 4, NULL, 10);
    } else if (strncmp(text, "float:", 6) == 0) {
        override->kind = RULES_FLOAT;
        override->real = strtod(text + 6, NULL);
    } else if (strncmp(text, "bool:", 5) == 0) {
        override->kind = RULES_BOOL;
        override->number = strcmp(text + 5, "true") == 0;
        if (override->number == 0 && strcmp(text + 5, "false") != 0)
            return RULES_NO_BOOL;
    } else if (strncmp(text, "str:", 4) == 0) {
        override->kind = RULES_STRING;
        if (strlen(text + 4) > RULES_TEXT_MAX)
            return RULES_LONG;
        memcpy(override->text, text + 4, strlen(text + 4) + 1);
    } else {
        return RULES_NO_TYPE;
    }
    return RULES_GOOD;
}

int rules_add_override(struct rules *rules, const char *text, enum rules_mistake *mistake)
{
    const char *equals = strchr(text, '=');
    struct rules_override override = {.number = 0}, *overrides;

    *mistake = RULES_MALFORMED;
    if (!equals || equals - text > RULES_TEXT_MAX)
        return -EINVAL;
    memcpy(override.key, text, (size_t)(equals - text));
    *mistake = read_value(equals + 1, &override);
    if (*mistake != RULES_GOOD)
        return -EINVAL;
    rules->overrides_end |= override.key[0] == '\0';
    if (rules->overrides_end)
        return 0;
    overrides = grow(rules->overrides, rules->override_count, sizeof(*overrides));
    if (!overrides)
        return -ENOMEM;
    rules->overrides = overrides;
    overrides[rules->override_count++] = override;
    return 0;
}

uint32_t rules_number(const struct rules_override *override)
{
    return (uint32_t)(override->number < 0 ? -(uint64_t) override->number
                                           : (uint64_t) override->number);
}

const struct rules_override *rules_find(const struct rules *rules, const char *key,
                                        enum rules_kind kind)
{
    for (size_t i = 0; rules && i < rules->override_count; i++)
        if (strcmp(rules->overrides[i].key, key) == 0)
            return rules->overrides[i].kind == kind ? &rules->overrides[i] : NULL;
    return NULL;
}
