#include "quant/recipe.h"

#include <assert.h>
#include <stdlib.h>

/*
 * The rules are those of llama-quantize 0.7.0 (recipe.md §2-§4), as tables: in each the first row
 * that fits decides. A tensor's way: is it quantized at all (kept), to which category it belongs
 * (categories), its type by options, by model_rules and layer_rules, and by the fallback of the
 * type's own row where rows of weights are no multiple of a block.
 */

/* --- tensors that keep their type (§2.3) --------------------------------------------------------
 */

enum match { CONTAINS, EQUALS, BEGINS };

struct kept {
    const char *arch; /* NULL: every one */
    enum match match;
    const char *text;
};

/* clang-format off */
static const struct kept kept[] = {
    {NULL, CONTAINS, "_norm.weight"},
    {NULL, CONTAINS, "ffn_gate_inp.weight"},
    {NULL, CONTAINS, "ffn_gate_tid2eid.weight"},
    {NULL, CONTAINS, "altup"},
    {NULL, CONTAINS, "laurel"},
    {NULL, CONTAINS, "per_layer_model_proj"},
    {NULL, CONTAINS, "ssm_conv1d"},
    {NULL, CONTAINS, "shortconv.conv.weight"},
    {NULL, CONTAINS, "indexer.k_proj.weight"},
    {NULL, CONTAINS, "indexer.q_proj.weight"},
    {NULL, CONTAINS, "time_mix_first.weight"},
    {NULL, CONTAINS, "time_mix_w0.weight"},
    {NULL, CONTAINS, "time_mix_w1.weight"},
    {NULL, CONTAINS, "time_mix_w2.weight"},
    {NULL, CONTAINS, "time_mix_v0.weight"},
    {NULL, CONTAINS, "time_mix_v1.weight"},
    {NULL, CONTAINS, "time_mix_v2.weight"},
    {NULL, CONTAINS, "time_mix_a0.weight"},
    {NULL, CONTAINS, "time_mix_a1.weight"},
    {NULL, CONTAINS, "time_mix_a2.weight"},
    {NULL, CONTAINS, "time_mix_g1.weight"},
    {NULL, CONTAINS, "time_mix_g2.weight"},
    {NULL, CONTAINS, "time_mix_decay_w1.weight"},
    {NULL, CONTAINS, "time_mix_decay_w2.weight"},
    {NULL, CONTAINS, "time_mix_lerp_fused.weight"},
    {NULL, CONTAINS, "attn_rel_b.weight"},
    {NULL, CONTAINS, ".position_embd"},
    {NULL, CONTAINS, "sam.pos_embd"},
    {NULL, CONTAINS, "sam.neck."},
    {NULL, CONTAINS, "sam.net_"},
    {NULL, CONTAINS, ".rel_pos"},
    {NULL, CONTAINS, ".patch_embd"},
    {NULL, CONTAINS, ".patch_merger"},
    {NULL, CONTAINS, "a.rvq.codebook"},
    {NULL, CONTAINS, "mm.a.code_embd"},
    {NULL, EQUALS,   "position_embd.weight"},
    {NULL, EQUALS,   "token_types.weight"},
    {"glm5-next", CONTAINS, "hc_"},
    {"glm5-next", CONTAINS, "indexer.attn_k"},
    {"glm5-next", CONTAINS, "indexer.attn_q_b"},
    {"glm5-next", CONTAINS, "indexer.proj"},
    {"glm5-next", CONTAINS, "indexer_compressor_ape"},
    {"glm5-next", CONTAINS, "indexer_compressor_gate"},
    {"glm5-next", CONTAINS, "ssm_beta.weight"},
    {"glm5-next", CONTAINS, "ssm_f_a.weight"},
    {"glm5-next", CONTAINS, "ssm_f_b.weight"},
    {"glm5-next", CONTAINS, "ssm_g_a.weight"},
    {"glm5-next", CONTAINS, "ssm_g_b.weight"},
    {"glm5-next", CONTAINS, "attn_kv_a_mqa.weight"},
    {"glm5-next", CONTAINS, "attn_k_b.weight"},
    {"glm5-next", CONTAINS, "attn_v_b.weight"},
    {"vllm-decision2", BEGINS, "decision."},
};
/* clang-format on */

/* --- categories (§3.1) --------------------------------------------------------------------------
 */

/* Bits, so that a rule can name several. */
enum category {
    OUT = 1 << 0,
    EMB = 1 << 1,
    V = 1 << 2, /* the letters of attention: value, key, query, output */
    K = 1 << 3,
    Q = 1 << 4,
    O = 1 << 5,
    UP = 1 << 6,
    GATE = 1 << 7,
    DOWN = 1 << 8,
    OTHER = 1 << 9,
    EVERY = (1 << 10) - 1,
};

static const struct {
    enum match match;
    const char *text;
    enum category category;
} categories[] = {
    {EQUALS, "output.weight", OUT},
    {EQUALS, "token_embd.weight", EMB},
    {EQUALS, "per_layer_token_embd.weight", EMB},
    {CONTAINS, "attn_qkv.weight", V},
    {CONTAINS, "attn_kv_b.weight", V},
    {CONTAINS, "attn_v.weight", V},
    {CONTAINS, "attn_k.weight", K},
    {CONTAINS, "attn_q.weight", Q},
    {CONTAINS, "attn_output.weight", O},
    {CONTAINS, "ffn_up", UP},
    {CONTAINS, "ffn_gate", GATE},
    {CONTAINS, "ffn_down", DOWN},
};

/* --- the mix (§3.4, §3.5) -----------------------------------------------------------------------
 */

/* File types by number, as bits. */
#define BIT(number) (UINT64_C(1) << (number))
#define Q4_0 BIT(2)
#define Q8_0 BIT(7)
#define Q5_0 BIT(8)
#define Q2_K BIT(10)
#define Q3_K_S BIT(11)
#define Q3_K_M BIT(12)
#define Q3_K_L BIT(13)
#define Q4_K_S BIT(14)
#define Q4_K_M BIT(15)
#define Q5_K_M BIT(17)
#define IQ2_XXS BIT(19)
#define IQ2_XS BIT(20)
#define Q2_K_S BIT(21)
#define IQ3_XS BIT(22)
#define IQ3_XXS BIT(23)
#define IQ1_S BIT(24)
#define IQ4_NL BIT(25)
#define IQ3_S BIT(26)
#define IQ3_M BIT(27)
#define IQ2_S BIT(28)
#define IQ2_M BIT(29)
#define IQ4_XS BIT(30)
#define IQ1_M BIT(31)
#define TQ1_0 BIT(36)
#define TQ2_0 BIT(37)
#define MXFP4_MOE BIT(38)
#define Q2_0 BIT(41)
#define ANY UINT64_MAX
/* Those with rules of their own for the layers. */
#define LOW_K (IQ1_S | IQ1_M | IQ2_XXS | IQ2_XS)
#define LOW_I (IQ2_S | IQ2_M)
#define LOW (LOW_K | LOW_I)

/* What a rule needs; all bits must hold. */
enum need {
    ALWAYS = 0,
    /* of the model */
    FALCON = 1 << 0,
    NOT_FALCON = 1 << 1,
    GLM5_NEXT = 1 << 2,
    NOT_BAILINGMOE3 = 1 << 3,
    BIG = 1 << 4,       /* the models that the tool calls 70B */
    GQA_4 = 1 << 5,     /* 4 or more heads share a key and a value */
    EXPERTS_4 = 1 << 6, /* 4 or more */
    EXPERTS_8 = 1 << 7, /* exactly */
    IMATRIX = 1 << 8,
    NO_IMATRIX = 1 << 9,
    /* of the tensor */
    HEAD = 1 << 10,    /* the output, or the embeddings that stand in for it */
    UNEVEN = 1 << 11,  /* rows are no multiple of a block of the default type */
    STACKED = 1 << 12, /* several matrices: experts */
    EH_PROJ = 1 << 13, /* names that glm5-next treats apart */
    /* of its place among its kind: layer i of n */
    LAYER_UNDER_2 = 1 << 14,
    LAYER_UNDER_4 = 1 << 15,
    FIRST_16TH = 1 << 16,
    FIRST_8TH = 1 << 17,
    MIDDLE = 1 << 18, /* neither the first eighth nor the last */
    MORE = 1 << 19,   /* the first eighth, the last, and every third between */
};

struct rule {
    uint64_t ftypes;
    unsigned categories;
    unsigned needs;
    enum type type; /* TYPE_NONE: the default of the file type */
};

/* What is decided without regard to the layer; nothing is counted then. */
static const struct rule model_rules[] = {
    {ANY, EVERY, GLM5_NEXT | EH_PROJ, TYPE_Q8_0},
    {MXFP4_MOE, EVERY, HEAD, TYPE_Q8_0},
    {ANY, EVERY, HEAD | FALCON, TYPE_Q8_0},
    {ANY, EVERY, HEAD | UNEVEN, TYPE_Q8_0},
    {LOW | IQ3_XXS, EVERY, HEAD, TYPE_Q5_K},
    {Q8_0, EVERY, HEAD, TYPE_Q8_0},
    {ANY, EVERY, HEAD, TYPE_Q6_K},
    {MXFP4_MOE, UP | GATE | DOWN, STACKED, TYPE_MXFP4},
    {MXFP4_MOE, EVERY, STACKED | NOT_BAILINGMOE3, TYPE_MXFP4},
    {MXFP4_MOE, EVERY, ALWAYS, TYPE_Q8_0},
    {LOW_K, EMB, ALWAYS, TYPE_Q2_K},
    {LOW_I | IQ3_XXS, EMB, ALWAYS, TYPE_IQ3_S},
    {TQ1_0 | TQ2_0 | Q2_0, EMB, ALWAYS, TYPE_Q4_K},
    {ANY, EMB, ALWAYS, TYPE_NONE},
};

static const struct rule layer_rules[] = {
    {LOW, V, GQA_4, TYPE_Q4_K},
    {LOW, V, EXPERTS_4, TYPE_Q4_K},
    {LOW_I, V, ALWAYS, TYPE_IQ3_S},
    {LOW_K, V, ALWAYS, TYPE_Q2_K},
    {LOW, K, EXPERTS_8, TYPE_Q4_K},
    {LOW_I, DOWN, FIRST_8TH, TYPE_IQ3_S},
    {LOW_K, DOWN, FIRST_8TH, TYPE_Q2_K},
    {LOW, O, EXPERTS_8, TYPE_Q5_K},
    {IQ1_S | IQ1_M, O, ALWAYS, TYPE_IQ2_XXS},
    {LOW_I, O, ALWAYS, TYPE_IQ3_S},
    {LOW, EVERY, ALWAYS, TYPE_NONE},

    {ANY, V, EXPERTS_8, TYPE_Q8_0},
    {Q3_K_L, V, ALWAYS, TYPE_Q5_K},
    {Q4_K_M | Q5_K_M, V, MORE, TYPE_Q6_K},
    /* in a big model what would be Q3_K or Q4_K is Q5_K */
    {Q2_K | Q3_K_S | Q3_K_M | IQ3_M | Q4_K_S | Q4_K_M, V, BIG, TYPE_Q5_K},
    {Q2_K_S | IQ3_XXS | IQ3_XS | IQ3_S, V, BIG | GQA_4, TYPE_Q5_K},
    {Q2_K | Q2_K_S | IQ3_XXS | IQ3_XS | IQ3_S, V, GQA_4, TYPE_Q4_K},
    {Q2_K, V, ALWAYS, TYPE_Q3_K},
    {IQ3_XXS, V, NO_IMATRIX, TYPE_IQ3_S},
    {IQ3_M, V, ALWAYS, TYPE_Q4_K},
    {Q3_K_M, V, LAYER_UNDER_2, TYPE_Q5_K},
    {Q3_K_M, V, ALWAYS, TYPE_Q4_K},
    {IQ4_NL | IQ4_XS, V, GQA_4, TYPE_Q5_K},
    {Q4_K_S, V, LAYER_UNDER_4, TYPE_Q5_K},

    {ANY, K, EXPERTS_8, TYPE_Q8_0},
    {IQ3_XS, K | Q, ALWAYS, TYPE_IQ3_XXS},
    {IQ3_XXS, K | Q, ALWAYS, TYPE_IQ2_S},

    {Q2_K, DOWN, ALWAYS, TYPE_Q3_K},
    {Q2_K_S, DOWN, FIRST_8TH, TYPE_Q4_K},
    {IQ3_XXS, DOWN, NO_IMATRIX | FIRST_8TH, TYPE_Q4_K},
    {IQ3_XXS, DOWN, NO_IMATRIX, TYPE_Q3_K},
    {Q3_K_M, DOWN, FIRST_16TH, TYPE_Q5_K},
    {Q3_K_M, DOWN, NOT_FALCON, TYPE_Q4_K},
    {Q3_K_M, DOWN, MORE, TYPE_Q4_K},
    {IQ3_M, DOWN, FIRST_8TH, TYPE_Q4_K},
    {IQ3_M, DOWN, EXPERTS_8 | MORE, TYPE_Q4_K},
    {Q3_K_L, DOWN, FALCON, TYPE_Q4_K},
    {Q3_K_L, DOWN, ALWAYS, TYPE_Q5_K},
    {Q4_K_M, DOWN, FALCON | FIRST_16TH, TYPE_Q6_K},
    {Q4_K_M, DOWN, FALCON | MORE, TYPE_Q5_K},
    {Q4_K_M, DOWN, NOT_FALCON | MORE, TYPE_Q6_K},
    {IQ4_NL | IQ4_XS, DOWN, NO_IMATRIX | FIRST_8TH, TYPE_Q5_K},
    {Q5_K_M, DOWN, MORE, TYPE_Q6_K},
    {Q4_K_S, DOWN, NOT_FALCON | FIRST_8TH, TYPE_Q5_K},
    {Q4_0, DOWN, IMATRIX | FIRST_8TH, TYPE_Q4_1},
    {Q5_0, DOWN, IMATRIX | FIRST_8TH, TYPE_Q5_1},

    {Q3_K_L, O, FALCON, TYPE_Q4_K},
    {ANY, O, FALCON, TYPE_NONE},
    {Q2_K | Q3_K_S | Q3_K_M | Q4_K_S | Q4_K_M, O, EXPERTS_8, TYPE_Q5_K},
    {IQ3_XXS | IQ3_XS | IQ3_S | IQ3_M | IQ4_NL | IQ4_XS, O, EXPERTS_8, TYPE_Q5_K},
    {ANY, O, EXPERTS_8, TYPE_NONE},
    {Q2_K, O, ALWAYS, TYPE_Q3_K},
    {IQ3_XXS, O, ALWAYS, TYPE_IQ3_S},
    {Q3_K_M | IQ3_M, O, ALWAYS, TYPE_Q4_K},
    {Q3_K_L, O, ALWAYS, TYPE_Q5_K},

    {IQ3_XS, GATE | UP, MIDDLE, TYPE_IQ3_XXS},
    {ANY, EVERY, ALWAYS, TYPE_NONE},
};

/* Models that the tool takes for 70B by their number of layers. */
static const struct {
    const char *arch;
    uint32_t block_count;
    bool grouped; /* and only if heads share keys and values */
} big_models[] = {
    {"llama", 80, true}, {"llama-embed", 80, true}, {"qwen2", 80, false},
    {"deci", 80, false}, {"olmo", 80, false},       {"jais2", 68, false},
};

/* Conversions that cannot do without an importance matrix (§3.6). */
static const struct {
    uint64_t ftypes;
    enum type type;
} imatrix_types[] = {
    {ANY, TYPE_IQ1_S}, {ANY, TYPE_IQ1_M},   {ANY, TYPE_IQ2_XXS}, {ANY, TYPE_IQ2_XS},
    {ANY, TYPE_IQ2_S}, {ANY, TYPE_IQ3_XXS}, {Q2_K_S, TYPE_Q2_K},
};

/* COPY of a source that does not say its file type guesses from the commonest type (§6.3). */
#define FTYPE_GUESSED 1024

static const struct {
    enum type type;
    uint32_t ftype_number;
} guesses[] = {
    {TYPE_F32, 0},     {TYPE_F16, 1},      {TYPE_BF16, 32},  {TYPE_Q4_0, 2},     {TYPE_Q4_1, 3},
    {TYPE_Q5_0, 8},    {TYPE_Q5_1, 9},     {TYPE_Q8_0, 7},   {TYPE_Q2_K, 10},    {TYPE_Q3_K, 12},
    {TYPE_Q4_K, 15},   {TYPE_Q5_K, 17},    {TYPE_Q6_K, 18},  {TYPE_IQ2_XXS, 19}, {TYPE_IQ2_XS, 20},
    {TYPE_IQ2_S, 28},  {TYPE_IQ3_XXS, 23}, {TYPE_IQ1_S, 24}, {TYPE_IQ1_M, 31},   {TYPE_IQ4_NL, 25},
    {TYPE_IQ4_XS, 30}, {TYPE_IQ3_S, 26},   {TYPE_TQ1_0, 36}, {TYPE_TQ2_0, 37},   {TYPE_NVFP4, 39},
    {TYPE_Q1_0, 40},   {TYPE_Q2_0, 41},
};

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

/* --- making a recipe ----------------------------------------------------------------------------
 */

struct maker {
    const struct arch_facts *facts;
    const struct variant *variant;
    struct defect *defect;
    bool tied;      /* no output.weight: the embeddings stand in for it */
    unsigned holds; /* what holds of the model */
    int64_t v_count;
    /* tensors of a category that the layer rules have seen */
    int64_t v_seen, up_seen, gate_seen, down_seen;
};

static bool matches(enum match match, const char *name, const char *text)
{
    switch (match) {
    case CONTAINS:
        return strstr(name, text) != NULL;
    case EQUALS:
        return strcmp(name, text) == 0;
    case BEGINS:
        break;
    }
    return strncmp(name, text, strlen(text)) == 0;
}

static enum category category_of(const char *name)
{
    for (size_t i = 0; i < COUNT(categories); i++)
        if (matches(categories[i].match, name, categories[i].text))
            return categories[i].category;
    return OTHER;
}

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
    for (size_t i = 0; i < COUNT(kept); i++)
        if ((!kept[i].arch || strcmp(kept[i].arch, maker->facts->name) == 0) &&
            matches(kept[i].match, tensor->name, kept[i].text))
            return true;
    return false;
}

static bool is_arch(const struct maker *maker, const char *name)
{
    return strcmp(maker->facts->name, name) == 0;
}

static bool is_big(const struct arch_facts *facts)
{
    for (size_t i = 0; i < COUNT(big_models); i++)
        if (strcmp(facts->name, big_models[i].arch) == 0 &&
            facts->block_count == big_models[i].block_count &&
            (!big_models[i].grouped || facts->head_count != facts->head_count_kv))
            return true;
    return false;
}

static unsigned holds_of_model(const struct maker *maker)
{
    const struct arch_facts *facts = maker->facts;
    unsigned holds = NO_IMATRIX;

    holds |= is_arch(maker, "falcon") ? FALCON : NOT_FALCON;
    holds |= is_arch(maker, "glm5-next") ? GLM5_NEXT : 0;
    holds |= is_arch(maker, "bailingmoe3") ? 0 : NOT_BAILINGMOE3;
    holds |= is_big(facts) ? BIG : 0;
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

static uint64_t bit_of(const struct ftype *ftype)
{
    return BIT(ftype->number);
}

/* 1 and *type, or 0: no rule fits. */
static int apply(const struct maker *maker, const struct rule *rules, size_t count,
                 enum category category, unsigned holds, enum type *type)
{
    const struct ftype *ftype = maker->variant->ftype;

    for (size_t i = 0; i < count; i++) {
        if (!(rules[i].ftypes & bit_of(ftype)) || !(rules[i].categories & category))
            continue;
        if ((rules[i].needs & GQA_4) && !maker->facts->known_heads)
            return defect_set(maker->defect, EINVAL, DEFECT_NOWHERE,
                              "file type %s looks at the number of attention heads, which is not "
                              "known of architecture '%s'",
                              ftype->name, maker->facts->name);
        if (rules[i].needs & ~holds)
            continue;
        *type = rules[i].type == TYPE_NONE ? ftype->type : rules[i].type;
        return 1;
    }
    return 0;
}

/* The layer of a feed-forward tensor of a model with experts is the one that its name says; that of
 * others, how many of its kind came before. */
static int layer_of(const struct maker *maker, const char *name, int64_t *i)
{
    int layer;

    if (maker->facts->expert_count <= 1 || (bit_of(maker->variant->ftype) & LOW))
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
    r = apply(maker, model_rules, COUNT(model_rules), category, holds, type);
    if (r != 0)
        return r < 0 ? r : 0;
    r = place(maker, tensor->name, category, &holds);
    if (r < 0)
        return r;
    r = apply(maker, layer_rules, COUNT(layer_rules), category, holds, type);
    assert(r != 0); /* the last rule fits all */
    return r < 0 ? r : 0;
}

/* Types as the tool spells them in its messages: ours, but for the K. */
static void spell_type(enum type type, char text[16])
{
    size_t length;

    (void)snprintf(text, 16, "%s", type_info((uint32_t)type)->name);
    length = strlen(text);
    if (length > 2 && strcmp(text + length - 2, "_k") == 0)
        text[length - 1] = 'K';
}

/* Another type where the row is no multiple of the block (§4). */
static int fall_back(const struct maker *maker, const struct source_tensor *tensor, enum type *type)
{
    const struct type_info *info = type_info((uint32_t)*type);
    char spelt[16];

    if (tensor->ne[0] % info->block_weights == 0)
        return 0;
    if (info->fallback == TYPE_NONE) {
        spell_type(*type, spelt);
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
    char spelt[16];

    if (tensor->ne[0] % info->block_weights == 0)
        return 0;
    spell_type(type, spelt);
    return defect_set(maker->defect, EINVAL, DEFECT_NOWHERE,
                      "tensor '%s' cannot be %s: its rows of %llu weights are no multiple of %u",
                      tensor->name, spelt, (unsigned long long)tensor->ne[0], info->block_weights);
}

/* The order in which the tool decides (§3.2). */
static int decide(struct maker *maker, const struct source_tensor *tensor, enum type *type)
{
    const struct variant *variant = maker->variant;
    enum category category = category_of(tensor->name);
    int r = 0;

    *type = category == EMB   ? variant->token_embd_type
            : category == OUT ? variant->output_type
                              : TYPE_NONE;
    if (*type != TYPE_NONE)
        return must_fit(maker, tensor, *type);
    *type = variant->ftype->type;
    if (!type_info((uint32_t)*type)->quantized)
        return 0;
    if (!variant->pure)
        r = mix(maker, tensor, category, type);
    return r < 0 ? r : fall_back(maker, tensor, type);
}

static int check_imatrix(const struct maker *maker, const char *name, enum type type)
{
    if (category_of(name) & (OUT | EMB))
        return 0;
    for (size_t i = 0; i < COUNT(imatrix_types); i++)
        if (imatrix_types[i].type == type &&
            (imatrix_types[i].ftypes & bit_of(maker->variant->ftype)))
            return defect_set(maker->defect, EINVAL, DEFECT_NOWHERE,
                              "this quantization requires an imatrix!");
    return 0;
}

/* What the tool finds only when it comes to convert the tensor. */
static int check_conversion(const struct maker *maker, const struct source_tensor *tensor,
                            enum type type)
{
    const struct type_info *from = type_info((uint32_t)tensor->type);
    char spelt[16];

    if (type == tensor->type)
        return 0;
    spell_type(tensor->type, spelt);
    if (from->quantized)
        return defect_set(maker->defect, ENOTSUP, DEFECT_NOWHERE,
                          "requantizing from type %s is disabled (tensor '%s'): take the F32, F16 "
                          "or BF16 model that this one was made from",
                          spelt, tensor->name);
    if (!from->source)
        return defect_set(maker->defect, ENOTSUP, DEFECT_NOWHERE,
                          "cannot dequantize/convert tensor type %s (tensor '%s'): take file type "
                          "COPY, or convert the model again with that tensor as F32",
                          spelt, tensor->name);
    spell_type(type, spelt);
    if (type_info((uint32_t)type)->chunk_weights == 0)
        return defect_set(maker->defect, EINVAL, DEFECT_NOWHERE,
                          "tensor '%s' cannot be converted to %s", tensor->name, spelt);
    if (tensor->n_dims > 3)
        return defect_set(maker->defect, EINVAL, DEFECT_NOWHERE,
                          "tensor '%s' has 4 dimensions, and only up to 3 can be converted",
                          tensor->name);
    if (!ftype_has_target(type))
        return defect_set(maker->defect, ENOTSUP, DEFECT_NOWHERE,
                          "tensor '%s' would become %s, which is not supported yet by this version",
                          tensor->name, spelt);
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
    for (size_t i = 0; i < COUNT(guesses); i++)
        if (guesses[i].type == type)
            return FTYPE_GUESSED + guesses[i].ftype_number;
    return FTYPE_GUESSED;
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

static void count_model(struct maker *maker, const struct source_tensor *tensors, size_t count)
{
    maker->tied = true;
    for (size_t i = 0; i < count; i++) {
        maker->v_count += category_of(tensors[i].name) == V;
        if (strcmp(tensors[i].name, "output.weight") == 0)
            maker->tied = false;
    }
    maker->holds = holds_of_model(maker);
}

/* Two passes, since the tool knows all types before it converts anything. */
static int fill(struct maker *maker, const struct source_tensor *tensors, struct recipe *recipe)
{
    struct recipe_entry *entry;
    int r;

    for (size_t i = 0; i < recipe->count; i++) {
        entry = &recipe->entries[i];
        *entry = (struct recipe_entry){.tensor = &tensors[i], .type = tensors[i].type};
        if (is_kept(maker, &tensors[i]))
            continue;
        r = decide(maker, &tensors[i], &entry->type);
        if (r == 0)
            r = check_imatrix(maker, tensors[i].name, entry->type);
        if (r < 0)
            return r;
    }
    for (size_t i = 0; i < recipe->count; i++) {
        r = check_conversion(maker, &tensors[i], recipe->entries[i].type);
        if (r < 0)
            return r;
    }
    return 0;
}

int recipe_make(const struct source *source, const struct arch_facts *facts,
                const struct variant *variant, struct recipe **result, struct defect *defect)
{
    struct maker maker = {.facts = facts, .variant = variant, .defect = defect};
    const struct source_tensor *tensors;
    struct recipe *recipe;
    size_t count, size;
    int r;

    *result = NULL;
    tensors = source_tensors(source, &count);
    if (__builtin_mul_overflow(count, sizeof(recipe->entries[0]), &size) ||
        __builtin_add_overflow(size, sizeof(*recipe), &size))
        return -ENOMEM;
    recipe = malloc(size);
    if (!recipe)
        return -ENOMEM;
    recipe->ftype_number = ftype_number(source, variant->ftype);
    recipe->count = count;
    count_model(&maker, tensors, count);
    r = fill(&maker, tensors, recipe);
    if (r == 0) {
        *result = recipe;
        recipe = NULL;
    }
    recipe_free(recipe);
    return r;
}

void recipe_free(struct recipe *recipe)
{
    free(recipe);
}

size_t recipe_message_length(const char *text)
{
    const char *advice = strstr(text, "): take ");
    const char *end = strstr(text, " (tensor '");

    return advice && end ? (size_t)(end - text) : strlen(text);
}
