/* If this fails, a tensor gets another type than the reference tool gives it, or a variant that
 * cannot be made is offered. */
#include "quant/recipe.h"

#include "tests/check.h"

/* A source that is made up: the recipe asks it for nothing but this. */
struct source {
    struct source_tensor tensors[256];
    char names[256][64];
    size_t count;
    bool has_ftype;
    uint32_t ftype;
    const struct imatrix *imatrix;
};

enum type source_directory_type(const struct source *source)
{
    (void)source;
    return TYPE_NONE;
}

const struct source_tensor *source_tensors(const struct source *source, size_t *count)
{
    *count = source->count;
    return source->tensors;
}

const struct imatrix *source_imatrix(const struct source *source)
{
    return source->imatrix;
}

int source_key_u32(const struct source *source, const char *key, uint32_t *value)
{
    CHECK_STR(key, "general.file_type");
    if (!source->has_ftype)
        return -ENOENT;
    *value = source->ftype;
    return 0;
}

static struct source_tensor *add(struct source *source, const char *name, enum type type,
                                 uint64_t columns, uint64_t rows, uint64_t matrices)
{
    struct source_tensor *tensor = &source->tensors[source->count];

    CHECK(source->count < 256);
    (void)snprintf(source->names[source->count], 64, "%s", name);
    *tensor = (struct source_tensor){.name = source->names[source->count], .type = type};
    tensor->ne[0] = columns;
    tensor->ne[1] = rows;
    tensor->ne[2] = matrices;
    tensor->ne[3] = 1;
    tensor->n_dims = matrices > 1 ? 3 : rows > 1 ? 2 : 1;
    source->count++;
    return tensor;
}

/* One F16 tensor of 256 x 4 for each layer, `format` with its number. */
static void add_layers(struct source *source, const char *format, int count)
{
    char name[64];

    for (int i = 0; i < count; i++) {
        (void)snprintf(name, sizeof(name), format, i);
        (void)add(source, name, TYPE_F16, 256, 4, 1);
    }
}

static const struct arch_facts plain = {
    .name = "llama", .block_count = 32, .head_count = 8, .head_count_kv = 8, .known_heads = true};

static struct variant variant_of(const char *name)
{
    struct variant variant = {.ftype = ftype_find(name, strlen(name)),
                              .output_type = TYPE_NONE,
                              .token_embd_type = TYPE_NONE};

    CHECK(variant.ftype);
    return variant;
}

static struct recipe *make(const struct source *source, const struct arch_facts *facts,
                           struct variant variant)
{
    struct defect defect = {0};
    struct recipe *recipe;
    int r = recipe_make(source, facts, &variant, &recipe, &defect);

    CHECK_STR(defect.text, "");
    CHECK_EQ(r, 0);
    CHECK_EQ(recipe->count, source->count);
    for (size_t i = 0; i < source->count; i++)
        CHECK(recipe->entries[i].tensor == &source->tensors[i]);
    return recipe;
}

static void refuse(const struct source *source, const struct arch_facts *facts,
                   struct variant variant, int error, const char *text)
{
    struct defect defect = {0};
    struct recipe *recipe = (void *)&defect;

    CHECK_EQ(recipe_make(source, facts, &variant, &recipe, &defect), -error);
    CHECK(!recipe);
    CHECK_EQ(defect.offset, DEFECT_NOWHERE);
    defect.text[strlen(text) < sizeof(defect.text) ? strlen(text) : 0] = '\0';
    CHECK_STR(defect.text, text);
    recipe_free(recipe);
}

static enum type only(const struct source *source, const struct arch_facts *facts,
                      struct variant variant)
{
    struct recipe *recipe = make(source, facts, variant);
    enum type type = recipe->entries[0].type;

    recipe_free(recipe);
    return type;
}

/* The type that one F16 tensor of 256 x 4 gets among an output of its own. */
static enum type alone(const char *name, const struct arch_facts *facts, const char *ftype)
{
    struct source source = {0};

    (void)add(&source, name, TYPE_F16, 256, 4, 1);
    (void)add(&source, "output.weight", TYPE_F16, 256, 4, 1);
    return only(&source, facts, variant_of(ftype));
}

/* As letters: the types that a run of layers gets. */
static const char *letters(const struct source *source, const struct arch_facts *facts,
                           const char *ftype, char text[257])
{
    struct recipe *recipe = make(source, facts, variant_of(ftype));

    for (size_t i = 0; i < recipe->count; i++)
        text[i] = recipe->entries[i].type == TYPE_Q4_K   ? '4'
                  : recipe->entries[i].type == TYPE_Q5_K ? '5'
                  : recipe->entries[i].type == TYPE_Q6_K ? '6'
                  : recipe->entries[i].type == TYPE_Q8_0 ? '8'
                                                         : '?';
    text[recipe->count] = '\0';
    recipe_free(recipe);
    return text;
}

static void test_kept(void)
{
    static const char *const names[] = {
        "blk.0.attn_norm.weight",
        "blk.0.ffn_gate_inp.weight",
        "blk.0.ffn_gate_tid2eid.weight",
        "altup_proj.weight",
        "blk.0.laurel_l.weight",
        "per_layer_model_proj.weight",
        "blk.0.ssm_conv1d.weight",
        "blk.0.shortconv.conv.weight",
        "blk.0.indexer.k_proj.weight",
        "blk.0.time_mix_w1.weight",
        "blk.0.time_mix_decay_w2.weight",
        "blk.0.time_mix_lerp_fused.weight",
        "enc.blk.0.attn_rel_b.weight",
        "v.position_embd.weight",
        "position_embd.weight",
        "token_types.weight",
        "blk.0.attn_q.bias",
        "blk.0.attn_q.weights",
        "weigh2",
    };
    static const char *const others[] = {
        "blk.0.ffn_gate_inp_shexp.weight",
        "xposition_embd.weight",
        "weight",
        "blk.2",
        "blk.0.ssm_in.weight",
        "blk.0.hc_x.weight",
        "decision.x.weight",
    };
    struct arch_facts facts = plain;
    struct source source = {0};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        CHECK_EQ(alone(names[i], &plain, "Q6_K"), TYPE_F16);
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        CHECK_EQ(alone(others[i], &plain, "Q6_K"), TYPE_Q6_K);
    (void)strcpy(facts.name, "glm5-next");
    CHECK_EQ(alone("blk.0.hc_x.weight", &facts, "Q6_K"), TYPE_F16);
    CHECK_EQ(alone("blk.0.attn_q_a.weight", &facts, "Q4_K_M"), TYPE_Q8_0);
    (void)strcpy(facts.name, "vllm-decision2");
    CHECK_EQ(alone("decision.x.weight", &facts, "Q6_K"), TYPE_F16);
    CHECK_EQ(alone("x.decision.weight", &facts, "Q6_K"), TYPE_Q6_K);
    (void)add(&source, "blk.0.attn_q.weight", TYPE_F32, 256, 1, 1);
    CHECK_EQ(only(&source, &plain, variant_of("Q4_K_M")), TYPE_F32);
    CHECK_EQ(only(&source, &plain, variant_of("F16")), TYPE_F32);
}

/* More bits: the first eighth of the layers, the last, and every third between. */
static void test_layers(void)
{
    struct source v = {0}, down = {0};
    struct arch_facts falcon = plain;
    char text[257];

    (void)strcpy(falcon.name, "falcon");
    add_layers(&v, "blk.%d.attn_v.weight", 32);
    add_layers(&down, "blk.%d.ffn_down.weight", 32);
    CHECK_STR(letters(&v, &plain, "Q4_K_M", text), "66664464464464464464464464466666");
    CHECK_STR(letters(&down, &plain, "Q4_K_M", text), "66664464464464464464464464466666");
    CHECK_STR(letters(&down, &falcon, "Q4_K_M", text), "66554454454454454454454454455555");
    CHECK_STR(letters(&down, &plain, "Q5_K_M", text), "66665565565565565565565565566666");
    CHECK_STR(letters(&v, &plain, "Q4_K_S", text), "55554444444444444444444444444444");
    CHECK_STR(letters(&down, &plain, "Q4_K_S", text), "55554444444444444444444444444444");
    CHECK_STR(letters(&down, &falcon, "Q4_K_S", text), "44444444444444444444444444444444");
    CHECK_STR(letters(&v, &plain, "Q5_K_S", text), "55555555555555555555555555555555");
}

/* The layer of attn_v counts tensors, that of ffn_down layers of the model; other kinds of down
 * projections share the counter. */
static void test_counters(void)
{
    struct source source = {0};
    struct arch_facts facts = plain;
    char text[257];

    facts.block_count = 8;
    add_layers(&source, "blk.%d.attn_v.weight", 4);
    CHECK_STR(letters(&source, &facts, "Q4_K_M", text), "4466"); /* more(i, 4) */
    source.count = 0;
    add_layers(&source, "blk.%d.ffn_down.weight", 2);
    add_layers(&source, "blk.%d.ffn_down_shexp.weight", 2);
    CHECK_STR(letters(&source, &facts, "Q4_K_M", text), "6446"); /* more(i, 8) */
    /* one that is kept is not counted, but there is one more of its kind */
    source.count = 0;
    add_layers(&source, "blk.%d.attn_v.weight", 4);
    source.tensors[0].n_dims = 1;
    source.tensors[0].type = TYPE_Q8_0;
    CHECK_STR(letters(&source, &facts, "Q4_K_M", text), "8446");
}

static void test_experts(void)
{
    struct source source = {0}, named = {0};
    struct arch_facts facts = plain;
    char text[257];

    facts.block_count = 8;
    facts.expert_count = 8;
    CHECK_EQ(alone("blk.3.attn_v.weight", &facts, "Q4_K_M"), TYPE_Q8_0);
    CHECK_EQ(alone("blk.3.attn_k.weight", &facts, "Q4_K_M"), TYPE_Q8_0);
    CHECK_EQ(alone("blk.3.attn_output.weight", &facts, "Q4_K_M"), TYPE_Q5_K);
    CHECK_EQ(alone("blk.3.attn_output.weight", &facts, "Q6_K"), TYPE_Q6_K);
    CHECK_EQ(alone("blk.3.attn_v.weight", &facts, "F16"), TYPE_F16);
    facts.expert_count = 4;
    CHECK_EQ(alone("blk.3.attn_v.weight", &facts, "Q6_K"), TYPE_Q6_K);
    (void)add(&source, "blk.7.ffn_down_exps.weight", TYPE_F16, 256, 4, 4);
    (void)add(&source, "blk.1.ffn_down_exps.weight", TYPE_F16, 256, 4, 4);
    (void)add(&source, "blk.0.ffn_down_exps.weight", TYPE_F16, 256, 4, 4);
    CHECK_STR(letters(&source, &facts, "Q4_K_M", text), "646");
    (void)add(&named, "ffn_up.weight", TYPE_F16, 256, 4, 1);
    refuse(&named, &facts, variant_of("Q6_K"), EINVAL,
           "Failed to determine layer for tensor ffn_up.weight");
    named.count = 0;
    (void)add(&named, "blk.8.ffn_gate.weight", TYPE_F16, 256, 4, 1);
    refuse(&named, &facts, variant_of("Q8_0"), EINVAL,
           "Bad layer 8 for tensor blk.8.ffn_gate.weight. Must be in [0, 8)");
    CHECK_EQ(only(&named, &plain, variant_of("Q8_0")), TYPE_Q8_0);
    facts.expert_count = 1;
    CHECK_EQ(only(&named, &facts, variant_of("Q8_0")), TYPE_Q8_0);
}

static void test_big(void)
{
    struct arch_facts facts = plain;
    struct source source = {0};
    char text[257];

    facts.block_count = 80;
    add_layers(&source, "blk.%d.attn_v.weight", 80);
    CHECK_EQ(letters(&source, &facts, "Q4_K_M", text)[20], '4');
    facts.head_count = 64;
    CHECK_EQ(letters(&source, &facts, "Q4_K_M", text)[20], '5');
    CHECK_EQ(letters(&source, &facts, "Q4_K_M", text)[9], '6');
    CHECK_EQ(letters(&source, &facts, "Q4_K_S", text)[20], '5');
    (void)strcpy(facts.name, "gemma");
    CHECK_EQ(letters(&source, &facts, "Q4_K_M", text)[20], '4');
    (void)strcpy(facts.name, "olmo");
    facts.head_count = facts.head_count_kv;
    CHECK_EQ(letters(&source, &facts, "Q4_K_M", text)[20], '5');
}

static void test_output(void)
{
    struct arch_facts falcon = plain;
    struct variant variant = variant_of("Q4_K_M");
    struct source source = {0}, tied = {0}, uneven = {0};
    struct recipe *recipe;

    (void)strcpy(falcon.name, "falcon");
    (void)add(&source, "output.weight", TYPE_F16, 256, 4, 1);
    (void)add(&source, "token_embd.weight", TYPE_F16, 256, 4, 1);
    (void)add(&source, "per_layer_token_embd.weight", TYPE_F16, 256, 4, 1);
    (void)add(&tied, "token_embd.weight", TYPE_F16, 256, 4, 1);
    (void)add(&uneven, "output.weight", TYPE_F16, 288, 4, 1);
    CHECK_EQ(only(&source, &plain, variant), TYPE_Q6_K);
    CHECK_EQ(only(&source, &falcon, variant), TYPE_Q8_0);
    CHECK_EQ(only(&source, &plain, variant_of("Q8_0")), TYPE_Q8_0);
    CHECK_EQ(only(&source, &plain, variant_of("Q4_0")), TYPE_Q6_K);
    CHECK_EQ(only(&uneven, &plain, variant), TYPE_Q8_0);
    CHECK_EQ(only(&uneven, &plain, variant_of("Q4_0")), TYPE_Q8_0); /* Q6_K falls back */
    CHECK_EQ(only(&tied, &plain, variant), TYPE_Q6_K);
    recipe = make(&source, &plain, variant);
    CHECK_EQ(recipe->entries[1].type, TYPE_Q4_K);
    CHECK_EQ(recipe->entries[2].type, TYPE_Q4_K);
    recipe_free(recipe);

    variant.leave_output = true;
    CHECK_EQ(only(&source, &plain, variant), TYPE_F16);
    CHECK_EQ(only(&tied, &plain, variant), TYPE_Q6_K);
    variant.leave_output = false;
    variant.pure = true;
    CHECK_EQ(only(&source, &plain, variant), TYPE_Q4_K);
    CHECK_EQ(only(&tied, &plain, variant), TYPE_Q4_K);
    CHECK_EQ(only(&uneven, &plain, variant), TYPE_Q5_0);
    variant.output_type = TYPE_Q8_0;
    CHECK_EQ(only(&source, &plain, variant), TYPE_Q8_0);
    CHECK_EQ(only(&tied, &plain, variant), TYPE_Q4_K);
    variant.pure = false;
    CHECK_EQ(only(&tied, &plain, variant), TYPE_Q8_0);
    variant.token_embd_type = TYPE_Q5_1;
    CHECK_EQ(only(&tied, &plain, variant), TYPE_Q5_1);
    CHECK_EQ(only(&source, &plain, variant), TYPE_Q8_0);
    recipe = make(&source, &plain, variant);
    CHECK_EQ(recipe->entries[2].type, TYPE_Q5_1);
    recipe_free(recipe);
    variant.ftype = ftype_find("F32", 3);
    CHECK_EQ(only(&source, &plain, variant), TYPE_Q8_0);
    variant.ftype = ftype_find("COPY", 4);
    CHECK_EQ(only(&source, &plain, variant), TYPE_F16);
    variant = variant_of("Q4_K_M");
    variant.output_type = TYPE_Q6_K;
    refuse(&uneven, &plain, variant, EINVAL, "tensor 'output.weight' cannot be q6_K: its rows of ");
}

static void test_fallback(void)
{
    static const struct {
        const char *ftype;
        uint64_t columns;
        enum type type;
    } cases[] = {
        {"Q4_K_M", 288, TYPE_Q5_0}, {"Q5_K_M", 288, TYPE_Q5_1}, {"Q6_K", 288, TYPE_Q8_0},
        {"Q4_K_M", 80, TYPE_F16},   {"Q8_0", 288, TYPE_Q8_0},   {"Q8_0", 80, TYPE_F16},
        {"Q4_0", 48, TYPE_F16},     {"BF16", 3, TYPE_BF16},     {"F32", 3, TYPE_F32},
    };
    struct source source = {0};

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        source.count = 0;
        (void)add(&source, "blk.0.attn_q.weight", TYPE_F16, cases[i].columns, 4, 1);
        CHECK_EQ(only(&source, &plain, variant_of(cases[i].ftype)), cases[i].type);
    }
    refuse(&source, &plain, variant_of("Q1_0"), EINVAL,
           "no tensor type fallback is defined for type q1_0");
}

static void test_impossible(void)
{
    struct variant variant = variant_of("Q4_K_M");
    struct source source = {0};
    struct arch_facts clip = {.name = "clip"};
    struct source_tensor *tensor = add(&source, "blk.0.attn_q.weight", TYPE_Q4_K, 256, 4, 1);

    refuse(&source, &plain, variant_of("Q8_0"), ENOTSUP, "requantizing from type q4_K is disabled");
    CHECK_EQ(only(&source, &plain, variant), TYPE_Q4_K);
    CHECK_EQ(only(&source, &plain, variant_of("COPY")), TYPE_Q4_K);
    variant.requantize = true;
    tensor->type = TYPE_Q8_0;
    CHECK_EQ(only(&source, &plain, variant), TYPE_Q4_K);
    tensor->type = TYPE_Q8_K;
    refuse(&source, &plain, variant, ENOTSUP,
           "type q8_K unsupported for integer quantization: no dequantization available (tensor");
    tensor->type = TYPE_Q8_1;
    refuse(&source, &plain, variant, ENOTSUP, "tensor 'blk.0.attn_q.weight' has invalid data");
    variant.requantize = false;
    refuse(&source, &plain, variant, ENOTSUP, "requantizing from type q8_1 is disabled");
    tensor->type = TYPE_F64;
    refuse(&source, &plain, variant, ENOTSUP, "cannot dequantize/convert tensor type f64");
    tensor->type = TYPE_F16;
    tensor->ne[3] = 2;
    tensor->n_dims = 4;
    refuse(&source, &plain, variant, EINVAL, "tensor 'blk.0.attn_q.weight' has 4 dimensions");
    CHECK_EQ(only(&source, &plain, variant_of("F16")), TYPE_F16);

    source.count = 0;
    (void)add(&source, "output.weight", TYPE_F16, 256, 4, 1);
    variant.output_type = TYPE_I32;
    refuse(&source, &plain, variant, EINVAL, "tensor 'output.weight' cannot be converted to i32");
    variant.output_type = TYPE_IQ2_XS;
    refuse(&source, &plain, variant, EINVAL,
           "tensor 'output.weight' cannot be converted to iq2_xs without an imatrix");
    variant.output_type = TYPE_IQ2_S;
    CHECK_EQ(only(&source, &plain, variant), TYPE_IQ2_S);
    variant.output_type = TYPE_IQ1_S;
    refuse(&source, &plain, variant, EINVAL,
           "tensor 'output.weight' cannot be converted to iq1_s without an imatrix");
    source.tensors[0].type = TYPE_IQ1_S;
    CHECK_EQ(only(&source, &plain, variant), TYPE_IQ1_S);
    variant.output_type = TYPE_IQ1_M;
    source.tensors[0].type = TYPE_F16;
    CHECK_EQ(only(&source, &plain, variant), TYPE_IQ1_M);

    source.count = 0;
    (void)add(&source, "blk.0.ffn_up.weight", TYPE_F16, 256, 4, 1);
    refuse(&source, &plain, variant_of("IQ2_XS"), EINVAL, "this quantization requires an imatrix!");
    refuse(&source, &plain, variant_of("Q2_K_S"), EINVAL, "this quantization requires an imatrix!");

    source.count = 0;
    (void)add(&source, "v.blk.0.attn_v.weight", TYPE_F16, 256, 4, 1);
    CHECK_EQ(only(&source, &clip, variant_of("Q4_K_M")), TYPE_Q6_K);
    refuse(&source, &clip, variant_of("Q2_K"), EINVAL, "file type Q2_K looks at the number of");
}

/* --- importance matrices ----------------------------------------------------------------------
 */

static float values[512];

static struct variant with_imatrix(const char *name)
{
    struct variant variant = variant_of(name);

    variant.imatrix = true;
    return variant;
}

static void add_entry(struct imatrix *imatrix, struct imatrix_entry *entry, char *name,
                      uint64_t count)
{
    *entry =
        (struct imatrix_entry){.name = name, .values = values + imatrix->count, .count = count};
    imatrix->count++;
}

static void importance(void)
{
    char down[] = "blk.0.ffn_down.weight", up[] = "blk.0.ffn_up.weight", head[] = "output.weight";
    char embd[] = "token_embd.weight";
    struct imatrix_entry entries[4];
    struct imatrix imatrix = {.entries = entries};
    struct source source = {.imatrix = &imatrix};
    struct recipe *recipe;
    struct variant variant;

    /* One without entries is none, and one that nobody asks for neither. */
    (void)add(&source, up, TYPE_F16, 256, 4, 1);
    refuse(&source, &plain, with_imatrix("Q2_K_S"), EINVAL,
           "this quantization requires an imatrix!");
    add_entry(&imatrix, &entries[0], down, 256);
    refuse(&source, &plain, variant_of("Q2_K_S"), EINVAL, "this quantization requires an imatrix!");
    source.count = 0;
    (void)add(&source, down, TYPE_F16, 256, 4, 1);
    recipe = make(&source, &plain, variant_of("Q4_K_M"));
    CHECK(!recipe->imatrix && !recipe->entries[0].importance);
    recipe_free(recipe);

    /* Rules that look whether there is one. */
    CHECK_EQ(only(&source, &plain, variant_of("Q4_0")), TYPE_Q4_0);
    CHECK_EQ(only(&source, &plain, with_imatrix("Q4_0")), TYPE_Q4_1);
    CHECK_EQ(only(&source, &plain, with_imatrix("Q5_0")), TYPE_Q5_1);
    CHECK_EQ(only(&source, &plain, variant_of("IQ4_XS")), TYPE_Q5_K);
    CHECK_EQ(only(&source, &plain, with_imatrix("IQ4_XS")), TYPE_IQ4_XS);

    /* A type that does not heed it is made as without. */
    recipe = make(&source, &plain, with_imatrix("Q4_K_M"));
    CHECK(recipe->imatrix == &imatrix && recipe->entries[0].importance == values);
    recipe_free(recipe);
    recipe = make(&source, &plain, with_imatrix("Q8_0"));
    CHECK(recipe->imatrix == &imatrix && !recipe->entries[0].importance);
    recipe_free(recipe);

    /* An entry is missing: only some conversions cannot do without. */
    (void)add(&source, up, TYPE_F16, 256, 4, 2);
    refuse(&source, &plain, with_imatrix("Q2_K_S"), EINVAL,
           "Missing importance matrix for tensor blk.0.ffn_up.weight in a very low-bit");
    recipe = make(&source, &plain, with_imatrix("Q4_K_M"));
    CHECK(recipe->entries[0].importance && !recipe->entries[1].importance);
    recipe_free(recipe);
    source.tensors[1].type = TYPE_Q2_K;
    recipe_free(make(&source, &plain, with_imatrix("Q2_K_S")));
    source.tensors[1].type = TYPE_F16;

    /* One of another size, whatever the tensor becomes, but for the embeddings. */
    add_entry(&imatrix, &entries[1], up, 256);
    refuse(&source, &plain, with_imatrix("F32"), EINVAL,
           "imatrix size 256 is different from tensor size 512 for blk.0.ffn_up.weight");
    recipe_free(make(&source, &plain, with_imatrix("F16"))); /* copied */
    entries[1].count = 512;
    (void)add(&source, embd, TYPE_F16, 256, 4, 1);
    add_entry(&imatrix, &entries[2], embd, 128);
    recipe = make(&source, &plain, with_imatrix("Q4_K_M"));
    CHECK(recipe->entries[1].importance == values + 1 && !recipe->entries[2].importance);
    recipe_free(recipe);

    /* The output does without, unless its kernel cannot. */
    source.count = 0;
    (void)add(&source, head, TYPE_F16, 256, 4, 1);
    variant = with_imatrix("Q8_0");
    variant.output_type = TYPE_IQ2_XS;
    refuse(&source, &plain, variant, EINVAL,
           "tensor 'output.weight' cannot be converted to iq2_xs without an imatrix");
    variant.output_type = TYPE_IQ3_XXS;
    CHECK_EQ(only(&source, &plain, variant), TYPE_IQ3_XXS);

    /* Where only sizes are wanted, it is noted. */
    source.count = 0;
    (void)add(&source, "blk.1.ffn_up.weight", TYPE_F16, 256, 4, 1);
    variant = with_imatrix("Q2_K_S");
    variant.dry_run = true;
    recipe = make(&source, &plain, variant);
    CHECK_STR(recipe->lacking, "blk.1.ffn_up.weight");
    recipe_free(recipe);
    variant.imatrix = false;
    recipe = make(&source, &plain, variant);
    CHECK_STR(recipe->lacking, "blk.1.ffn_up.weight");
    recipe_free(recipe);
    variant.ftype = variant_of("Q2_K").ftype;
    recipe = make(&source, &plain, variant);
    CHECK(!recipe->lacking);
    recipe_free(recipe);
}

static uint32_t number(const struct source *source, const char *ftype)
{
    struct recipe *recipe = make(source, &plain, variant_of(ftype));
    uint32_t result = recipe->ftype_number;

    recipe_free(recipe);
    return result;
}

static void test_number(void)
{
    struct source source = {0};

    CHECK_EQ(number(&source, "Q4_K"), 15);
    CHECK_EQ(number(&source, "BF16"), 32);
    CHECK_EQ(number(&source, "COPY"), 1024);
    (void)add(&source, "a", TYPE_Q4_K, 256, 1, 1);
    (void)add(&source, "b", TYPE_BF16, 256, 1, 1);
    CHECK_EQ(number(&source, "COPY"), 1024 + 15); /* who came first */
    (void)add(&source, "c", TYPE_BF16, 256, 1, 1);
    (void)add(&source, "d", TYPE_Q4_K, 256, 1, 1);
    CHECK_EQ(number(&source, "COPY"), 1024 + 32);
    (void)add(&source, "e", TYPE_I16, 256, 1, 1);
    (void)add(&source, "f", TYPE_I16, 256, 1, 1);
    (void)add(&source, "g", TYPE_I16, 256, 1, 1);
    CHECK_EQ(number(&source, "COPY"), 1024);
    for (int i = 0; i < 4; i++)
        (void)add(&source, "h", TYPE_MXFP4, 256, 1, 1);
    CHECK_EQ(number(&source, "COPY"), 1024); /* the tool has no file type for it */
    source.has_ftype = true;
    source.ftype = 77;
    CHECK_EQ(number(&source, "COPY"), 77);
    CHECK_EQ(number(&source, "Q8_0"), 7);
}

int main(void)
{
    test_kept();
    test_layers();
    test_counters();
    test_experts();
    test_big();
    test_output();
    test_fallback();
    test_impossible();
    test_number();
    importance();
    return 0;
}
