/* BERT and those that are like it: encoders for embeddings. */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "quant/format/hf/arch.h"

static int not_causal(struct hf_model *model)
{
    return hf_set_bool(model, "attention.causal", false);
}

/* --- labels of classifiers ----------------------------------------------------------------------
 */

struct label {
    uint64_t number;
    struct hf_text text;
};

static int by_number(const void *a, const void *b)
{
    const struct label *x = a, *y = b;

    return (x->number > y->number) - (x->number < y->number);
}

static bool number_of(const char *text, uint64_t *number)
{
    char *end;

    if (!isdigit((unsigned char)text[0]))
        return false;
    errno = 0;
    *number = strtoull(text, &end, 10);
    return errno == 0 && *end == '\0';
}

/* By ascending number. */
static int collect_labels(const struct hf_model *model, const json_t *map, struct label *labels)
{
    size_t i = 0;

    for (void *at = json_object_iter((json_t *)(uintptr_t)map); at; i++) {
        if (!number_of(json_object_iter_key(at), &labels[i].number) ||
            !json_as_text(json_object_iter_value(at), &labels[i].text.text, &labels[i].text.size))
            return hf_model_refuse(model, "id2label has no number or no text at %.40s",
                                   json_object_iter_key(at));
        at = json_object_iter_next((json_t *)(uintptr_t)map, at);
    }
    qsort(labels, i, sizeof(*labels), by_number);
    return 0;
}

/* Two without a meaning are what every model has: none. */
static bool has_labels(const struct hf_model *model)
{
    const json_t *map = hf_config_get(model->config, "id2label");
    size_t count = json_object_size(map), size;
    const char *text;

    if (count == 2 && json_as_text(json_member(map, "0"), &text, &size))
        return size != 7 || memcmp(text, "LABEL_0", 7) != 0;
    return count > 0;
}

static int write_labels(struct hf_model *model, const struct label *labels, size_t count)
{
    struct hf_text *texts = reallocarray(NULL, count, sizeof(*texts));
    char key[64];
    int r;

    if (!texts)
        return -ENOMEM;
    for (size_t i = 0; i < count; i++)
        texts[i] = labels[i].text;
    (void)snprintf(key, sizeof(key), "%s.classifier.output_labels", model->arch->name);
    r = hf_kv_strings(model->kv, key, texts, count);
    free(texts);
    return r;
}

static int labels(struct hf_model *model)
{
    const json_t *map = hf_config_get(model->config, "id2label");
    size_t count = json_object_size(map);
    struct label *labels;
    int r;

    if (!has_labels(model))
        return 0;
    labels = reallocarray(NULL, count, sizeof(*labels));
    if (!labels)
        return -ENOMEM;
    r = collect_labels(model, map, labels);
    if (r == 0)
        r = write_labels(model, labels, count);
    free(labels);
    return r;
}

static const struct hf_tensor_name classifier_names[] = {
    {"classifier", "cls"},
    {"classifier.dense", "cls"},
    {"pre_classifier", "cls"},
    {"classifier.out_proj", "cls.output"},
    {"head.dense", "cls"},
    {"head.norm", "cls.norm"},
    {NULL, NULL},
};

/* Where there are labels, the one matrix of a classifier is that which makes them. */
static void classifier_rename(const struct hf_model *model, char name[HF_NAME_MAX])
{
    if (!has_labels(model))
        return;
    if (strcmp(name, "classifier.weight") == 0)
        strcpy(name, "classifier.out_proj.weight");
    else if (strcmp(name, "classifier.bias") == 0)
        strcpy(name, "classifier.out_proj.bias");
}

/* --- BERT ---------------------------------------------------------------------------------------
 */

static const struct hf_key bert_keys[] = {
    {.kind = HF_BASE},
    {.kind = HF_CALL, .call = not_causal},
    {.kind = HF_CALL, .call = hf_key_pooling},
    {.kind = HF_CALL, .call = labels},
    {.kind = HF_END},
};

static const struct hf_tensor_name bert_names[] = {
    {"embeddings.word_embeddings", "token_embd"},
    {"embeddings.position_embeddings", "position_embd"},
    {"embeddings.token_type_embeddings", "token_types"},
    {"embeddings.LayerNorm", "token_embd_norm"},
    {"encoder.layer.#.attention.self.query", "blk.#.attn_q"},
    {"encoder.layer.#.attention.self.key", "blk.#.attn_k"},
    {"encoder.layer.#.attention.self.value", "blk.#.attn_v"},
    {"encoder.layer.#.attention.output.dense", "blk.#.attn_output"},
    {"encoder.layer.#.attention.output.LayerNorm", "blk.#.attn_output_norm"},
    {"encoder.layer.#.intermediate.dense", "blk.#.ffn_up"},
    {"encoder.layer.#.output.dense", "blk.#.ffn_down"},
    {"encoder.layer.#.output.LayerNorm", "blk.#.layer_output_norm"},
    {NULL, NULL},
};

static const struct hf_rule bert_rules[] = {
    {"embeddings.position_ids", hf_rule_drop},
    {"pooler.*", hf_rule_drop},
    {"cls.predictions*", hf_rule_drop},
    {"cls.seq_relationship*", hf_rule_drop},
    {NULL, NULL},
};

/* The name's end in its younger spelling. */
static void respell(char name[HF_NAME_MAX], const char *from, const char *to)
{
    size_t length = strlen(name), cut = strlen(from);

    if (length > cut && strcmp(name + length - cut, from) == 0 &&
        length - cut + strlen(to) < HF_NAME_MAX)
        strcpy(name + length - cut, to);
}

static bool bert_rename(const struct hf_model *model, char name[HF_NAME_MAX])
{
    static const char prefix[] = "bert.";

    if (strncmp(name, prefix, strlen(prefix)) == 0)
        memmove(name, name + strlen(prefix), strlen(name + strlen(prefix)) + 1);
    respell(name, ".gamma", ".weight");
    respell(name, ".beta", ".bias");
    classifier_rename(model, name);
    return true;
}

/* --- DistilBERT ---------------------------------------------------------------------------------
 */

/* Of no member of its config. */
static int distil_epsilon(struct hf_model *model)
{
    return hf_set_f32(model, "attention.layer_norm_epsilon", 1e-12);
}

static const struct hf_key distil_keys[] = {
    {.kind = HF_CALL, .call = distil_epsilon}, {.kind = HF_BASE},
    {.kind = HF_CALL, .call = not_causal},     {.kind = HF_CALL, .call = hf_key_pooling},
    {.kind = HF_CALL, .call = labels},         {.kind = HF_END},
};

static const struct hf_tensor_name distil_names[] = {
    {"embeddings.word_embeddings", "token_embd"},
    {"embeddings.position_embeddings", "position_embd"},
    {"embeddings.LayerNorm", "token_embd_norm"},
    {"transformer.layer.#.attention.q_lin", "blk.#.attn_q"},
    {"transformer.layer.#.attention.k_lin", "blk.#.attn_k"},
    {"transformer.layer.#.attention.v_lin", "blk.#.attn_v"},
    {"transformer.layer.#.attention.out_lin", "blk.#.attn_output"},
    {"transformer.layer.#.sa_layer_norm", "blk.#.attn_output_norm"},
    {"transformer.layer.#.ffn.lin1", "blk.#.ffn_up"},
    {"transformer.layer.#.ffn.lin2", "blk.#.ffn_down"},
    {"transformer.layer.#.output_layer_norm", "blk.#.layer_output_norm"},
    {NULL, NULL},
};

/* What begins with vocab_ is the head that fills in words. */
static bool distil_rename(const struct hf_model *model, char name[HF_NAME_MAX])
{
    static const char prefix[] = "distilbert.";

    if (strncmp(name, prefix, strlen(prefix)) == 0)
        memmove(name, name + strlen(prefix), strlen(name + strlen(prefix)) + 1);
    return strncmp(name, "vocab_", strlen("vocab_")) != 0 && bert_rename(model, name);
}

/* --- RoBERTa ------------------------------------------------------------------------------------
 */

/* Positions begin behind that of the padding. */
static int first_position(const struct hf_model *model, uint64_t *first)
{
    uint64_t padding;
    int r = hf_need_count(model, "pad_token_id", &padding);

    *first = r == 0 ? padding + 1 : 0;
    return r;
}

static int roberta_context(struct hf_model *model)
{
    uint64_t first, positions;
    int r = first_position(model, &first);

    if (r == 0)
        r = hf_need_count(model, "max_position_embeddings", &positions);
    if (r == 0 && first > positions)
        r = hf_model_refuse(model, "no positions behind the padding");
    return r == 0 ? hf_set_u32(model, "context_length", positions - first) : r;
}

static const struct hf_key roberta_keys[] = {
    {.kind = HF_BASE},
    {.kind = HF_CALL, .call = roberta_context},
    {.kind = HF_CALL, .call = not_causal},
    {.kind = HF_CALL, .call = hf_key_pooling},
    {.kind = HF_CALL, .call = labels},
    {.kind = HF_END},
};

static int cut_positions(struct hf_model *model, const struct hf_source *source)
{
    const struct hf_tensor *stored = source->stored;
    uint64_t first, shape[2] = {stored->shape[0], stored->shape[1]};
    struct hf_slice slice;
    int r = first_position(model, &first);

    if (r == 0 && (stored->n_dims != 2 || first > shape[0]))
        r = hf_source_refuse(model, source, "no positions behind the padding");
    if (r < 0)
        return r;
    shape[0] -= first;
    slice = hf_rows(model->weights, source->tensor, first, shape[0]);
    r = hf_begin_named(model, source, source->name, 2, shape);
    return r == 0 ? hf_add_slice(model, &slice) : r;
}

static const struct hf_rule roberta_rules[] = {
    {"embeddings.position_embeddings.weight", cut_positions},
    {"embeddings.position_ids", hf_rule_drop},
    {"pooler.*", hf_rule_drop},
    {NULL, NULL},
};

static bool roberta_rename(const struct hf_model *model, char name[HF_NAME_MAX])
{
    static const char prefix[] = "roberta.";

    if (strncmp(name, prefix, strlen(prefix)) == 0)
        memmove(name, name + strlen(prefix), strlen(name + strlen(prefix)) + 1);
    return bert_rename(model, name);
}

/* --- ModernBERT ---------------------------------------------------------------------------------
 */

static int pooled_by(struct hf_model *model)
{
    const char *how = hf_config_string(model->config, "classifier_pooling");

    if (!*how)
        return 0;
    if (strcmp(how, "mean") != 0 && strcmp(how, "cls") != 0)
        return hf_model_refuse(model, "unknown classifier_pooling %s", how);
    return hf_set_u32(model, "classifier.pooling_type", strcmp(how, "mean") == 0 ? 1 : 2);
}

static int activation(struct hf_model *model)
{
    return hf_set_string(model, "classifier.activation",
                         hf_config_string(model->config, "classifier_activation"));
}

static int no_scaling(struct hf_model *model)
{
    return hf_set_string(model, "rope.scaling.type", "none");
}

static int hidden_activation(struct hf_model *model)
{
    return hf_set_string(model, "hidden_activation",
                         hf_config_string(model->config, "hidden_activation"));
}

static const struct hf_key modern_keys[] = {
    {.kind = HF_BASE},
    {.kind = HF_CALL, .call = not_causal},
    {.kind = HF_CALL, .call = hf_key_pooling},
    {.kind = HF_CALL, .call = pooled_by},
    {.kind = HF_CALL, .call = activation},
    {.kind = HF_CALL, .call = labels},
    {HF_U32, "attention.sliding_window", "local_attention", NULL},
    {HF_U32_IF, "attention.sliding_window_pattern", "global_attn_every_n_layers", NULL},
    {.kind = HF_CALL, .call = no_scaling},
    {HF_U32, "vocab_size", "vocab_size", NULL},
    {.kind = HF_CALL, .call = hidden_activation},
    {.kind = HF_END},
};

static const struct hf_tensor_name modern_names[] = {
    {"embeddings.tok_embeddings", "token_embd"},
    {"embeddings.norm", "token_embd_norm"},
    {"final_norm", "output_norm"},
    {"layers.#.attn_norm", "blk.#.attn_norm"},
    {"layers.#.attn.Wqkv", "blk.#.attn_qkv"},
    {"layers.#.attn.Wo", "blk.#.attn_output"},
    {"layers.#.mlp_norm", "blk.#.ffn_norm"},
    {"layers.#.mlp.Wi", "blk.#.ffn_up"},
    {"layers.#.mlp.Wo", "blk.#.ffn_down"},
    {NULL, NULL},
};

static bool modern_rename(const struct hf_model *model, char name[HF_NAME_MAX])
{
    static const char prefix[] = "model.";

    if (strncmp(name, prefix, strlen(prefix)) == 0)
        memmove(name, name + strlen(prefix), strlen(name + strlen(prefix)) + 1);
    classifier_rename(model, name);
    return true;
}

/* --- Nomic --------------------------------------------------------------------------------------
 */

/* Its class reads no n_*: where they say something else than the names that it reads, the converter
 * would write a file that is not the model's (import.md 3). */
static int nomic_begin(struct hf_model *model)
{
    static const struct {
        const char *other, *name;
    } sizes[] = {{"n_layer", "num_hidden_layers"},
                 {"n_embd", "hidden_size"},
                 {"n_head", "num_attention_heads"},
                 {"n_inner", "intermediate_size"}};
    uint64_t other, value;

    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
        if (hf_config_count(model->config, sizes[i].other, &other) &&
            (!hf_config_count(model->config, sizes[i].name, &value) || value != other))
            return hf_model_refuse(model, "%s is %" PRIu64 " and %s is not", sizes[i].other, other,
                                   sizes[i].name);
    return 0;
}

static int nomic_context(struct hf_model *model)
{
    uint64_t positions;

    if (!hf_config_count(model->config, "n_positions", &positions) || positions != 8192)
        return 0;
    return hf_set_u32(model, "context_length", 2048);
}

static const struct hf_key nomic_keys[] = {
    {.kind = HF_BASE},
    {.kind = HF_CALL, .call = nomic_context},
    {.kind = HF_CALL, .call = not_causal},
    {.kind = HF_CALL, .call = hf_key_pooling},
    {.kind = HF_END},
};

static const struct hf_tensor_name nomic_names[] = {
    {"embeddings.word_embeddings", "token_embd"},
    {"embeddings.token_type_embeddings", "token_types"},
    {"emb_ln", "token_embd_norm"},
    {"encoder.layers.#.attn.Wqkv", "blk.#.attn_qkv"},
    {"encoder.layers.#.attn.out_proj", "blk.#.attn_output"},
    {"encoder.layers.#.mlp.fc11", "blk.#.ffn_up"},
    {"encoder.layers.#.mlp.fc12", "blk.#.ffn_gate"},
    {"encoder.layers.#.mlp.fc2", "blk.#.ffn_down"},
    {"encoder.layers.#.norm1", "blk.#.attn_output_norm"},
    {"encoder.layers.#.norm2", "blk.#.layer_output_norm"},
    {NULL, NULL},
};

const struct hf_arch hf_arch_bert[] = {
    {
        .name = "bert",
        .classes = "BertModel BertForMaskedLM BertForSequenceClassification",
        .tokenizer = HF_TOKENIZER_WORDPIECE,
        .keys = bert_keys,
        .names = {bert_names, classifier_names},
        .rules = bert_rules,
        .rename = bert_rename,
    },
    {
        .name = "bert",
        .classes = "DistilBertModel DistilBertForMaskedLM DistilBertForSequenceClassification",
        .tokenizer = HF_TOKENIZER_WORDPIECE,
        .keys = distil_keys,
        .names = {distil_names, classifier_names},
        .rename = distil_rename,
    },
    {
        .name = "nomic-bert",
        .classes = "NomicBertModel",
        .tokenizer = HF_TOKENIZER_WORDPIECE,
        .keys = nomic_keys,
        .names = {nomic_names},
        .rules = bert_rules,
        .begin = nomic_begin,
        .rename = bert_rename,
    },
    {
        .name = "bert",
        .classes = "XLMRobertaModel XLMRobertaForSequenceClassification",
        .tokenizer = HF_TOKENIZER_XLM_ROBERTA,
        .keys = roberta_keys,
        .names = {bert_names, classifier_names},
        .rules = roberta_rules,
        .rename = roberta_rename,
    },
    {
        .name = "bert",
        .classes = "RobertaModel RobertaForSequenceClassification",
        .tokenizer = HF_TOKENIZER_ROBERTA,
        .keys = roberta_keys,
        .names = {bert_names, classifier_names},
        .rules = roberta_rules,
        .rename = roberta_rename,
    },
    {
        .name = "modern-bert",
        .classes = "ModernBertModel ModernBertForMaskedLM ModernBertForSequenceClassification",
        .tokenizer = HF_TOKENIZER_MODERN_BERT,
        .keys = modern_keys,
        .names = {modern_names, classifier_names},
        .rename = modern_rename,
    },
    {.name = NULL},
};
