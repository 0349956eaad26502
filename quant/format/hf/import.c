#include "quant/format/hf/import.h"

#include <endian.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "quant/format/hf/arch.h"
#include "quant/format/hf/general.h"
#include "quant/format/hf/import_state.h"

#define ALIGNMENT 32

static int refuse(const struct hf_model *model, int error, const char *format, va_list args)
{
    char text[400];

    (void)vsnprintf(text, sizeof(text), format, args);
    return defect_set(model->defect, error, DEFECT_NOWHERE, "%s: %s",
                      hf_config_architecture(model->config), text);
}

int hf_model_refuse(const struct hf_model *model, const char *format, ...)
{
    va_list args;
    int r;

    va_start(args, format);
    r = refuse(model, EINVAL, format, args);
    va_end(args);
    return r;
}

int hf_model_refuse_kind(const struct hf_model *model, const char *format, ...)
{
    va_list args;
    int r;

    va_start(args, format);
    r = refuse(model, ENOTSUP, format, args);
    va_end(args);
    return r;
}

/* --- the model ----------------------------------------------------------------------------------
 */

static int refuse_architecture(const struct hf_config *config, struct defect *defect)
{
    char list[400];

    hf_arch_list(list, sizeof(list));
    return defect_set(
        defect, ENOTSUP, DEFECT_NOWHERE, "architecture %s is not supported (supported: %s)",
        *hf_config_architecture(config) ? hf_config_architecture(config) : "(none)", list);
}

/* What the config says that many rules need. */
static int begin_model(struct hf_model *model)
{
    int r;

    model->arch = model->text ? hf_arch_find_vision(model->config) : hf_arch_find(model->config);
    if (!model->arch && model->text)
        return hf_model_refuse_kind(model, "projectors of this architecture are not supported");
    if (!model->arch)
        return refuse_architecture(model->config, model->defect);
    r = hf_need_count(model,
                      model->text ? "num_hidden_layers depth layers n_layers num_layers"
                                  : "n_layers num_hidden_layers n_layer num_layers",
                      &model->hidden_layers);
    if (r == 0 && model->hidden_layers > HF_LAYERS_MAX)
        r = hf_model_refuse(model, "too many layers");
    model->layers = model->hidden_layers;
    (void)hf_config_count(model->config, "num_attention_heads n_head n_heads num_heads",
                          &model->heads);
    model->kv_heads = model->heads;
    (void)hf_config_count(model->config, "num_key_value_heads n_kv_heads", &model->kv_heads);
    (void)hf_config_count(model->config,
                          "num_local_experts num_experts n_routed_experts moe_num_experts",
                          &model->experts);
    return r == 0 && model->arch->begin ? model->arch->begin(model) : r;
}

/* The plan of one outtype. `found` gets the type that loses nothing. */
static int plan_tensors(struct hf_model *model, enum type type, enum type *found)
{
    int r;

    model->type = type;
    model->seen_bf16 = model->seen_f16 = model->seen_other = false;
    r = hf_plan_new(model->directory, model->weights, &model->plan);
    if (r == 0)
        r = hf_tensors_write(model);
    hf_stack_free(model);
    free(model->scales);
    free(model->packed);
    model->scales = NULL;
    model->packed = NULL;
    *found = TYPE_F32;
    if (!model->seen_other && model->seen_bf16 != model->seen_f16)
        *found = model->seen_bf16 ? TYPE_BF16 : TYPE_F16;
    return r;
}

static int make_plan(struct hf_model *model, enum type *type)
{
    enum type found;
    int r = plan_tensors(model, *type == TYPE_NONE ? TYPE_F32 : *type, &found);

    if (r < 0 || *type != TYPE_NONE)
        return r;
    *type = found;
    if (found == TYPE_F32)
        return 0;
    hf_plan_free(model->plan);
    model->plan = NULL;
    return plan_tensors(model, found, &found);
}

static int write_tokenizer(struct hf_model *model)
{
    struct hf_tokenizer_rules rules = {.kind = model->arch->tokenizer, .pre = model->arch->pre};
    uint64_t multiple = model->arch->vocab_multiple;
    size_t count;
    int r;

    (void)hf_config_count(model->config, "vocab_size", &rules.vocab_size);
    (void)hf_config_count(model->config, "type_vocab_size", &rules.type_vocab_size);
    if (rules.vocab_size > UINT32_MAX)
        return hf_model_refuse(model, "vocab_size is %" PRIu64, rules.vocab_size);
    if (multiple > 0)
        rules.vocab_size = (rules.vocab_size + multiple - 1) / multiple * multiple;
    r = hf_tokenizer_write(model->tokenizer, &rules, model->kv, &count, model->defect);
    return r == -ENOENT ? hf_model_refuse(model, "no file with a tokenizer of its kind") : r;
}

/* Names and descriptions. */
static int write_general(struct hf_model *model)
{
    struct hf_parameters parameters = {0};
    size_t count;
    const struct hf_output *tensors = hf_plan_outputs(model->plan, &count);

    for (size_t i = 0; i < count; i++)
        hf_parameters_add(&parameters, tensors[i].name, tensors[i].n_dims, tensors[i].ne);
    return hf_general_write(model->directory, hf_config_root(model->config), &parameters, model->kv,
                            model->defect);
}

/* All keys, in the converter's order. */
static int write_keys(struct hf_model *model)
{
    int r;

    r = hf_kv_string(model->kv, "general.architecture", model->arch->name,
                     strlen(model->arch->name));
    if (r == 0 && model->arch->early)
        r = model->arch->early(model);
    if (r == 0)
        r = hf_kv_string(model->kv, "general.type", model->arch->vision ? "mmproj" : "model",
                         model->arch->vision ? 6 : 5);
    if (r == 0)
        r = write_general(model);
    if (r == 0)
        r = hf_keys_write(model, model->arch->keys);
    if (r == 0)
        r = hf_kv_u32(model->kv, "general.quantization_version", 2);
    if (r == 0 && !model->arch->vision)
        r = write_tokenizer(model);
    return r == 0 ? hf_kv_error(model->kv) : r;
}

/* --- the header ---------------------------------------------------------------------------------
 */

static uint8_t *put_u32(uint8_t *out, uint32_t value)
{
    value = htole32(value);
    memcpy(out, &value, sizeof(value));
    return out + sizeof(value);
}

static uint8_t *put_u64(uint8_t *out, uint64_t value)
{
    value = htole64(value);
    memcpy(out, &value, sizeof(value));
    return out + sizeof(value);
}

static uint8_t *put_tensor(uint8_t *out, const struct hf_output *tensor)
{
    size_t size = strlen(tensor->name);

    out = put_u64(out, size);
    memcpy(out, tensor->name, size);
    out = put_u32(out + size, tensor->n_dims);
    for (unsigned i = 0; i < tensor->n_dims; i++)
        out = put_u64(out, tensor->ne[i]);
    out = put_u32(out, tensor->type);
    return put_u64(out, tensor->offset);
}

/* Version 3, and zeros up to where the data begins. */
static int make_header(struct hf_import *import, const struct hf_kv *kv)
{
    size_t count, size;
    const struct hf_output *tensors = hf_plan_outputs(import->plan, &count);
    uint8_t *out;

    size = 4 + 4 + 8 + 8 + (size_t)hf_kv_size(kv);
    for (size_t i = 0; i < count; i++)
        size += 8 + strlen(tensors[i].name) + 4 + 8 * (size_t)tensors[i].n_dims + 4 + 8;
    import->header_size = (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    import->header = calloc(1, import->header_size);
    if (!import->header)
        return -ENOMEM;
    out = import->header;
    memcpy(out, "GGUF", 4);
    out = put_u32(out + 4, 3);
    out = put_u64(out, count);
    out = put_u64(out, hf_kv_count(kv));
    hf_kv_write(kv, out);
    out += hf_kv_size(kv);
    for (size_t i = 0; i < count; i++)
        out = put_tensor(out, &tensors[i]);
    return 0;
}

/* --- opening ------------------------------------------------------------------------------------
 */

void hf_import_free(struct hf_import *import)
{
    if (!import)
        return;
    hf_plan_free(import->plan);
    hf_weights_free(&import->weights);
    free(import->header);
    free(import);
}

static int import_with(struct hf_import *import, struct hf_model *model)
{
    int r = hf_weights_read(model->directory, &import->weights, model->defect);

    if (r == 0)
        r = begin_model(model);
    if (r == 0 && !model->text) /* a projector has no vocabulary */
        r = hf_tokenizer_open(model->directory, hf_config_root(model->config), &model->tokenizer,
                              model->defect);
    if (r == 0)
        r = make_plan(model, &import->type);
    import->plan = model->plan;
    if (r == 0)
        r = write_keys(model);
    /* Its files are as large as the header, which is made now. */
    hf_tokenizer_close(model->tokenizer);
    model->tokenizer = NULL;
    return r == 0 ? make_header(import, model->kv) : r;
}

/* The vision part's config, if it is that one's file that is wanted: -ENOENT if there is none. */
static int open_configs(struct hf_model *model, bool projector, struct hf_config **whole,
                        struct hf_config **vision)
{
    int r = hf_config_open(model->directory, whole, model->defect);

    if (r == 0 && projector)
        r = hf_config_open_vision(*whole, vision);
    if (r == -ENOENT && *whole && json_member(hf_config_root(*whole), "audio_config")) {
        model->config = *whole;
        return hf_model_refuse_kind(model, "its audio encoder is left out");
    }
    model->config = projector ? *vision : *whole;
    model->text = projector ? *whole : NULL;
    return r;
}

static int open_part(const struct hf_directory *directory, enum type type, bool projector,
                     struct hf_import **result, struct defect *defect)
{
    struct hf_import *import = calloc(1, sizeof(*import));
    struct hf_config *config = NULL, *vision = NULL;
    struct hf_model model = {.directory = directory, .defect = defect};
    size_t count = 0;
    int r = import ? hf_kv_new(&model.kv) : -ENOMEM;

    if (r == 0)
        r = open_configs(&model, projector, &config, &vision);
    if (r == 0) {
        import->type = type;
        model.weights = &import->weights;
        r = import_with(import, &model);
    }
    if (r == 0 && projector && (hf_plan_outputs(import->plan, &count), count == 0))
        r = hf_model_refuse_kind(&model, "its vision part is left out, as its tensors have other "
                                         "names than those that the converter looks for");
    hf_kv_free(model.kv);
    hf_tokenizer_close(model.tokenizer);
    if (r == -ENOMEM)
        r = defect_set(defect, ENOMEM, DEFECT_NOWHERE, "%s", strerror(ENOMEM));
    if (r == -ENOENT && config && projector)
        r = defect_set(defect, ENOENT, DEFECT_NOWHERE, "the model has no projector");
    hf_config_free(vision);
    hf_config_free(config);
    if (r == 0)
        *result = import;
    else
        hf_import_free(import);
    return r;
}

int hf_import_open(const struct hf_directory *directory, enum type type, struct hf_import **import,
                   struct defect *defect)
{
    return open_part(directory, type, false, import, defect);
}

int hf_import_open_projector(const struct hf_directory *directory, enum type type,
                             struct hf_import **import, struct defect *defect)
{
    return open_part(directory, type, true, import, defect);
}

/* The type of all matrices, if it is one of three. */
static int type_of_all(const struct hf_weights *weights, enum type *type)
{
    enum safetensors_dtype found = SAFETENSORS_DTYPE_COUNT;

    for (size_t i = 0; i < weights->count; i++) {
        const struct hf_tensor *tensor = &weights->tensors[i];

        if (tensor->n_dims < 2)
            continue;
        if (found != SAFETENSORS_DTYPE_COUNT && tensor->dtype != found)
            return -EAGAIN;
        found = tensor->dtype;
    }
    *type = found == SAFETENSORS_BF16  ? TYPE_BF16
            : found == SAFETENSORS_F16 ? TYPE_F16
            : found == SAFETENSORS_F32 ? TYPE_F32
                                       : TYPE_NONE;
    return *type == TYPE_NONE ? -EAGAIN : 0;
}

static bool has_tokenizer(const struct hf_directory *directory)
{
    return hf_find(directory, "tokenizer.json") || hf_find(directory, "tokenizer.model");
}

int hf_import_peek(const struct hf_directory *directory, enum type *type, struct defect *defect)
{
    struct hf_weights weights = {0};
    struct hf_config *config = NULL;
    struct hf_model model = {.directory = directory, .weights = &weights, .defect = defect};
    int r = has_tokenizer(directory) ? hf_config_open(directory, &config, defect) : -EAGAIN;

    model.config = config;
    if (r == 0)
        r = hf_weights_read(directory, &weights, defect);
    if (r == 0)
        r = begin_model(&model);
    if (r == 0)
        r = type_of_all(&weights, type);
    hf_weights_free(&weights);
    hf_config_free(config);
    return r;
}

const uint8_t *hf_import_header(const struct hf_import *import, size_t *size)
{
    *size = import->header_size;
    return import->header;
}

const struct hf_plan *hf_import_plan(const struct hf_import *import)
{
    return import->plan;
}

enum type hf_import_type(const struct hf_import *import)
{
    return import->type;
}
