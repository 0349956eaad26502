/* From the stored tensors to those of the file: which, in which order, of which type (import.md 2).
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "quant/format/hf/arch.h"

int hf_source_refuse(const struct hf_model *model, const struct hf_source *source,
                     const char *format, ...)
{
    char text[256];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    return defect_set(model->defect, EINVAL, DEFECT_NOWHERE, "tensor %s: %s",
                      source->stored ? source->stored->name : source->name, text);
}

/* --- writing ------------------------------------------------------------------------------------
 */

/* Is it "blk.N.REST" of the layer that the stored tensor's name has, or REST and the name has none?
 */
static bool is_of_layer(const struct hf_source *source, const char *gguf, const char *rest)
{
    char name[HF_NAME_MAX];

    if (*rest != '.')
        return !source->in_layer && strcmp(gguf, rest) == 0;
    if (!source->in_layer)
        return false;
    (void)snprintf(name, sizeof(name), "blk.%" PRIu64 "%s", source->layer, rest);
    return strcmp(gguf, name) == 0;
}

static bool ends(const char *text, const char *end)
{
    size_t length = strlen(text), end_length = strlen(end);

    return length >= end_length && strcmp(text + length - end_length, end) == 0;
}

/* import.md 2.1: what is always F32. */
static bool stays_wide(const struct hf_source *source, const char *gguf, unsigned n_dims)
{
    static const char *const names[] = {
        ".ffn_gate_inp.weight", ".ffn_gate_inp_shexp.weight", "position_embd.weight",
        "token_types.weight",   ".ssm_conv1d.weight",         ".shortconv.conv.weight",
        ".indexer.proj.weight", ".altup_correct_coef.weight", ".altup_predict_coef.weight",
    };

    if (n_dims <= 1 || ends(gguf, "_norm.weight"))
        return true;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (is_of_layer(source, gguf, names[i]))
            return true;
    return !ends(gguf, ".weight") && !ends(gguf, ".lora_a") && !ends(gguf, ".lora_b");
}

static int begin(struct hf_model *model, const struct hf_source *source, const char *gguf,
                 enum type type, unsigned n_dims, const uint64_t *shape)
{
    uint64_t ne[4] = {1, 1, 1, 1};
    int r;

    if (n_dims > 4)
        return hf_source_refuse(model, source, "%u dimensions", n_dims);
    for (unsigned i = 0; i < n_dims; i++)
        ne[i] = shape[n_dims - 1 - i];
    if (model->packed[source->tensor])
        ne[0] *= 8;                           /* of a file's four bytes each */
    if (type == TYPE_Q8_0 && ne[0] % 32 != 0) /* import-2.md 5 */
        type = TYPE_F16;
    r = hf_plan_add(model->plan, gguf, type, n_dims, ne);
    return r == -EINVAL ? hf_source_refuse(model, source, "it cannot become %s", gguf) : r;
}

int hf_begin(struct hf_model *model, const struct hf_source *source, const char *gguf,
             unsigned n_dims, const uint64_t *shape)
{
    enum type forced = model->arch->force ? model->arch->force(model, source, gguf) : TYPE_NONE;

    model->wide = stays_wide(source, gguf, n_dims);
    if (forced != TYPE_NONE && n_dims > 1) {
        model->wide = true;
        return begin(model, source, gguf, forced, n_dims, shape);
    }
    return begin(model, source, gguf, model->wide ? TYPE_F32 : model->type, n_dims, shape);
}

int hf_begin_named(struct hf_model *model, const struct hf_source *source, const char *name,
                   unsigned n_dims, const uint64_t *shape)
{
    char gguf[HF_NAME_MAX];
    int r = hf_tensor_name_find(model, source, name, gguf);

    return r == 0 ? hf_begin(model, source, gguf, n_dims, shape) : r;
}

/* Factors for blocks of rows and columns, from quantization_config's weight_block_size; without
 * that for the rows that the factors divide the tensor into. */
static int set_scale(const struct hf_model *model, struct hf_slice *slice)
{
    const struct hf_tensor *tensor = &model->weights->tensors[slice->tensor];
    const struct hf_tensor *scale = &model->weights->tensors[model->scales[slice->tensor]];
    const json_t *block =
        json_member(hf_config_get(model->config, "quantization_config"), "weight_block_size");
    uint64_t rows = 1, factors = hf_tensor_elements(scale);

    slice->scale = model->scales[slice->tensor];
    slice->columns = tensor->n_dims > 0 ? tensor->shape[tensor->n_dims - 1] : 1;
    for (unsigned i = 0; i + 1 < tensor->n_dims; i++)
        rows *= tensor->shape[i];
    if (json_is_array(block)) {
        if (!json_as_u64(json_array_get(block, 0), &slice->block_rows) ||
            !json_as_u64(json_array_get(block, 1), &slice->block_columns) ||
            slice->block_rows == 0 || slice->block_columns == 0)
            return hf_model_refuse(model, "weight_block_size is not two counts");
        return 0;
    }
    slice->block_columns = slice->columns ? slice->columns : 1;
    slice->block_rows = factors > 0 && rows % factors == 0 ? rows / factors : 0;
    if (slice->block_rows == 0)
        return hf_model_refuse(model, "%s has no factor for each row of %s", scale->name,
                               tensor->name);
    return 0;
}

/* A scale for each 32 weights of a row; the shape was looked at. */
static void set_packed(const struct hf_model *model, struct hf_slice *slice)
{
    slice->kind = HF_NIBBLES;
    slice->scale = model->scales[slice->tensor];
    slice->columns = 8 * model->weights->tensors[slice->tensor].shape[1];
    slice->block_rows = 1;
    slice->block_columns = 32;
}

/* What the outtype would have to hold. */
static void see(struct hf_model *model, enum safetensors_dtype dtype)
{
    if (dtype == SAFETENSORS_BF16)
        model->seen_bf16 = true;
    else if (dtype == SAFETENSORS_F16)
        model->seen_f16 = true;
    else
        model->seen_other = true;
}

int hf_add_slice(struct hf_model *model, const struct hf_slice *slice)
{
    struct hf_slice copy = *slice;
    int r = 0;

    if (copy.kind == HF_WEIGHTS && !model->wide)
        see(model, model->weights->tensors[copy.tensor].dtype);
    if (copy.kind == HF_WEIGHTS && model->packed[copy.tensor])
        set_packed(model, &copy);
    else if (copy.kind == HF_WEIGHTS && model->scales[copy.tensor] != HF_NO_TENSOR)
        r = set_scale(model, &copy);
    return r == 0 ? hf_plan_slice(model->plan, &copy, model->defect) : r;
}

int hf_write(struct hf_model *model, const struct hf_source *source, const char *name,
             const struct hf_slice *slice)
{
    int r = hf_begin_named(model, source, name, source->stored->n_dims, source->stored->shape);

    return r == 0 ? hf_add_slice(model, slice) : r;
}

/* --- rules that many share ----------------------------------------------------------------------
 */

int hf_rule_drop(struct hf_model *model, const struct hf_source *source)
{
    (void)model;
    (void)source;
    return 0;
}

static int permute(struct hf_model *model, const struct hf_source *source, uint64_t heads)
{
    struct hf_slice slice;

    if (!hf_permute(model->weights, source->tensor, heads, &slice))
        return hf_source_refuse(model, source, "its rows are not those of %" PRIu64 " heads",
                                heads);
    return hf_write(model, source, source->name, &slice);
}

int hf_rule_permute_q(struct hf_model *model, const struct hf_source *source)
{
    return permute(model, source, model->heads);
}

int hf_rule_permute_k(struct hf_model *model, const struct hf_source *source)
{
    return permute(model, source, model->kv_heads);
}

static int write_with(struct hf_model *model, const struct hf_source *source, enum hf_math math)
{
    struct hf_slice slice = hf_whole(model->weights, source->tensor);

    slice.steps[0].math = math;
    return hf_write(model, source, source->name, &slice);
}

int hf_write_shaped(struct hf_model *model, const struct hf_source *source, const char *name,
                    unsigned n_dims, const uint64_t *shape, enum hf_math math)
{
    struct hf_slice slice = hf_whole(model->weights, source->tensor);
    int r = hf_begin_named(model, source, name, n_dims, shape);

    slice.steps[0].math = math;
    return r == 0 ? hf_add_slice(model, &slice) : r;
}

int hf_rule_squeeze(struct hf_model *model, const struct hf_source *source)
{
    const struct hf_tensor *stored = source->stored;

    if (stored->n_dims != 3 || stored->shape[1] != 1)
        return hf_source_refuse(model, source, "its middle axis is not of length 1");
    return hf_write_shaped(model, source, source->name, 2,
                           (uint64_t[]){stored->shape[0], stored->shape[2]}, HF_AS_IS);
}

int hf_rule_scale(struct hf_model *model, const struct hf_source *source, float a, float b)
{
    struct hf_slice slice = hf_whole(model->weights, source->tensor);

    slice.steps[0] = (struct hf_step){HF_SCALE, a};
    slice.steps[1] = (struct hf_step){HF_SCALE, b};
    return hf_write(model, source, source->name, &slice);
}

int hf_rule_add_one(struct hf_model *model, const struct hf_source *source)
{
    return write_with(model, source, HF_ADD_ONE);
}

int hf_rule_neg_exp(struct hf_model *model, const struct hf_source *source)
{
    return write_with(model, source, HF_NEG_EXP);
}

int hf_rule_transpose(struct hf_model *model, const struct hf_source *source)
{
    struct hf_slice slice;
    uint64_t shape[2];
    int r;

    if (source->stored->n_dims != 2)
        return hf_source_refuse(model, source, "no matrix");
    shape[0] = source->stored->shape[1];
    shape[1] = source->stored->shape[0];
    slice = hf_transpose(model->weights, source->tensor);
    r = hf_begin_named(model, source, source->name, 2, shape);
    return r == 0 ? hf_add_slice(model, &slice) : r;
}

static int write_plain(struct hf_model *model, const struct hf_source *source)
{
    return write_with(model, source, HF_AS_IS);
}

int hf_rule_drop_tied(struct hf_model *model, const struct hf_source *source)
{
    return hf_config_true(model->config, "tie_word_embeddings") ? 0 : write_plain(model, source);
}

/* --- all of them --------------------------------------------------------------------------------
 */

/* Takes every occurrence of `part` out. */
static void cut_out(char *name, const char *part)
{
    size_t length = strlen(part);

    for (char *at; (at = strstr(name, part)) != NULL;)
        memmove(at, at + length, strlen(at + length) + 1);
}

/* Parts of the model that are no text: import.md 2. */
static bool is_other(const char *name)
{
    static const char *const begins[] = {
        "mlp",
        "vit.",
        "vpm.",
        "siglip2.",
        "conformer.",
        "connector.",
        "merger.",
        "resampler.",
        "sound_encoder.",
        "sound_projection.",
        "speech_embeddings.",
    };
    static const char *const contains[] = {
        "visual.",     "vision.",         "audio.",         "talker.",
        "vision_",     "audio_",          "token2wav.",     "code2wav.",
        "projector.",  "image_newline",   "view_seperator", "pre_mm_projector_norm",
        "patch_embed", "patch_embedding", "patch_merger.",  "patch_merge_mlp.",
    };

    if (strncmp(name, "model.", 6) == 0)
        name += 6;
    for (size_t i = 0; i < sizeof(begins) / sizeof(begins[0]); i++)
        if (strncmp(name, begins[i], strlen(begins[i])) == 0)
            return true;
    for (size_t i = 0; i < sizeof(contains) / sizeof(contains[0]); i++)
        if (strstr(name, contains[i]))
            return true;
    return false;
}

static bool is_dropped(const char *name)
{
    static const char *const suffixes[] = {".attention.masked_bias", ".attention.bias",
                                           ".rotary_emb.inv_freq"};

    for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++)
        if (ends(name, suffixes[i]))
            return true;
    return false;
}

/* The name that rules go by; false: the tensor is none of the text model's. */
static bool rename_tensor(const struct hf_model *model, const char *stored, char name[HF_NAME_MAX])
{
    static const char score[] = "e_score_correction_bias";
    size_t length = strlen(stored);

    memcpy(name, stored, length + 1);
    if (model->arch->vision)
        return !strstr(name, "language_model.") && model->arch->rename(model, name);
    if (is_other(name))
        return false;
    if (ends(name, score))
        name[length - 5] = '.';
    cut_out(name, "language_model.");
    if (is_dropped(name))
        return false;
    return !model->arch->rename || model->arch->rename(model, name);
}

static int write_one(struct hf_model *model, const struct hf_source *source)
{
    bool taken;
    int r;

    for (const struct hf_rule *rule = model->arch->rules; rule && rule->pattern; rule++)
        if (hf_tensor_name_fits(source->name, rule->pattern))
            return rule->apply(model, source);
    r = hf_stack_take(model, source, &taken);
    return r == 0 && !taken ? write_plain(model, source) : r;
}

/* What FP8 models have besides weights: *part is true for a tensor that is used up elsewhere. */
static int find_scales(struct hf_model *model, bool *used)
{
    static const char suffix[] = "_scale_inv";
    static const char *const activations[] = {".activation_scale", "_activation_scale"};
    const struct hf_weights *weights = model->weights;
    const struct hf_tensor *tensor;
    char name[HF_NAME_MAX];
    size_t length;

    for (size_t i = 0; i < weights->count; i++) {
        length = strlen(weights->tensors[i].name);
        used[i] = ends(weights->tensors[i].name, activations[0]) ||
                  ends(weights->tensors[i].name, activations[1]);
        if (!ends(weights->tensors[i].name, suffix) || length >= sizeof(name))
            continue;
        memcpy(name, weights->tensors[i].name, length + 1);
        name[length - strlen(suffix)] = '\0';
        tensor = hf_weights_find(weights, name);
        if (!tensor)
            return hf_model_refuse(model, "%s without %s", weights->tensors[i].name, name);
        model->scales[tensor - weights->tensors] = (uint32_t)i;
        used[i] = true;
    }
    return 0;
}

/* quantization_config: what of it is understood. */
static int look_at_quantization(struct hf_model *model, bool *used)
{
    const json_t *config = hf_config_get(model->config, "quantization_config");
    const char *method;
    size_t size;

    if (!config)
        return 0;
    if (!json_as_text(json_member(config, "quant_method"), &method, &size))
        return hf_model_refuse_kind(model, "quantized in a way that it does not name");
    if (strcmp(method, "fp8") == 0)
        return find_scales(model, used);
    if (strcmp(method, "compressed-tensors") == 0)
        return hf_packed_find(model, used);
    if (strcmp(method, "mxfp4") == 0 && strcmp(model->arch->name, "gpt-oss") == 0)
        return 0;
    return hf_model_refuse_kind(model, "quantized by %s, which is not supported", method);
}

/* All that are packed, or all others. */
static int write_some(struct hf_model *model, const bool *used, bool packed)
{
    struct hf_source source;
    char name[HF_NAME_MAX];
    int r = 0;

    for (size_t i = 0; i < model->weights->count && r == 0; i++) {
        source = (struct hf_source){.tensor = (uint32_t)i, .stored = &model->weights->tensors[i]};
        if (strlen(source.stored->name) >= HF_NAME_MAX)
            return hf_source_refuse(model, &source, "its name is too long");
        if (used[i] || model->packed[i] != packed ||
            !rename_tensor(model, source.stored->name, name))
            continue;
        if (packed)
            hf_packed_rename(name);
        hf_source_name(&source, name);
        if (model->arch->drops_next && source.in_layer && source.layer >= model->hidden_layers)
            continue;
        r = write_one(model, &source);
    }
    return r;
}

static int write_all(struct hf_model *model, const bool *used)
{
    int r = model->arch->extra ? model->arch->extra(model) : 0;

    if (r == 0)
        r = write_some(model, used, false);
    if (r == 0)
        r = write_some(model, used, true);
    return r == 0 ? hf_stack_end(model) : r;
}

int hf_tensors_write(struct hf_model *model)
{
    size_t count = model->weights->count;
    bool *used = calloc(count + 1, sizeof(*used));
    int r;

    model->packed = calloc(count + 1, sizeof(*model->packed));
    model->scales = reallocarray(NULL, count + 1, sizeof(*model->scales));
    if (!used || !model->scales || !model->packed) {
        free(used);
        return -ENOMEM;
    }
    for (size_t i = 0; i < count; i++)
        model->scales[i] = HF_NO_TENSOR;
    r = look_at_quantization(model, used);
    if (r == 0)
        r = write_all(model, used);
    if (r == 0)
        r = hf_plan_end(model->plan);
    free(used);
    return r;
}
