/* Names of tensors: patterns, and the lists that many architectures share. */
#include <ctype.h>
#include <inttypes.h>
#include <string.h>

#include "quant/format/hf/arch.h"

const struct hf_tensor_name hf_names_ends[] = {
    {"model.embed_tokens", "token_embd"},
    {"model.norm", "output_norm"},
    {"lm_head", "output"},
    {NULL, NULL},
};

const struct hf_tensor_name hf_names_attention[] = {
    {".self_attn.q_proj", ".attn_q"},
    {".self_attn.k_proj", ".attn_k"},
    {".self_attn.v_proj", ".attn_v"},
    {".self_attn.o_proj", ".attn_output"},
    {NULL, NULL},
};

const struct hf_tensor_name hf_names_qk_norm[] = {
    {".self_attn.q_norm", ".attn_q_norm"},
    {".self_attn.k_norm", ".attn_k_norm"},
    {NULL, NULL},
};

const struct hf_tensor_name hf_names_mlp[] = {
    {".mlp.gate_proj", ".ffn_gate"},
    {".mlp.up_proj", ".ffn_up"},
    {".mlp.down_proj", ".ffn_down"},
    {NULL, NULL},
};

const struct hf_tensor_name hf_names_norms[] = {
    {".input_layernorm", ".attn_norm"},
    {".post_attention_layernorm", ".ffn_norm"},
    {NULL, NULL},
};

const struct hf_tensor_name hf_names_norms_behind[] = {
    {".post_attention_layernorm", ".post_attention_norm"},
    {".post_feedforward_layernorm", ".post_ffw_norm"},
    {NULL, NULL},
};

const struct hf_tensor_name hf_names_norms4[] = {
    {".input_layernorm", ".attn_norm"},
    {".post_attention_layernorm", ".post_attention_norm"},
    {".pre_feedforward_layernorm", ".ffn_norm"},
    {".post_feedforward_layernorm", ".post_ffw_norm"},
    {NULL, NULL},
};

const struct hf_tensor_name hf_names_experts[] = {
    {".mlp.gate", ".ffn_gate_inp"},
    {".mlp.gate.e_score_correction", ".exp_probs_b"},
    {".mlp.experts.down_proj", ".ffn_down_exps"},
    {".mlp.experts.gate_proj", ".ffn_gate_exps"},
    {".mlp.experts.up_proj", ".ffn_up_exps"},
    {NULL, NULL},
};

const struct hf_tensor_name hf_names_shared_experts[] = {
    {".mlp.shared_experts.down_proj", ".ffn_down_shexp"},
    {".mlp.shared_experts.gate_proj", ".ffn_gate_shexp"},
    {".mlp.shared_experts.up_proj", ".ffn_up_shexp"},
    {NULL, NULL},
};

const struct hf_tensor_name hf_names_shared_expert[] = {
    {".mlp.shared_expert.down_proj", ".ffn_down_shexp"},
    {".mlp.shared_expert.gate_proj", ".ffn_gate_shexp"},
    {".mlp.shared_expert.up_proj", ".ffn_up_shexp"},
    {".mlp.shared_expert_gate", ".ffn_gate_inp_shexp"},
    {NULL, NULL},
};

const struct hf_stack hf_stack_mlp = {"model.layers.#.mlp.experts.",
                                      {"down_proj", "gate_proj", "up_proj"}};
const struct hf_stack hf_stack_mlp_gate_first = {"model.layers.#.mlp.experts.",
                                                 {"gate_proj", "up_proj", "down_proj"}};

const struct hf_tensor_name hf_names_next[] = {
    {".eh_proj", ".nextn.eh_proj"},
    {".embed_tokens", ".nextn.embed_tokens"},
    {".enorm", ".nextn.enorm"},
    {".hnorm", ".nextn.hnorm"},
    {".shared_head.head", ".nextn.shared_head_head"},
    {".shared_head.norm", ".nextn.shared_head_norm"},
    {NULL, NULL},
};

bool hf_tensor_name_fits(const char *name, const char *pattern)
{
    for (; *pattern; pattern++) {
        if (*pattern == '*') {
            for (const char *rest = name;; rest++) {
                if (hf_tensor_name_fits(rest, pattern + 1))
                    return true;
                if (!*rest)
                    return false;
            }
        } else if (*pattern == '#') {
            if (!isdigit((unsigned char)*name))
                return false;
            while (isdigit((unsigned char)*name))
                name++;
        } else if (*pattern != *name++) {
            return false;
        }
    }
    return !*name;
}

/* Is the name what a list has: PREFIX, then REST, with the layer for #? Neither has a number else.
 */
static bool is_name(const char *name, size_t length, const char *from)
{
    static const char layer[] = "model.layers.#";
    const char *parts[2] = {*from == '.' ? layer : "", from};
    const char *end = name + length;

    for (size_t i = 0; i < 2; i++)
        for (const char *at = parts[i]; *at; at++) {
            if (*at == '#') {
                if (name == end || !isdigit((unsigned char)*name))
                    return false;
                while (name < end && isdigit((unsigned char)*name))
                    name++;
            } else if (name == end || *at != *name++) {
                return false;
            }
        }
    return name == end;
}

bool hf_rename_bare(const struct hf_model *model, char name[HF_NAME_MAX])
{
    static const char prefix[] = "model.";
    static const char *const parts[] = {"embed_tokens.", "layers.", "norm."};
    size_t length = strlen(name);

    (void)model;
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
        if (strncmp(name, parts[i], strlen(parts[i])) == 0) {
            if (length + sizeof(prefix) > HF_NAME_MAX)
                return false;
            memmove(name + strlen(prefix), name, length + 1);
            memcpy(name, prefix, strlen(prefix));
            return true;
        }
    return true;
}

static const char *find_in(const struct hf_arch *arch, const char *name, size_t length)
{
    for (size_t i = 0; i < HF_NAME_LISTS && arch->names[i]; i++)
        for (const struct hf_tensor_name *at = arch->names[i]; at->from; at++)
            if (is_name(name, length, at->from))
                return at->to;
    return NULL;
}

/* The name with the layer for #. */
static bool spell(char gguf[HF_NAME_MAX], const char *to, uint64_t layer, const char *suffix)
{
    const char *mark = strchr(to, '#');
    int size;

    if (*to == '.')
        size = snprintf(gguf, HF_NAME_MAX, "blk.%" PRIu64 "%s%s", layer, to, suffix);
    else if (mark)
        size = snprintf(gguf, HF_NAME_MAX, "%.*s%" PRIu64 "%s%s", (int)(mark - to), to, layer,
                        mark + 1, suffix);
    else
        size = snprintf(gguf, HF_NAME_MAX, "%s%s", to, suffix);
    return size < HF_NAME_MAX;
}

/* The first number between two dots. */
static bool number_of(const char *name, uint64_t *number)
{
    const char *end;

    for (; name; name = strchr(name, '.') ? strchr(name, '.') + 1 : NULL) {
        *number = 0;
        for (end = name; isdigit((unsigned char)*end) && end - name < 9; end++)
            *number = 10 * *number + (uint64_t)(*end - '0');
        if (end > name && (*end == '.' || *end == '\0'))
            return true;
    }
    return false;
}

void hf_source_name(struct hf_source *source, const char *name)
{
    source->name = name;
    source->in_layer = number_of(name, &source->layer);
}

int hf_tensor_name_find(const struct hf_model *model, const struct hf_source *source,
                        const char *name, char gguf[HF_NAME_MAX])
{
    static const char *const suffixes[] = {"", ".weight", ".bias"};
    size_t length = strlen(name), cut;
    const char *to = NULL;
    uint64_t layer = 0;

    for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
        cut = strlen(suffixes[i]);
        if (length < cut || strcmp(name + length - cut, suffixes[i]) != 0)
            continue;
        to = find_in(model->arch, name, length - cut);
        if (to && (*to == '.' || strchr(to, '#')) &&
            (!number_of(name, &layer) || layer >= model->layers))
            return hf_source_refuse(model, source, "the model has %" PRIu64 " layers",
                                    model->layers);
        if (to && spell(gguf, to, layer, suffixes[i]))
            return 0;
    }
    return hf_source_refuse(model, source, "no tensor of that name belongs to %s (%s)",
                            hf_config_architecture(model->config), model->arch->name);
}
