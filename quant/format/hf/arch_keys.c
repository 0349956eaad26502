/* Model parameters: the base list that nearly all architectures share, and tables of the others. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "quant/format/hf/arch.h"

#define KEY_MAX 128
#define MODULES_MAX ((size_t)1 << 20) /* bytes of modules.json and a pooling's config */

/* --- one key ------------------------------------------------------------------------------------
 */

static const char *full_key(const struct hf_model *model, const char *key, char text[KEY_MAX])
{
    (void)snprintf(text, KEY_MAX, "%s.%s", model->arch->name, key);
    return text;
}

int hf_set_u32(struct hf_model *model, const char *key, uint64_t value)
{
    char text[KEY_MAX];

    if (value > UINT32_MAX)
        return hf_model_refuse(model, "%s is %" PRIu64, key, value);
    return hf_kv_u32(model->kv, full_key(model, key, text), (uint32_t)value);
}

int hf_set_f32(struct hf_model *model, const char *key, double value)
{
    char text[KEY_MAX];

    return hf_kv_f32(model->kv, full_key(model, key, text), (float)value);
}

int hf_set_bool(struct hf_model *model, const char *key, bool value)
{
    char text[KEY_MAX];

    return hf_kv_bool(model->kv, full_key(model, key, text), value);
}

int hf_set_string(struct hf_model *model, const char *key, const char *value)
{
    char text[KEY_MAX];

    return hf_kv_string(model->kv, full_key(model, key, text), value, strlen(value));
}

int hf_need_count(const struct hf_model *model, const char *names, uint64_t *value)
{
    return hf_config_count(model->config, names, value)
               ? 0
               : hf_model_refuse(model, "config.json has no usable %s", names);
}

int hf_need_real(const struct hf_model *model, const char *names, double *value)
{
    return hf_config_real(model->config, names, value)
               ? 0
               : hf_model_refuse(model, "config.json has no usable %s", names);
}

/* A count, or one for each layer: an array, of i32 as the converter has it. */
static int set_counts(struct hf_model *model, const char *key, const json_t *json)
{
    size_t count = json_array_size(json);
    int32_t *values;
    uint64_t value;
    char text[KEY_MAX];
    int r = 0;

    if (!json_is_array(json)) {
        if (!json_as_u64(json, &value))
            return hf_model_refuse(model, "%s is no count", key);
        return hf_set_u32(model, key, value);
    }
    values = reallocarray(NULL, count + 1, sizeof(*values));
    if (!values)
        return -ENOMEM;
    for (size_t i = 0; i < count && r == 0; i++) {
        if (!json_as_u64(json_array_get(json, i), &value) || value > INT32_MAX)
            r = hf_model_refuse(model, "%s has no count for layer %zu", key, i);
        else
            values[i] = (int32_t)value;
    }
    if (r == 0)
        r = hf_kv_i32s(model->kv, full_key(model, key, text), values, count);
    free(values);
    return r;
}

/* --- the base list ------------------------------------------------------------------------------
 */

/* Is `name` among the names of a value? */
static bool among(const char *name, const char *names)
{
    size_t length = strlen(name);

    for (const char *at = names; at && (at = strstr(at, name)) != NULL; at += length)
        if ((at == names || at[-1] == ' ') && (at[length] == ' ' || at[length] == '\0'))
            return true;
    return false;
}

static int base_counts(struct hf_model *model, const struct hf_key *keys, const char *without)
{
    const json_t *value;
    int r = 0;

    for (; keys->kind != HF_END && r == 0; keys++) {
        value = among(keys->key, without) ? NULL : hf_config_get(model->config, keys->from);
        if (value)
            r = set_counts(model, keys->key, value);
    }
    return r;
}

static int base_reals(struct hf_model *model, const struct hf_key *keys, const json_t *object)
{
    const json_t *value;
    double real;
    int r = 0;

    for (; keys->kind != HF_END && r == 0; keys++) {
        value = object ? json_member(object, keys->from) : hf_config_get(model->config, keys->from);
        if (!value)
            continue;
        if (!json_as_double(value, &real))
            r = hf_model_refuse(model, "%s is no number", keys->key);
        else
            r = hf_set_f32(model, keys->key, real);
    }
    return r;
}

static int base_yarn(struct hf_model *model, const json_t *rope)
{
    static const struct hf_key keys[] = {
        {HF_F32_IF, "rope.scaling.yarn_ext_factor", "extrapolation_factor", NULL},
        {HF_F32_IF, "rope.scaling.yarn_attn_factor", "attn_factor", NULL},
        {HF_F32_IF, "rope.scaling.yarn_attn_factor", "attention_factor", NULL},
        {HF_F32_IF, "rope.scaling.yarn_beta_fast", "beta_fast", NULL},
        {HF_F32_IF, "rope.scaling.yarn_beta_slow", "beta_slow", NULL},
        {.kind = HF_END},
    };
    const json_t *truncate = json_member(rope, "truncate");
    uint64_t context;
    int r;

    if (!json_as_u64(json_member(rope, "original_max_position_embeddings"), &context))
        return hf_model_refuse(model, "yarn without original_max_position_embeddings");
    r = hf_set_u32(model, "rope.scaling.original_context_length", context);
    if (r == 0 && truncate)
        r = hf_set_bool(model, "rope.scaling.yarn_truncate", json_is_true(truncate));
    return r == 0 ? base_reals(model, keys, rope) : r;
}

static int base_scaling(struct hf_model *model, const json_t *rope)
{
    const char *type;
    size_t size;
    double factor;
    int r;

    if (!json_as_text(json_member(rope, "rope_type"), &type, &size))
        return 0;
    if (strcmp(type, "su") == 0 || strcmp(type, "longrope") == 0)
        return hf_set_string(model, "rope.scaling.type", "longrope");
    if ((strcmp(type, "linear") != 0 && strcmp(type, "yarn") != 0) ||
        !json_as_double(json_member(rope, "factor"), &factor))
        return 0;
    r = hf_set_string(model, "rope.scaling.type", type);
    if (r == 0)
        r = hf_set_f32(model, "rope.scaling.factor", factor);
    return r == 0 && strcmp(type, "yarn") == 0 ? base_yarn(model, rope) : r;
}

/* mrope_section, four numbers in any case. */
static int base_sections(struct hf_model *model)
{
    const json_t *given = json_member(hf_config_rope_all(model->config), "mrope_section");
    int32_t sections[4] = {0};
    uint64_t value;
    char text[KEY_MAX];

    if (!given)
        return 0;
    for (size_t i = 0; i < json_array_size(given) && i < 4; i++) {
        if (!json_as_u64(json_array_get(given, i), &value) || value > INT32_MAX)
            return hf_model_refuse(model, "mrope_section has something that is no count");
        sections[i] = (int32_t)value;
    }
    return hf_kv_i32s(model->kv, full_key(model, "rope.dimension_sections", text), sections, 4);
}

static int base_rope(struct hf_model *model)
{
    static const struct hf_key full[] = {{HF_F32_IF, "rope.freq_base", "rope_theta", NULL},
                                         {.kind = HF_END}};
    static const struct hf_key sliding[] = {{HF_F32_IF, "rope.freq_base_swa", "rope_theta", NULL},
                                            {.kind = HF_END}};
    const json_t *rope = hf_config_rope(model->config);
    const json_t *other = hf_config_rope_sliding(model->config);
    int r;

    r = base_scaling(model, rope);
    if (r == 0)
        r = base_sections(model);
    if (r == 0)
        r = base_reals(model, full, rope);
    return r == 0 && other ? base_reals(model, sliding, other) : r;
}

static int base_gating(struct hf_model *model)
{
    static const struct {
        const char *name;
        uint32_t number;
    } functions[] = {{"softmax", 1}, {"sigmoid", 2}, {"sqrtsoftplus", 4}};
    const char *name = hf_config_string(
        model->config, "score_function scoring_func score_func moe_router_activation "
                       "moe_router_activation_func expert_selection_fn router_score_func");

    if (!*name)
        return 0;
    for (size_t i = 0; i < sizeof(functions) / sizeof(functions[0]); i++)
        if (strcmp(functions[i].name, name) == 0)
            return hf_set_u32(model, "expert_gating_func", functions[i].number);
    return hf_model_refuse(model, "unknown gating function %s", name);
}

static int set_file_type(struct hf_model *model)
{
    const json_t *quantization = hf_config_get(model->config, "quantization_config");
    const char *method;
    size_t size;
    uint32_t number = model->type == TYPE_F32    ? 0
                      : model->type == TYPE_F16  ? 1
                      : model->type == TYPE_Q8_0 ? 7
                                                 : 32;

    if (json_as_text(json_member(quantization, "quant_method"), &method, &size) &&
        strcmp(method, "mxfp4") == 0)
        number = 38;
    return hf_kv_u32(model->kv, "general.file_type", number);
}

static int set_base(struct hf_model *model, const char *without)
{
    static const struct hf_key sizes[] = {
        {HF_U32_IF, "context_length",
         "max_position_embeddings n_ctx n_positions max_length max_sequence_length "
         "model_max_length",
         NULL},
        {HF_U32_IF, "embedding_length", "hidden_size n_embd dim", NULL},
        {HF_U32_IF, "feed_forward_length",
         "prefix_dense_intermediate_size dense_intermediate_size intermediate_size n_inner "
         "hidden_dim",
         NULL},
        {HF_U32_IF, "attention.head_count", "num_attention_heads n_head n_heads", NULL},
        {HF_U32_IF, "attention.head_count_kv", "num_key_value_heads n_kv_heads", NULL},
        {.kind = HF_END},
    };
    static const struct hf_key epsilons[] = {
        {HF_F32_IF, "attention.layer_norm_rms_epsilon", "rms_norm_eps norm_eps", NULL},
        {HF_F32_IF, "attention.layer_norm_epsilon",
         "layer_norm_eps layer_norm_epsilon norm_epsilon", NULL},
        {.kind = HF_END},
    };
    static const struct hf_key experts[] = {
        {HF_U32_IF, "expert_count", "num_local_experts num_experts n_routed_experts", NULL},
        {HF_U32_IF, "expert_used_count", "num_experts_per_tok num_experts_per_token top_k_experts",
         NULL},
        {HF_U32_IF, "expert_group_count", "n_group", NULL},
        {HF_U32_IF, "expert_group_used_count", "topk_group", NULL},
        {.kind = HF_END},
    };
    static const struct hf_key lengths[] = {
        {HF_U32_IF, "attention.key_length", "head_dim", NULL},
        {HF_U32_IF, "attention.value_length", "head_dim", NULL},
        {.kind = HF_END},
    };
    int r;

    r = hf_set_u32(model, "block_count", model->layers);
    if (r == 0)
        r = base_counts(model, sizes, without);
    if (r == 0 && json_is_false(hf_config_get(model->config, "is_causal")))
        r = hf_set_bool(model, "attention.causal", false);
    if (r == 0)
        r = base_rope(model);
    if (r == 0)
        r = base_reals(model, epsilons, NULL);
    if (r == 0)
        r = base_counts(model, experts, without);
    if (r == 0)
        r = base_gating(model);
    if (r == 0)
        r = base_counts(model, lengths, without);
    return r == 0 ? set_file_type(model) : r;
}

/* --- tables -------------------------------------------------------------------------------------
 */

static int write_real(struct hf_model *model, const struct hf_key *key, bool needed, bool nonzero)
{
    double real;
    int r;

    if (!needed && !hf_config_get(model->config, key->from))
        return 0;
    r = hf_need_real(model, key->from, &real);
    return r == 0 && !(nonzero && real == 0) ? hf_set_f32(model, key->key, real) : r;
}

static int write_count(struct hf_model *model, const struct hf_key *key, bool needed)
{
    const json_t *value = hf_config_get(model->config, key->from);

    if (!value)
        return needed ? hf_model_refuse(model, "config.json has no %s", key->from) : 0;
    return set_counts(model, key->key, value);
}

static int write_key(struct hf_model *model, const struct hf_key *key)
{
    switch (key->kind) {
    case HF_BASE:
        return set_base(model, key->from);
    case HF_U32:
    case HF_U32_IF:
        return write_count(model, key, key->kind == HF_U32);
    case HF_F32:
    case HF_F32_IF:
    case HF_F32_NONZERO:
        return write_real(model, key, key->kind == HF_F32, key->kind == HF_F32_NONZERO);
    case HF_TRUE:
        return hf_config_true(model->config, key->from) ? hf_set_bool(model, key->key, true) : 0;
    case HF_FILE_TYPE:
        return set_file_type(model);
    case HF_CALL:
        return key->call(model);
    case HF_END:
        break;
    }
    return 0;
}

int hf_keys_write(struct hf_model *model, const struct hf_key *keys)
{
    int r = 0;

    for (; keys->kind != HF_END && r == 0; keys++)
        r = write_key(model, keys);
    return r;
}

/* --- values that follow from others -------------------------------------------------------------
 */

int hf_head_size(const struct hf_model *model, uint64_t *size)
{
    uint64_t hidden, heads;
    int r;

    if (hf_config_count(model->config, "head_dim", size))
        return 0;
    r = hf_need_count(model, "hidden_size n_embd dim", &hidden);
    if (r == 0)
        r = hf_need_count(model, "num_attention_heads n_head n_heads", &heads);
    if (r == 0 && heads == 0)
        r = hf_model_refuse(model, "no attention heads");
    if (r == 0)
        *size = hidden / heads;
    return r;
}

int hf_key_rope_dimensions(struct hf_model *model)
{
    uint64_t size;
    int r = hf_head_size(model, &size);

    return r == 0 ? hf_set_u32(model, "rope.dimension_count", size) : r;
}

int hf_key_rope_of_hidden(struct hf_model *model)
{
    uint64_t hidden;
    int r = hf_need_count(model, "hidden_size", &hidden);

    if (r == 0 && model->heads == 0)
        r = hf_model_refuse(model, "no attention heads");
    return r == 0 ? hf_set_u32(model, "rope.dimension_count", hidden / model->heads) : r;
}

int hf_key_block_count(struct hf_model *model)
{
    return hf_set_u32(model, "block_count", model->layers);
}

int hf_begin_next(struct hf_model *model)
{
    uint64_t next = 0;

    (void)hf_config_count(model->config, "num_nextn_predict_layers", &next);
    if (next > HF_LAYERS_MAX)
        return hf_model_refuse(model, "too many layers");
    model->layers += next;
    return 0;
}

int hf_set_partial_rope(struct hf_model *model, const char *key, uint64_t head_size, double whole)
{
    double part;

    if (!json_as_double(json_member(hf_config_rope(model->config), "partial_rotary_factor"), &part))
        part = whole;
    if (!(part >= 0 && part <= 1) || head_size > UINT32_MAX)
        return hf_model_refuse(model, "a rope on %g of %" PRIu64 " dimensions", part, head_size);
    return hf_set_u32(model, key, (uint64_t)((double)head_size * part));
}

int hf_set_layers_of(struct hf_model *model, const char *key, const char *type)
{
    bool *flags = calloc((size_t)model->layers + 1, sizeof(*flags));
    char text[KEY_MAX];
    int r;

    if (!flags)
        return -ENOMEM;
    for (uint64_t i = 0; i < model->hidden_layers && i < model->layers; i++)
        flags[i] = strcmp(hf_config_layer_type(model->config, i), type) == 0;
    r = hf_kv_bools(model->kv, full_key(model, key, text), flags, (size_t)model->layers);
    free(flags);
    return r;
}

int hf_set_u32_of(struct hf_model *model, const char *key, const char *type, uint64_t value,
                  uint64_t other)
{
    int32_t *values;
    char text[KEY_MAX];
    int r;

    if (value > INT32_MAX || other > INT32_MAX)
        return hf_model_refuse(model, "%s is too large", key);
    values = reallocarray(NULL, (size_t)model->layers + 1, sizeof(*values));
    if (!values)
        return -ENOMEM;
    for (uint64_t i = 0; i < model->layers; i++)
        values[i] =
            (int32_t)(strcmp(hf_config_layer_type(model->config, i), type) == 0 ? value : other);
    r = hf_kv_i32s(model->kv, full_key(model, key, text), values, (size_t)model->layers);
    free(values);
    return r;
}

int hf_key_sliding(struct hf_model *model)
{
    uint64_t window;
    int r;

    if (!hf_config_count(model->config, "sliding_window", &window) || window == 0)
        return 0;
    r = hf_set_u32(model, "attention.sliding_window", window);
    return r == 0 ? hf_set_layers_of(model, "attention.sliding_window_pattern", "sliding_attention")
                  : r;
}

int hf_read_json(const struct hf_model *model, const char *name, json_t **json)
{
    char *text = NULL;
    size_t size;
    int r;

    *json = NULL;
    r = hf_read_text(model->directory, name, MODULES_MAX, &text, &size, model->defect);
    if (r == -ENOENT)
        return 0;
    if (r == 0)
        r = json_parse(name, text, size, JSON_AS_PYTHON, json, model->defect);
    free(text);
    return r;
}

/* The folder of the first module whose type ends in "Pooling"; "" if there is none. */
static const char *pooling_folder(const json_t *modules)
{
    static const char end[] = "Pooling";
    const char *type, *path;
    size_t size, path_size;

    for (size_t i = 0; i < json_array_size(modules); i++) {
        const json_t *module = json_array_get(modules, i);

        if (json_as_text(json_member(module, "type"), &type, &size) && size >= strlen(end) &&
            strcmp(type + size - strlen(end), end) == 0 &&
            json_as_text(json_member(module, "path"), &path, &path_size) && !strstr(path, "..") &&
            path[0] != '/' && strlen(path) == path_size)
            return path;
    }
    return "";
}

int hf_key_pooling(struct hf_model *model)
{
    static const struct {
        const char *mode;
        uint32_t number;
    } types[] = {{"pooling_mode_mean_tokens", 1},
                 {"pooling_mode_cls_token", 2},
                 {"pooling_mode_lasttoken", 3}};
    json_t *modules = NULL, *pooling = NULL;
    char name[HF_NAME_MAX];
    int r;

    r = hf_read_json(model, "modules.json", &modules);
    if (r == 0 && modules && *pooling_folder(modules)) {
        (void)snprintf(name, sizeof(name), "%s/config.json", pooling_folder(modules));
        r = hf_read_json(model, name, &pooling);
        for (size_t i = 0; r == 0 && i < sizeof(types) / sizeof(types[0]); i++)
            if (json_member_true(pooling, types[i].mode)) {
                r = hf_set_u32(model, "pooling_type", types[i].number);
                break;
            }
    }
    json_decref(pooling);
    json_decref(modules);
    return r;
}
