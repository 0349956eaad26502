#include "fs/remarks.h"

#include <stdio.h>
#include <string.h>

#include "fs/log.h"
#include "quant/format/imatrix.h"

#define NAME_ROOM 512 /* of a tensor's name with its escapes */

static void print_renamed(const struct recipe_entry *entry)
{
    char old[NAME_ROOM], new[NAME_ROOM];

    if (strcmp(entry->origin->name, entry->tensor->name) == 0)
        return;
    log_escape(entry->origin->name, old, sizeof(old));
    log_escape(entry->tensor->name, new, sizeof(new));
    (void)fprintf(stderr, "llama_model_quantize_impl: tensor %s remapped to %s\n", old, new);
}

static const struct recipe_entry *entry_of(const struct recipe *recipe,
                                           const struct source_tensor *tensor)
{
    for (size_t i = 0; i < recipe->count; i++)
        if (recipe->entries[i].origin == tensor)
            return &recipe->entries[i];
    return NULL;
}

/* In the source's order, which is not the recipe's where shards are kept. */
static void print_pruned(const struct recipe *recipe, const struct source *source)
{
    size_t count, next = 0;
    const struct source_tensor *tensors = source_tensors(source, &count);
    const struct recipe_entry *entry;
    char name[NAME_ROOM];

    for (size_t i = 0; i < count; i++) {
        entry = next < recipe->count && recipe->entries[next].origin == &tensors[i]
                    ? &recipe->entries[next++]
                    : entry_of(recipe, &tensors[i]);
        if (entry) {
            print_renamed(entry);
            continue;
        }
        log_escape(tensors[i].name, name, sizeof(name));
        (void)fprintf(stderr, "llama_model_quantize_impl: pruning tensor %s\n", name);
    }
}

static void print_chosen(const struct recipe_entry *entry, enum type type)
{
    char name[NAME_ROOM], from[TYPE_SPELT_SIZE], to[TYPE_SPELT_SIZE];

    if (entry->chosen == TYPE_NONE || entry->chosen == type)
        return;
    log_escape(entry->tensor->name, name, sizeof(name));
    type_spell(type, from);
    type_spell(entry->chosen, to);
    (void)fprintf(stderr, "llama_tensor_get_type: %-36s - applying manual override: %s -> %s\n",
                  name, from, to);
}

void remarks_print(const struct plan *plan, const struct source *source,
                   const struct variant *variant)
{
    const struct recipe *recipe = plan->recipe;

    if (!recipe)
        return;
    if (recipe->imatrix)
        (void)fprintf(stderr,
                      "\nllama_model_quantize_impl: have importance matrix data with %zu entries\n",
                      recipe->imatrix->count);
    if (recipe->pruned)
        print_pruned(recipe, source);
    for (size_t i = 0; i < recipe->count; i++)
        print_chosen(&recipe->entries[i], variant->ftype->type);
}

void remarks_print_lacking(const struct source *source, const struct arch_facts *facts,
                           const struct variant *variant)
{
    static const char rule[] =
        "============================================================================\n";
    struct defect defect = {.offset = DEFECT_NOWHERE};
    struct variant planned = *variant;
    struct recipe *recipe;
    char name[NAME_ROOM], type[TYPE_SPELT_SIZE];

    planned.dry_run = planned.requantize = true;
    if (recipe_make(source, facts, &planned, &recipe, &defect) < 0)
        return; /* then something else is wrong, too, and the last line says enough */
    for (size_t i = 0; i < recipe->count; i++) {
        const struct recipe_entry *entry = &recipe->entries[i];

        if (entry->origin->name != recipe->lacking)
            continue;
        log_escape(entry->tensor->name, name, sizeof(name));
        type_spell(entry->type, type);
        (void)fprintf(stderr,
                      "\n%s ERROR: this quantization requires an importance matrix!\n"
                      "        - offending tensor: %s\n        - target type: %s\n%s\n",
                      rule, name, type, rule);
        break;
    }
    recipe_free(recipe);
}
