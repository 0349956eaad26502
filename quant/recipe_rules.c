/* The rules of llama-quantize 0.7.0 (recipe.md §2-§4), as tables: in each the first row that fits
 * decides. */
#include "quant/recipe_rules.h"

#include <string.h>

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
/* Those with layer rules of their own. */
#define LOW_K (IQ1_S | IQ1_M | IQ2_XXS | IQ2_XS)
#define LOW_I (IQ2_S | IQ2_M)
#define LOW (LOW_K | LOW_I)

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
    {0},
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
    {0},
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

/* COPY of a source that does not say its file type guesses from the commonest type. */
#define FTYPE_GUESSED 1024

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

const struct rule *recipe_model_rules(void)
{
    return model_rules;
}

const struct rule *recipe_layer_rules(void)
{
    return layer_rules;
}

uint64_t recipe_ftype_bit(const struct ftype *ftype)
{
    return BIT(ftype->number);
}

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

enum category recipe_category(const char *name)
{
    for (size_t i = 0; i < COUNT(categories); i++)
        if (matches(categories[i].match, name, categories[i].text))
            return categories[i].category;
    return OTHER;
}

bool recipe_keeps(const char *arch, const char *name)
{
    for (size_t i = 0; i < COUNT(kept); i++)
        if ((!kept[i].arch || strcmp(kept[i].arch, arch) == 0) &&
            matches(kept[i].match, name, kept[i].text))
            return true;
    return false;
}

bool recipe_is_big(const struct arch_facts *facts)
{
    for (size_t i = 0; i < COUNT(big_models); i++)
        if (strcmp(facts->name, big_models[i].arch) == 0 &&
            facts->block_count == big_models[i].block_count &&
            (!big_models[i].grouped || facts->head_count != facts->head_count_kv))
            return true;
    return false;
}

bool recipe_counts_layers(const struct ftype *ftype)
{
    return (recipe_ftype_bit(ftype) & LOW) != 0;
}

bool recipe_needs_imatrix(const struct ftype *ftype, enum type type)
{
    for (size_t i = 0; i < COUNT(imatrix_types); i++)
        if (imatrix_types[i].type == type && (imatrix_types[i].ftypes & recipe_ftype_bit(ftype)))
            return true;
    return false;
}

bool recipe_cannot_guess(enum type type)
{
    return type == TYPE_IQ1_S || type == TYPE_IQ2_XXS || type == TYPE_IQ2_XS;
}

uint32_t recipe_guess_ftype(enum type type)
{
    for (size_t i = 0; i < COUNT(guesses); i++)
        if (guesses[i].type == type)
            return FTYPE_GUESSED + guesses[i].ftype_number;
    return FTYPE_GUESSED;
}
