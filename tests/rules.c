/* If this fails, patterns, pruned layers or overrides do to a model what the reference tool would
 * not, or a hostile name keeps a worker busy. */
#include "quant/rules.h"

#include "quant/recipe.h"
#include "tests/check.h"

#define TENSORS_MAX 4096

/* A source that is made up: the recipe asks it for nothing but this. */
struct source {
    struct source_tensor tensors[TENSORS_MAX];
    char names[TENSORS_MAX][64];
    size_t count;
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
    (void)source;
    return NULL;
}

int source_key_u32(const struct source *source, const char *key, uint32_t *value)
{
    (void)source, (void)key, (void)value;
    return -ENOENT;
}

static struct source source;
static const struct arch_facts llama = {
    .name = "llama", .block_count = 32, .head_count = 8, .head_count_kv = 8, .known_heads = true};

static void add(const char *name)
{
    struct source_tensor *tensor = &source.tensors[source.count];

    CHECK(source.count < TENSORS_MAX && strlen(name) < 64);
    memcpy(source.names[source.count], name, strlen(name) + 1);
    *tensor = (struct source_tensor){
        .name = source.names[source.count++], .type = TYPE_F16, .ne = {256, 4, 1, 1}, .n_dims = 2};
}

static struct variant variant_of(const char *text)
{
    struct variant variant;

    CHECK_EQ(variant_parse(text, strlen(text), &variant), 0);
    return variant;
}

/* "NAME=TYPE NAME=TYPE ...": what becomes of the source. */
static const char *outcome(const struct variant *variant, const char *arch, char text[512])
{
    struct arch_facts facts = llama;
    struct defect defect = {.text = ""};
    struct recipe *recipe;
    size_t used = 0;

    (void)snprintf(facts.name, sizeof(facts.name), "%s", arch);
    text[0] = '\0';
    if (recipe_make(&source, &facts, variant, &recipe, &defect) < 0) {
        (void)snprintf(text, 512, "%s", defect.text);
        return text;
    }
    for (size_t i = 0; i < recipe->count && used < 400; i++)
        used += (size_t)snprintf(text + used, 512 - used, "%s%s=%s", i > 0 ? " " : "",
                                 recipe->entries[i].tensor->name,
                                 type_info((uint32_t)recipe->entries[i].type)->name);
    if (recipe->pruned)
        (void)snprintf(text + used, 512 - used, " %s=%u", recipe->block_count_key,
                       recipe->block_count);
    recipe_free(recipe);
    return text;
}

static void check(const char *variant_text, const char *arch, const char *expected)
{
    struct variant variant = variant_of(variant_text);
    char text[512];

    CHECK_STR(outcome(&variant, arch, text), expected);
}

static void test_patterns(void)
{
    source.count = 0;
    add("a.weight");
    add("b.weight");
    add("B.weight");
    check("q6_k+a=f16+.=q8_0", "llama", "a.weight=f16 b.weight=q8_0 B.weight=q8_0");
    check("q6_k+.=q8_0+a=f16", "llama", "a.weight=q8_0 b.weight=q8_0 B.weight=q8_0");
    check("q6_k+pure+B\\.=f32", "llama", "a.weight=q6_k b.weight=f32 B.weight=q6_k");
    check("f16+a=q8_0", "llama", "a.weight=f16 b.weight=f16 B.weight=f16");
    check("q6_k+(%3f%3db)=q8_0", "llama", "a.weight=q6_k b.weight=q8_0 B.weight=q6_k");
    source.tensors[0].ne[0] = 32;
    check("q6_k+a=q4_k", "llama", "a.weight=q5_0 b.weight=q6_k B.weight=q6_k");
}

/* A tensor that a pattern finds is not counted among its kind. */
static void test_counters(void)
{
    source.count = 0;
    for (int i = 0; i < 8; i++) {
        char name[64];

        (void)snprintf(name, sizeof(name), "blk.%d.attn_v.weight", i);
        add(name);
    }
    check("q4_k_s+blk\\.[01]\\.=q8_0", "llama",
          "blk.0.attn_v.weight=q8_0 blk.1.attn_v.weight=q8_0 blk.2.attn_v.weight=q5_k "
          "blk.3.attn_v.weight=q5_k blk.4.attn_v.weight=q5_k blk.5.attn_v.weight=q5_k "
          "blk.6.attn_v.weight=q4_k blk.7.attn_v.weight=q4_k");
}

static void test_ollama(void)
{
    source.count = 0;
    add("token_embd.weight");
    add("blk.0.attn_k_b.weight");
    add("blk.0.nextn.eh_proj.weight");
    add("blk.0.x.weight");
    add("per_layer_token_embd.weight");
    add("output.weight");
    check("q4_k_m+ollama", "llama",
          "token_embd.weight=q4_k blk.0.attn_k_b.weight=q4_k blk.0.nextn.eh_proj.weight=q4_k "
          "blk.0.x.weight=q4_k per_layer_token_embd.weight=q4_k output.weight=q6_k");
    check("q4_k_m+ollama", "deepseek2",
          "token_embd.weight=q4_k blk.0.attn_k_b.weight=q8_0 blk.0.nextn.eh_proj.weight=q4_k "
          "blk.0.x.weight=q4_k per_layer_token_embd.weight=q4_k output.weight=q6_k");
    check("q4_k_s+ollama", "glm4",
          "token_embd.weight=f16 blk.0.attn_k_b.weight=q4_k blk.0.nextn.eh_proj.weight=q4_k "
          "blk.0.x.weight=q4_k per_layer_token_embd.weight=q4_k output.weight=f16");
    check("q4_k_s+ollama", "gemma3n",
          "token_embd.weight=q4_k blk.0.attn_k_b.weight=q4_k blk.0.nextn.eh_proj.weight=q4_k "
          "blk.0.x.weight=q4_k per_layer_token_embd.weight=f16 output.weight=q6_k");
    check("q4_k_s+ollama", "qwen35moe",
          "token_embd.weight=q4_k blk.0.attn_k_b.weight=q4_k blk.0.nextn.eh_proj.weight=q8_0 "
          "blk.0.x.weight=q4_k per_layer_token_embd.weight=q4_k output.weight=q6_k");
    check("q5_k_s+ollama", "qwen35",
          "token_embd.weight=q5_k blk.0.attn_k_b.weight=q5_k blk.0.nextn.eh_proj.weight=q5_k "
          "blk.0.x.weight=q5_k per_layer_token_embd.weight=q5_k output.weight=q6_k");
    /* what was typed comes first */
    check("q4_k_m+ollama+eh_proj=q5_k+blk=f16", "qwen35",
          "token_embd.weight=q4_k blk.0.attn_k_b.weight=f16 blk.0.nextn.eh_proj.weight=q5_k "
          "blk.0.x.weight=f16 per_layer_token_embd.weight=q4_k output.weight=q6_k");
}

static void test_pruning(void)
{
    struct variant variant = variant_of("q8_0");
    struct rules rules = {0};
    char text[512];

    source.count = 0;
    add("output.weight");
    add("enc.blk.2.a.weight");
    add("blk.0.a.weight");
    add("blk.1.a.weight");
    add("blk.2.a.weight");
    add("blk.3.a.weight");
    add("blk.03.b.weight");
    check("q8_0+prune=1", "llama",
          "output.weight=q8_0 enc.blk.0.a.weight=q8_0 blk.0.a.weight=q8_0 blk.0.a.weight=q8_0 "
          "blk.1.a.weight=q8_0 blk.1.b.weight=q8_0 llama.block_count=2");
    check("q8_0+prune=0,2", "x",
          "output.weight=q8_0 blk.0.a.weight=q8_0 blk.1.a.weight=q8_0 blk.1.b.weight=q8_0 "
          "x.block_count=2");
    check("q8_0+prune=40+blk\\.3\\.=f16", "llama",
          "output.weight=q8_0 enc.blk.2.a.weight=q8_0 blk.0.a.weight=q8_0 blk.1.a.weight=q8_0 "
          "blk.2.a.weight=q8_0 blk.3.a.weight=f16 blk.3.b.weight=f16 llama.block_count=4");
    check("q8_0+prune=2+blk\\.2\\.=f16", "llama",
          "output.weight=q8_0 blk.0.a.weight=q8_0 blk.1.a.weight=q8_0 blk.2.a.weight=f16 "
          "blk.2.b.weight=f16 llama.block_count=3");
    /* numbers that no name can hold */
    for (int i = 0; i < 3; i++)
        CHECK_EQ(rules_add_pruned(&rules, (uint32_t[]){1000000, 0, 1000000}[i]), 0);
    CHECK_EQ(rules.pruned_count, 2);
    CHECK_EQ(rules.pruned[0], 0);
    variant.rules = &rules;
    CHECK_STR(outcome(&variant, "llama", text),
              "output.weight=q8_0 enc.blk.0.a.weight=q8_0 blk.1.a.weight=q8_0 blk.0.a.weight=q8_0 "
              "blk.2.a.weight=q8_0 blk.2.b.weight=q8_0 llama.block_count=3");
    rules_free(&rules);
    add("blk.99999999999.a.weight");
    check("q8_0+prune=1", "llama", "stoi");
}

/* All tensors of a model share what may be spent: here more than real models have. */
static void test_hostile(void)
{
    static const char *const texts[] = {
        "q8_0+(a|a)*(a|a)*[x-z]=f16",
        "q8_0+((?%3d.)){500}[x-z]=f16",
        "q8_0+(.*)*(.*)*(.*)*[x-z]=f16",
        "q8_0+(([a-w.]?){30}){3}[x-z]=f16",
        "q8_0+(a*)*(b*)*(c*)*(d*)*(e*)*(f*)*(g*)*(h*)*(i*)*(j*)*(k*)*(l*)*(m*)*[x-z]=f16",
    };
    struct variant variant;
    char text[512];

    source.count = 0;
    while (source.count < 2000)
        add("blk.99.attn_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.weight");
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        variant = variant_of(texts[i]);
        CHECK_STR(outcome(&variant, "llama", text),
                  "the patterns leave too many ways open: not supported");
    }
    source.count = 1000; /* and what is in use does not come near */
    variant = variant_of("q8_0+blk\\.([0-9]|[1-9][0-9])\\.ffn_.*_exps\\.weight=f16"
                         "+.*attn.*k.*weight=f16+\\.(ffn|attn)_.*\\.bias$=f16"
                         "+^(?:blk\\.\\d%2b\\.)?ffn_(up|gate|down)(_exps|_shexp)?\\.weight=f16");
    CHECK_EQ(strncmp(outcome(&variant, "llama", text), "blk.99.attn_aaaaa", 17), 0);
}

static void test_overrides(void)
{
    static const struct {
        const char *text;
        enum rules_mistake mistake;
    } wrong[] = {
        {"x", RULES_MALFORMED},         {"x=", RULES_NO_TYPE},       {"x=1", RULES_NO_TYPE},
        {"x=Int:1", RULES_NO_TYPE},     {"x=bool:1", RULES_NO_BOOL}, {"x=bool:", RULES_NO_BOOL},
        {"x=bool:True", RULES_NO_BOOL},
    };
    struct rules rules = {0};
    enum rules_mistake mistake;

    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        CHECK_EQ(rules_add_override(&rules, wrong[i].text, &mistake), -EINVAL);
        CHECK_EQ(mistake, wrong[i].mistake);
    }
    CHECK_EQ(rules_add_override(&rules, "a=int:-7x", &mistake), 0);
    CHECK_EQ(rules_add_override(&rules, "b=int:5000000000", &mistake), 0);
    CHECK_EQ(rules_add_override(&rules, "c=int:zz", &mistake), 0);
    CHECK_EQ(rules_add_override(&rules, "a=int:8", &mistake), 0);
    CHECK_EQ(rules_add_override(&rules, "d=str:", &mistake), 0);
    CHECK_EQ(rules_add_override(&rules, "e=bool:true", &mistake), 0);
    CHECK_EQ(rules_number(rules_find(&rules, "a", RULES_INT)), 7);
    CHECK_EQ(rules_number(rules_find(&rules, "b", RULES_INT)), 705032704);
    CHECK_EQ(rules_number(rules_find(&rules, "c", RULES_INT)), 0);
    CHECK_STR(rules_find(&rules, "d", RULES_STRING)->text, "");
    CHECK_EQ(rules_find(&rules, "e", RULES_BOOL)->number, 1);
    CHECK(!rules_find(&rules, "e", RULES_INT) && !rules_find(&rules, "f", RULES_INT));
    CHECK(!rules_find(NULL, "a", RULES_INT));
    CHECK_EQ(rules.override_count, 6);
    CHECK_EQ(rules_add_override(&rules, "=int:1", &mistake), 0); /* the end */
    CHECK_EQ(rules_add_override(&rules, "g=int:1", &mistake), 0);
    CHECK_EQ(rules_add_override(&rules, "g=x", &mistake), -EINVAL);
    CHECK_EQ(rules.override_count, 6);
    rules_free(&rules);
    CHECK_EQ(rules.override_count, 0);
}

static void test_alignment(void)
{
    static const char *const wrong[] = {"general.alignment=int:48", "general.alignment=int:0",
                                        "general.alignment=str:32", "general.alignment=bool:true"};
    struct variant variant = variant_of("q8_0");
    enum rules_mistake mistake;
    char text[512];

    source.count = 0;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        struct rules rules = {0};

        variant.rules = &rules;
        CHECK_EQ(rules_add_override(&rules, wrong[i], &mistake), 0);
        CHECK_STR(outcome(&variant, "llama", text),
                  "key general.alignment must be an integer that is a power of two");
        rules_free(&rules);
    }
}

int main(void)
{
    test_patterns();
    test_counters();
    test_ollama();
    test_pruning();
    test_hostile();
    test_overrides();
    test_alignment();
    return 0;
}
