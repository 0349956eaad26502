#include "quant/recipe.h"

#include <assert.h>
#include <stdlib.h>

#include "quant/recipe_patterns.h"
#include "quant/recipe_prune.h"
#include "quant/recipe_rules.h"

/*
 * A tensor's way: is it quantized at all, to which category it belongs, its type by options, by the
 * rules of the model and those of the layers (recipe_rules.c), and by the fallback of the type's
 * own row where rows of weights are no multiple of a block.
 */

/* --- making a recipe ----------------------------------------------------------------------------
 */

struct maker {
    const struct arch_facts *facts;
    const struct variant *variant;
    const struct imatrix *imatrix; /* with at least one entry; NULL: none */
    struct recipe_patterns patterns;
    struct defect *defect;
    bool tied;      /* no output.weight: the embeddings stand in for it */
    unsigned holds; /* what holds of the model */
    int64_t v_count;
    /* tensors of a category that the layer rules have seen */
    int64_t v_seen, up_seen, gate_seen, down_seen;
};

/* The tool finds the ending with a search that, for a name one byte shorter, finds what it looks
 * for: nothing. So every name of five bytes passes. */
static bool ends_in_weight(const char *name)
{
    size_t length = strlen(name);

    return length == 5 || (length >= 6 && strcmp(name + length - 6, "weight") == 0);
}

static bool is_kept(const struct maker *maker, const struct source_tensor *tensor)
{
    if (maker->variant->ftype->type == TYPE_NONE || tensor->n_dims < 2 ||
        !ends_in_weight(tensor->name))
        return true;
    if (maker->variant->leave_output && strcmp(tensor->name, "output.weight") == 0)
        return true;
    return recipe_keeps(maker->facts->name, tensor->name);
}

static bool is_arch(const struct maker *maker, const char *name)
{
    return strcmp(maker->facts->name, name) == 0;
}

static unsigned holds_of_model(const struct maker *maker)
{
    const struct arch_facts *facts = maker->facts;
    unsigned holds = maker->imatrix || maker->variant->as_with_imatrix ? IMATRIX : NO_IMATRIX;

    holds |= is_arch(maker, "falcon") ? FALCON : NOT_FALCON;
    holds |= is_arch(maker, "glm5-next") ? GLM5_NEXT : 0;
    holds |= is_arch(maker, "bailingmoe3") ? 0 : NOT_BAILINGMOE3;
    holds |= recipe_is_big(facts) ? BIG : 0;
    holds |= facts->head_count_kv > 0 && facts->head_count / facts->head_count_kv >= 4 ? GQA_4 : 0;
    holds |= facts->expert_count >= 4 ? EXPERTS_4 : 0;
    holds |= facts->expert_count == 8 ? EXPERTS_8 : 0;
    return holds;
}

static unsigned holds_of_tensor(const struct maker *maker, const struct source_tensor *tensor,
                                enum category category)
{
    const struct type_info *info = type_info((uint32_t)maker->variant->ftype->type);
    unsigned holds = 0;

    holds |= category == OUT || (category == EMB && maker->tied) ? HEAD : 0;
    holds |= tensor->ne[0] % info->block_weights != 0 ? UNEVEN : 0;
    holds |= tensor->ne[2] > 1 ? STACKED : 0;
    if (strstr(tensor->name, "attn_q_a") || strstr(tensor->name, "attn_q_b") ||
        strstr(tensor->name, "nextn.eh_proj"))
        holds |= EH_PROJ;
    return holds;
}

static unsigned holds_of_layer(int64_t i, int64_t n)
{
    bool more = i < n / 8 || i >= 7 * n / 8 || (i - n / 8) % 3 == 2;
    unsigned holds = more ? MORE : 0;

    holds |= i < 2 ? LAYER_UNDER_2 : 0;
    holds |= i < 4 ? LAYER_UNDER_4 : 0;
    holds |= i < n / 16 ? FIRST_16TH : 0;
    holds |= i < n / 8 ? FIRST_8TH : 0;
    holds |= i >= n / 8 && i < 7 * n / 8 ? MIDDLE : 0;
    return holds;
}

/* 1 and *type, or 0: no rule fits. */
static int apply(const struct maker *maker, const struct rule *rule, enum category category,
                 unsigned holds, enum type *type)
{
    const struct ftype *ftype = maker->variant->ftype;

    for (; rule->ftypes != 0; rule++) {
        if (!(rule->ftypes & recipe_ftype_bit(ftype)) || !(rule->categories & category))
            continue;
        if ((rule->needs & GQA_4) && !maker->facts->known_heads)
            return defect_set(maker->defect, EINVAL, DEFECT_NOWHERE,
                              "file type %s looks at the number of attention heads, which is not "
                              "known of architecture '%s'",
                              ftype->name, maker->facts->name);
        if (rule->needs & ~holds)
            continue;
        *type = rule->type == TYPE_NONE ? ftype->type : rule->type;
        return 1;
    }
    return 0;
}

/* The layer of a feed-forward tensor of a model with experts is the one that its name says; that of
 * others, how many of its kind came before. */
static int layer_of(const struct maker *maker, const char *name, int64_t *i)
{
    int layer;

    if (maker->facts->expert_count <= 1 || recipe_counts_layers(maker->variant->ftype))
        return 0;
    if (sscanf(name, "blk.%d.", &layer) != 1)
        return defect_set(maker->defect, EINVAL, DEFECT_NOWHERE,
                          "Failed to determine layer for tensor %s", name);
    if (layer < 0 || (uint32_t)layer >= maker->facts->block_count)
        return defect_set(maker->defect, EINVAL, DEFECT_NOWHERE,
                          "Bad layer %d for tensor %s. Must be in [0, %u)", layer, name,
                          maker->facts->block_count);
    *i = layer;
    return 0;
}

/* The place of a tensor among its kind, which it is counted into. */
static int place(struct maker *maker, const char *name, enum category category, unsigned *holds)
{
    int64_t *seen = category == V      ? &maker->v_seen
                    : category == UP   ? &maker->up_seen
                    : category == GATE ? &maker->gate_seen
                    : category == DOWN ? &maker->down_seen
                                       : NULL;
    int64_t i, n = category == V ? maker->v_count : maker->facts->block_count;
    int r;

    if (!seen)
        return 0;
    i = (*seen)++;
    if (category != V) {
        r = layer_of(maker, name, &i);
        if (r < 0)
            return r;
    }
    *holds |= holds_of_layer(i, n);
    return 0;
}

static int mix(struct maker *maker, const struct source_tensor *tensor, enum category category,
               enum type *type)
{
    unsigned holds = maker->holds | holds_of_tensor(maker, tensor, category);
    int r;

    if ((holds & HEAD) && maker->variant->output_type != TYPE_NONE) {
        *type = maker->variant->output_type;
        return 0;
    }
    r = apply(maker, recipe_model_rules(), category, holds, type);
    if (r != 0)
        return r < 0 ? r : 0;
    r = place(maker, tensor->name, category, &holds);
    if (r < 0)
        return r;
    r = apply(maker, recipe_layer_rules(), category, holds, type);
    assert(r != 0); /* the last rule fits all */
    return r < 0 ? r : 0;
}

/* Another type where the row is no multiple of the block (§4). */
static int fall_back(const struct maker *maker, const struct source_tensor *tensor, enum type *type)
{
    const struct type_info *info = type_info((uint32_t)*type);
    char spelt[TYPE_SPELT_SIZE];

    if (tensor->ne[0] % info->block_weights == 0)
        return 0;
    if (info->fallback == TYPE_NONE) {
        type_spell(*type, spelt);
        return defect_set(maker->defect, EINVAL, DEFECT_NOWHERE,
                          "no tensor type fallback is defined for type %s", spelt);
    }
    *type = info->fallback;
    if (tensor->ne[0] % type_info((uint32_t)*type)->block_weights != 0)
        *type = TYPE_F16;
    return 0;
}

/* A type that the user chose by name is not replaced. */
static int must_fit(const struct maker *maker, const struct source_tensor *tensor, enum type type)
{
    const struct type_info *info = type_info((uint32_t)type);
    char spelt[TYPE_SPELT_SIZE];

    if (tensor->ne[0] % info->block_weights == 0)
        return 0;
    type_spell(type, spelt);
    return defect_set(maker->defect, EINVAL, DEFECT_NOWHERE,
                      "tensor '%s' cannot be %s: its rows of %llu weights are no multiple of %u",
                      tensor->name, spelt, (unsigned long long)tensor->ne[0], info->block_weights);
}

/* The order in which the tool decides (§3.2). */
static int decide(struct maker *maker, struct recipe_entry *entry)
{
    const struct variant *variant = maker->variant;
    const struct source_tensor *tensor = entry->tensor;
    enum category category = recipe_category(tensor->name);
    enum type *type = &entry->type;
    int r = 0;

    *type = category == EMB   ? variant->token_embd_type
            : category == OUT ? variant->output_type
                              : TYPE_NONE;
    if (*type != TYPE_NONE)
        return must_fit(maker, tensor, *type);
    if (!type_info((uint32_t)variant->ftype->type)->quantized) {
        *type = variant->ftype->type;
        return 0;
    }
    r = recipe_patterns_find(&maker->patterns, tensor->name, &entry->chosen, maker->defect);
    *type = entry->chosen;
    if (r < 0 || *type != TYPE_NONE)
        return r < 0 ? r : fall_back(maker, tensor, type);
    *type = variant->ftype->type;
    if (!variant->pure)
        r = mix(maker, tensor, category, type);
    return r < 0 ? r : fall_back(maker, tensor, type);
}

/* Never of the output and the embeddings, which do without as well as they can. */
static bool requires_imatrix(const struct maker *maker, const struct recipe_entry *entry)
{
    return !(recipe_category(entry->tensor->name) & (OUT | EMB)) &&
           recipe_needs_imatrix(maker->variant->ftype, entry->type);
}

/* What the tool finds before it begins. */
static int check_imatrix(const struct maker *maker, const struct recipe_entry *entry,
                         struct recipe *recipe)
{
    if (maker->imatrix || !requires_imatrix(maker, entry))
        return 0;
    if (!maker->variant->dry_run)
        return defect_set(maker->defect, EINVAL, DEFECT_NOWHERE, RECIPE_NEEDS_IMATRIX);
    if (!recipe->lacking)
        recipe->lacking = entry->origin->name;
    return 0;
}

static int lacks_importance(const struct maker *maker, const struct recipe_entry *entry,
                            struct recipe *recipe)
{
    const char *name = entry->tensor->name;
    char spelt[TYPE_SPELT_SIZE];

    if (maker->variant->dry_run) {
        if (!recipe->lacking)
            recipe->lacking = entry->origin->name;
        return 0;
    }
    if (requires_imatrix(maker, entry))
        return defect_set(maker->defect, EINVAL, DEFECT_NOWHERE,
                          "Missing importance matrix for tensor %s in a very low-bit quantization",
                          name);
    type_spell(entry->type, spelt);
    return defect_set(maker->defect, EINVAL, DEFECT_NOWHERE,
                      "tensor '%s' cannot be converted to %s without an imatrix", name, spelt);
}

/*
 * The importances of a tensor that is converted. An entry of another size is one of another model,
 * but the embeddings have often been looked up otherwise than they are stored.
 */
static int find_importance(const struct maker *maker, struct recipe_entry *entry,
                           struct recipe *recipe)
{
    const struct source_tensor *tensor = entry->tensor;
    const struct imatrix_entry *found =
        maker->imatrix ? imatrix_find(maker->imatrix, entry->origin->name) : NULL;
    uint64_t wanted;

    if (entry->type == tensor->type)
        return 0;
    if (found &&
        (__builtin_mul_overflow(tensor->ne[0], tensor->ne[2], &wanted) || wanted != found->count)) {
        if (!maker->variant->dry_run && recipe_category(tensor->name) != EMB)
            return defect_set(maker->defect, EINVAL, DEFECT_NOWHERE,
                              "imatrix size %d is different from tensor size %d for %s",
                              (int)found->count, (int)(tensor->ne[0] * tensor->ne[2]),
                              tensor->name);
        found = NULL;
    }
    if (!found &&
        ((maker->imatrix && requires_imatrix(maker, entry)) || recipe_cannot_guess(entry->type)))
        return lacks_importance(maker, entry, recipe);
    if (found && type_heeds_importance(entry->type))
        entry->importance = found->values;
    return 0;
}

/* What the tool finds only when it comes to convert the tensor. */
static int check_conversion(const struct maker *maker, const struct source_tensor *tensor,
                            enum type type)
{
    const struct type_info *from = type_info((uint32_t)tensor->type);
    char spelt[TYPE_SPELT_SIZE];

    if (type == tensor->type)
        return 0;
    type_spell(tensor->type, spelt);
    if (from->quantized && !maker->variant->requantize)
        return defect_set(maker->defect, ENOTSUP, DEFECT_NOWHERE,
                          "requantizing from type %s is disabled (tensor '%s'): take the F32, F16 "
                          "or BF16 model that this one was made from; if there is none, "
                          "allow_requantize makes a worse one of it",
                          spelt, tensor->name);
    if (tensor->type == TYPE_Q8_1) /* whatever its bytes are (convert.c) */
        return defect_set(maker->defect, ENOTSUP, DEFECT_NOWHERE, "tensor '%s' has invalid data",
                          tensor->name);
    if (from->quantized && !from->source)
        return defect_set(maker->defect, ENOTSUP, DEFECT_NOWHERE,
                          "type %s unsupported for integer quantization: no dequantization "
                          "available (tensor '%s'): take file type COPY",
                          spelt, tensor->name);
    if (!from->source)
        return defect_set(maker->defect, ENOTSUP, DEFECT_NOWHERE,
                          "cannot dequantize/convert tensor type %s (tensor '%s'): take file type "
                          "COPY, or convert the model again with that tensor as F32",
                          spelt, tensor->name);
    type_spell(type, spelt);
    if (type_info((uint32_t)type)->chunk_weights == 0)
        return defect_set(maker->defect, EINVAL, DEFECT_NOWHERE,
                          "tensor '%s' cannot be converted to %s", tensor->name, spelt);
    if (tensor->n_dims > 3)
        return defect_set(maker->defect, EINVAL, DEFECT_NOWHERE,
                          "tensor '%s' has 4 dimensions, and only up to 3 can be converted",
                          tensor->name);
    return 0;
}

/* --- COPY ---------------------------------------------------------------------------------------
 */

/* Of types that are equally common the one that came to its number first. */
static uint32_t guess_ftype(const struct source_tensor *tensors, size_t count)
{
    size_t counts[TYPE_COUNT] = {0}, most = 0;
    enum type type = TYPE_NONE;

    for (size_t i = 0; i < count; i++)
        if (++counts[tensors[i].type] > most) {
            most = counts[tensors[i].type];
            type = tensors[i].type;
        }
    return recipe_guess_ftype(type);
}

static uint32_t ftype_number(const struct source *source, const struct ftype *ftype)
{
    const struct source_tensor *tensors;
    uint32_t number;
    size_t count;

    if (ftype->type != TYPE_NONE)
        return ftype->number;
    if (source_key_u32(source, "general.file_type", &number) == 0)
        return number;
    tensors = source_tensors(source, &count);
    return guess_ftype(tensors, count);
}

/* --- the face -----------------------------------------------------------------------------------
 */

static void count_model(struct maker *maker, const struct recipe *recipe)
{
    const char *name;

    maker->tied = true;
    for (size_t i = 0; i < recipe->count; i++) {
        name = recipe->entries[i].tensor->name;
        maker->v_count += recipe_category(name) == V;
        if (strcmp(name, "output.weight") == 0)
            maker->tied = false;
    }
    maker->holds = holds_of_model(maker);
}

/* Two passes, since the tool knows all types before it converts anything. */
static int fill(struct maker *maker, struct recipe *recipe)
{
    struct recipe_entry *entry;
    int r;

    for (size_t i = 0; i < recipe->count; i++) {
        entry = &recipe->entries[i];
        if (is_kept(maker, entry->tensor))
            continue;
        r = decide(maker, entry);
        if (r == 0)
            r = check_imatrix(maker, entry, recipe);
        if (r < 0)
            return r;
    }
    for (size_t i = 0; i < recipe->count; i++) {
        r = find_importance(maker, &recipe->entries[i], recipe);
        if (r == 0)
            r = check_conversion(maker, recipe->entries[i].tensor, recipe->entries[i].type);
        if (r < 0)
            return r;
    }
    return 0;
}

/* Of tensors at one place all but the last are empty: they keep the order of the list. */
static int compare_places(const void *a, const void *b)
{
    const struct source_tensor *x = ((const struct recipe_entry *)a)->origin;
    const struct source_tensor *y = ((const struct recipe_entry *)b)->origin;

    if (x->shard != y->shard)
        return x->shard < y->shard ? -1 : 1;
    if (x->offset != y->offset)
        return x->offset < y->offset ? -1 : 1;
    return (x > y) - (x < y);
}

/* As many files as the source has, up to the last one with a tensor. The tool crashes over an empty
 * one in the middle, but not over the first. */
static int keep_shards(const struct maker *maker, struct recipe *recipe)
{
    const struct recipe_entry *entries = recipe->entries;
    unsigned shard = 0;

    qsort(recipe->entries, recipe->count, sizeof(*entries), compare_places);
    for (size_t i = 0; i < recipe->count; i++) {
        if (entries[i].tensor->shard > shard + 1)
            return defect_set(maker->defect, EINVAL, DEFECT_NOWHERE,
                              "shard %u has no tensors, so it cannot be kept", shard + 2);
        shard = entries[i].tensor->shard;
    }
    recipe->shard_count = shard + 1;
    return 0;
}

/* Any override of it but a number that is a power of two crashes the tool. */
static int find_alignment(const struct rules *rules, uint32_t *alignment, struct defect *defect)
{
    static const char key[] = "general.alignment";
    uint64_t value;

    *alignment = 0;
    for (size_t i = 0; rules && i < rules->override_count; i++) {
        const struct rules_override *override = &rules->overrides[i];

        if (strcmp(override->key, key) != 0)
            continue;
        value = override->kind == RULES_INT ? rules_number(override) : 0;
        if (value == 0 || (value & (value - 1)) != 0)
            return defect_set(defect, EINVAL, DEFECT_NOWHERE,
                              "key %s must be an integer that is a power of two", key);
        *alignment = (uint32_t)value;
    }
    return 0;
}

/* One without entries is none. */
static const struct imatrix *imatrix_of(const struct source *source, const struct variant *variant)
{
    const struct imatrix *imatrix = variant->imatrix ? source_imatrix(source) : NULL;

    return imatrix && imatrix->count > 0 ? imatrix : NULL;
}

/* All tensors, each to keep its type. */
static int new_recipe(const struct source *source, const struct variant *variant,
                      struct recipe **result)
{
    const struct source_tensor *tensors;
    struct recipe *recipe;
    size_t count, size;

    tensors = source_tensors(source, &count);
    if (__builtin_mul_overflow(count, sizeof(recipe->entries[0]), &size) ||
        __builtin_add_overflow(size, sizeof(*recipe), &size))
        return -ENOMEM;
    recipe = malloc(size);
    if (!recipe)
        return -ENOMEM;
    *recipe = (struct recipe){
        .ftype_number = ftype_number(source, variant->ftype),
        .shard_count = 1,
        .imatrix = imatrix_of(source, variant),
        .rules = variant->rules,
        .count = count,
    };
    for (size_t i = 0; i < count; i++)
        recipe->entries[i] = (struct recipe_entry){.tensor = &tensors[i],
                                                   .origin = &tensors[i],
                                                   .type = tensors[i].type,
                                                   .chosen = TYPE_NONE};
    *result = recipe;
    return 0;
}

static int prune(const struct maker *maker, struct recipe *recipe)
{
    recipe->pruned = recipe_prunes(maker->variant);
    if (!recipe->pruned)
        return 0;
    (void)snprintf(recipe->block_count_key, sizeof(recipe->block_count_key), "%s.block_count",
                   maker->facts->name);
    return recipe_prune(maker->variant, recipe, maker->defect);
}

int recipe_make(const struct source *source, const struct arch_facts *facts,
                const struct variant *variant, struct recipe **result, struct defect *defect)
{
    struct maker maker = {.facts = facts, .variant = variant, .defect = defect};
    struct recipe *recipe = NULL;
    int r;

    *result = NULL;
    if (variant->from && source_directory_type(source) != variant->from->type)
        return defect_set(defect, EINVAL, DEFECT_NOWHERE,
                          "from= is for directories of safetensors");
    if (variant->projector)
        return defect_set(defect, EINVAL, DEFECT_NOWHERE,
                          "mmproj- is for directories of safetensors with a vision part, and takes "
                          "no options");
    if (facts->refused[0])
        return defect_set(defect, EINVAL, DEFECT_NOWHERE, "%s", facts->refused);
    r = new_recipe(source, variant, &recipe);
    maker.imatrix = r == 0 ? recipe->imatrix : NULL;
    if (r == 0)
        r = find_alignment(variant->rules, &recipe->alignment, defect);
    if (r == 0)
        r = recipe_patterns_make(variant, facts->name, recipe->count, &maker.patterns, defect);
    if (r == 0)
        r = prune(&maker, recipe);
    if (r == 0) {
        count_model(&maker, recipe);
        r = variant->keep_split ? keep_shards(&maker, recipe) : 0;
    }
    if (r == 0)
        r = fill(&maker, recipe);
    if (r == 0) {
        *result = recipe;
        recipe = NULL;
    }
    recipe_patterns_free(&maker.patterns);
    recipe_free(recipe);
    return r;
}

void recipe_free(struct recipe *recipe)
{
    if (!recipe)
        return;
    for (size_t i = 0; i < recipe->renamed_count && recipe->renamed_names; i++)
        free(recipe->renamed_names[i]);
    free(recipe->renamed_names);
    free(recipe->renamed);
    free(recipe);
}

size_t recipe_message_length(const char *text)
{
    const char *advice = strstr(text, "): take ");
    const char *end = strstr(text, " (tensor '");

    return advice && end ? (size_t)(end - text) : strlen(text);
}
