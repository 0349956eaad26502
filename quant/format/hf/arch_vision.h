#ifndef QUANT_FORMAT_HF_ARCH_VISION_H
#define QUANT_FORMAT_HF_ARCH_VISION_H

#include "quant/format/hf/arch.h"

/* What entries for projectors share. Their names of tensors are whole: nothing begins with ".". */

/* has_vision_encoder, projection_dim, image_size; block_count; image_mean and image_std. */
int hf_key_vision(struct hf_model *model);
int hf_key_vision_blocks(struct hf_model *model);
int hf_key_vision_colors(struct hf_model *model);
int hf_key_vision_activation(struct hf_model *model); /* use_gelu or use_silu, by hidden_act */
int hf_key_vision_gelu(struct hf_model *model);
MUST_USE int hf_set_projector(struct hf_model *model, const char *name);
MUST_USE int hf_set_vision_epsilon(struct hf_model *model, double value);
/* One by a ratio, without what is behind the point. */
MUST_USE int hf_set_vision_shuffle(struct hf_model *model, const json_t *ratio);

/* The keys that all have, in their order. */
#define VISION_KEYS                                                                                \
    {.kind = HF_FILE_TYPE}, {.kind = HF_CALL, .call = hf_key_vision},                              \
        {HF_U32, "vision.patch_size", "patch_size", NULL},                                         \
        {HF_U32, "vision.embedding_length", "hidden_size", NULL},                                  \
        {HF_U32, "vision.feed_forward_length", "intermediate_size", NULL},                         \
        {.kind = HF_CALL, .call = hf_key_vision_blocks},                                           \
        {HF_U32, "vision.attention.head_count", "num_attention_heads num_heads", NULL},            \
    {                                                                                              \
        .kind = HF_CALL, .call = hf_key_vision_colors                                              \
    }

/* A count of the processor's files; *value stays as it is where there is none. */
MUST_USE int hf_processor_count(const struct hf_model *model, const char *member, uint64_t *value);
/* The same of size.longest_edge. */
MUST_USE int hf_processor_edge(const struct hf_model *model, uint64_t *value);

/* Kernels of patches are F16 or F32, positions F32; and what is called embeddings, too. */
enum type hf_force_vision(const struct hf_model *model, const struct hf_source *source,
                          const char *gguf);
enum type hf_force_embeddings(const struct hf_model *model, const struct hf_source *source,
                              const char *gguf);

int hf_rule_split_qkv(struct hf_model *model, const struct hf_source *source);
int hf_rule_split_times(struct hf_model *model, const struct hf_source *source);
int hf_rule_patches(struct hf_model *model, const struct hf_source *source);

void hf_cut_prefix(char *name, const char *prefix);
/* Does the name begin with one of a list that ends with NULL? */
bool hf_begins_with(const char *name, const char *const *prefixes);

#endif
