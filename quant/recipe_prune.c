#include "quant/recipe_prune.h"

#include <assert.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "quant/rules.h"

/* A layer of the source: its number, and the new one. */
struct layer {
    uint32_t number;
    bool met, pruned;
    uint32_t new_number;
};

struct pruner {
    const struct variant *variant;
    uint32_t first; /* the smallest pruned number */
    uint32_t next;  /* the number that the next layer gets */
    size_t count;
    struct layer *layers; /* by number */
};

static bool is_pruned(const struct variant *variant, uint32_t number)
{
    if (number < VARIANT_LAYERS && (variant->pruned[number / 64] >> number % 64 & 1))
        return true;
    return variant->rules && rules_prunes(variant->rules, number);
}

/* UINT32_MAX: none. */
static uint32_t first_pruned(const struct variant *variant)
{
    uint32_t first = UINT32_MAX;

    if (variant->rules && variant->rules->pruned_count > 0)
        first = variant->rules->pruned[0];
    for (uint32_t i = 0; i < VARIANT_LAYERS && i < first; i++)
        if (variant->pruned[i / 64] >> i % 64 & 1)
            first = i;
    return first;
}

bool recipe_prunes(const struct variant *variant)
{
    return first_pruned(variant) != UINT32_MAX;
}

/* The first `blk.N.` anywhere in the name: where the digits are. False: there is none. */
static bool find_number(const char *name, const char **digits, size_t *length)
{
    for (const char *at = strstr(name, "blk."); at; at = strstr(at + 1, "blk.")) {
        *digits = at + 4;
        *length = strspn(*digits, "0123456789");
        if (*length > 0 && (*digits)[*length] == '.')
            return true;
    }
    return false;
}

/* The library's function for it says its own name where a number is too large. */
static int read_number(const char *digits, size_t length, uint32_t *number, struct defect *defect)
{
    uint64_t value = 0;

    for (size_t i = 0; i < length && value <= INT_MAX; i++)
        value = value * 10 + (uint64_t)(digits[i] - '0');
    if (value > INT_MAX)
        return defect_set(defect, EINVAL, DEFECT_NOWHERE, "stoi");
    *number = (uint32_t)value;
    return 0;
}

static int compare_layers(const void *a, const void *b)
{
    const struct layer *x = a, *y = b;

    return (x->number > y->number) - (x->number < y->number);
}

static int list_layers(struct pruner *pruner, const struct recipe *recipe, struct defect *defect)
{
    const char *digits;
    size_t length, count = 0;
    int r = 0;

    pruner->layers = calloc(recipe->count + 1, sizeof(*pruner->layers));
    if (!pruner->layers)
        return -ENOMEM;
    for (size_t i = 0; i < recipe->count && r == 0; i++)
        if (find_number(recipe->entries[i].tensor->name, &digits, &length))
            r = read_number(digits, length, &pruner->layers[count++].number, defect);
    qsort(pruner->layers, count, sizeof(*pruner->layers), compare_layers);
    for (size_t i = 0; i < count; i++)
        if (pruner->count == 0 ||
            pruner->layers[i].number != pruner->layers[pruner->count - 1].number)
            pruner->layers[pruner->count++] = pruner->layers[i];
    return r;
}

/* What becomes of a layer is settled where it is met first. */
static const struct layer *settle(struct pruner *pruner, uint32_t number)
{
    const struct layer wanted = {.number = number};
    struct layer *layer =
        bsearch(&wanted, pruner->layers, pruner->count, sizeof(*pruner->layers), compare_layers);

    assert(layer);
    if (layer->met)
        return layer;
    layer->met = true;
    layer->pruned = is_pruned(pruner->variant, number);
    if (!layer->pruned) {
        layer->new_number = number < pruner->first ? number : pruner->next;
        pruner->next = layer->new_number + 1;
    }
    return layer;
}

/* `entry` gets the name of its new layer; digits and length say where the number stands. */
static int rename_tensor(struct recipe *recipe, struct recipe_entry *entry, size_t index,
                         const char *digits, size_t length, uint32_t number)
{
    const char *name = entry->tensor->name;
    struct source_tensor *renamed = &recipe->renamed[index];
    char text[16], *copy;

    (void)snprintf(text, sizeof(text), "%u", number);
    if (strlen(text) == length && strncmp(digits, text, length) == 0)
        return 0;
    if (asprintf(&copy, "%.*s%s%s", (int)(digits - name), name, text, digits + length) < 0)
        return -ENOMEM;
    *renamed = *entry->tensor;
    renamed->name = copy;
    recipe->renamed_names[index] = copy;
    entry->tensor = renamed;
    return 0;
}

/* 1: the entry stays. */
static int treat(struct pruner *pruner, struct recipe *recipe, struct recipe_entry *entry,
                 size_t index, struct defect *defect)
{
    const struct layer *layer;
    const char *digits;
    uint32_t number = 0;
    size_t length;
    int r;

    if (!find_number(entry->tensor->name, &digits, &length))
        return 1;
    r = read_number(digits, length, &number, defect);
    if (r < 0)
        return r;
    layer = settle(pruner, number);
    if (layer->pruned)
        return 0;
    r = rename_tensor(recipe, entry, index, digits, length, layer->new_number);
    return r < 0 ? r : 1;
}

int recipe_prune(const struct variant *variant, struct recipe *recipe, struct defect *defect)
{
    struct pruner pruner = {.variant = variant, .first = first_pruned(variant)};
    size_t count = recipe->count, kept = 0;
    int r;

    recipe->renamed = calloc(count + 1, sizeof(*recipe->renamed));
    recipe->renamed_names = calloc(count + 1, sizeof(*recipe->renamed_names));
    recipe->renamed_count = count;
    if (!recipe->renamed || !recipe->renamed_names)
        return -ENOMEM;
    r = list_layers(&pruner, recipe, defect);
    for (size_t i = 0; i < count && r >= 0; i++) {
        r = treat(&pruner, recipe, &recipe->entries[i], i, defect);
        if (r == 1)
            recipe->entries[kept++] = recipe->entries[i];
    }
    recipe->count = kept;
    recipe->block_count = pruner.next;
    free(pruner.layers);
    return r < 0 ? r : 0;
}
