#ifndef QUANT_FORMAT_HF_ARCH_H
#define QUANT_FORMAT_HF_ARCH_H

#include "quant/format/hf/config_json.h"
#include "quant/format/hf/kv.h"
#include "quant/format/hf/plan.h"
#include "quant/format/hf/tokenizer.h"
#include "quant/type.h"

/*
 * Architectures (import.md 5) are entries of tables, a page for each family: arch_llama.c and so
 * on. An entry says which model parameters are written in which order, what the tensors are called,
 * and which of them are changed on the way. README.md tells how to add one.
 */

/* Bytes of a tensor's name, the zero behind it included. */
#define HF_NAME_MAX 192
#define HF_LAYERS_MAX 65536

struct hf_model;
struct hf_source;

/* ---- keys ---- */

enum hf_key_kind {
    HF_END,
    HF_BASE,        /* all of the base list; `from`: values that count as absent in it */
    HF_U32,         /* a value that must be there */
    HF_U32_IF,      /* a value that may be there */
    HF_F32,         /* likewise */
    HF_F32_IF,      /* */
    HF_F32_NONZERO, /* a value that may be there, unless it is 0 */
    HF_TRUE,        /* a bool, written if it is true */
    HF_FILE_TYPE,   /* general.file_type */
    HF_CALL,        /* what `call` writes */
};

/* A key, without "ARCHITECTURE." before it, and the config's names for its value, the first that is
 * there counts. */
struct hf_key {
    enum hf_key_kind kind;
    const char *key, *from;
    int (*call)(struct hf_model *model);
};

/* ---- tensors ---- */

/*
 * How a tensor is called in the directory and in GGUF, without ".weight" or ".bias" where it has
 * one of those. # is the layer. A name that begins with "." goes on behind "model.layers.#", its
 * GGUF name behind "blk.#". A list ends with NULL.
 */
struct hf_tensor_name {
    const char *from, *to;
};

/* What happens to tensors of a name. * is any text, # a number. The first rule that fits counts;
 * where none does the tensor is written as it is. */
struct hf_rule {
    const char *pattern;
    int (*apply)(struct hf_model *model, const struct hf_source *source);
};

#define HF_STACK_PARTS 3

/* Experts that are stored one by one: PREFIX#.PART.weight, with # in the prefix for the layer. A
 * layer's are written when the last one has come: part by part, under the name PREFIXPART.weight.
 */
struct hf_stack {
    const char *prefix;
    const char *parts[HF_STACK_PARTS];
};

#define HF_NAME_LISTS 10

struct hf_arch {
    const char *name;    /* of general.architecture */
    const char *classes; /* of the model in config.json, separated by blanks */
    /* Where a class alone does not decide; NULL: it does. */
    bool (*fits)(const struct hf_config *config);
    enum hf_tokenizer_kind tokenizer;
    unsigned vocab_multiple; /* the token list is padded to one of it; 0: it is not */
    const char *pre;         /* see struct hf_tokenizer_rules; NULL: none */
    const struct hf_key *keys;
    const struct hf_tensor_name *names[HF_NAME_LISTS];
    const struct hf_rule *rules; /* NULL: none */
    const struct hf_stack *stack;
    bool vision;     /* its tensors are those that a text model drops, see arch_vision.c */
    bool drops_next; /* tensors of layers beyond those of the config are dropped */
    int (*begin)(
        struct hf_model *model); /* looks at the config before anything else; NULL: nothing */
    int (*early)(struct hf_model *model); /* keys right behind general.architecture */
    int (*extra)(struct hf_model *model); /* tensors before all others */
    /* A type that a tensor has whatever the outtype is; TYPE_NONE: the usual one. NULL: always. */
    enum type (*force)(const struct hf_model *model, const struct hf_source *source,
                       const char *gguf);
    /* Changes a tensor's name before rules and names see it; false: it is dropped. */
    bool (*rename)(const struct hf_model *model, char name[HF_NAME_MAX]);
};

/* The first entry that fits the class that the model names; NULL: there is none. And all class
 * names, separated by blanks, as many as there is room for; then "...". */
const struct hf_arch *hf_arch_find(const struct hf_config *config);
void hf_arch_list(char *text, size_t size);
/* The same among the entries for projectors; `config` is that of the vision part. */
const struct hf_arch *hf_arch_find_vision(const struct hf_config *config);

/* Pages of the table; each ends with an entry without a name. */
extern const struct hf_arch hf_arch_bert[];
extern const struct hf_arch hf_arch_deepseek[];
extern const struct hf_arch hf_arch_ernie[];
extern const struct hf_arch hf_arch_falcon[];
extern const struct hf_arch hf_arch_gemma[];
extern const struct hf_arch hf_arch_gemma_late[];
extern const struct hf_arch hf_arch_glm[];
extern const struct hf_arch hf_arch_gptoss[];
extern const struct hf_arch hf_arch_lfm[];
extern const struct hf_arch hf_arch_llama[];
extern const struct hf_arch hf_arch_mamba[];
extern const struct hf_arch hf_arch_others[];
extern const struct hf_arch hf_arch_more[];
extern const struct hf_arch hf_arch_phi[];
extern const struct hf_arch hf_arch_qwen[];
extern const struct hf_arch hf_arch_qwen_linear[];
extern const struct hf_arch hf_arch_t5[];
extern const struct hf_arch hf_arch_towers[]; /* of projectors */
extern const struct hf_arch hf_arch_visual[];

/* ---- an import under way ---- */

struct hf_model {
    const struct hf_directory *directory;
    const struct hf_config *config;
    const struct hf_config *text; /* the text part's, where `config` is the vision part's */
    const struct hf_weights *weights;
    struct hf_tokenizer *tokenizer;
    const struct hf_arch *arch;
    enum type type; /* of the outtype */
    struct hf_kv *kv;
    struct hf_plan *plan;
    struct defect *defect;
    uint64_t layers;        /* of the file; begin() may change it */
    uint64_t hidden_layers; /* of the config */
    uint64_t heads, kv_heads;
    uint32_t *scales;  /* per tensor: the tensor with its block factors, or HF_NO_TENSOR */
    bool *packed;      /* per tensor: words of eight weights each, see arch_packed.c */
    uint32_t **stacks; /* per layer: parts x experts tensors, HF_NO_TENSOR: not yet come */
    uint32_t *stack_counts;
    uint64_t experts;
    uint64_t image_size;                  /* of a projector; begin() may set it */
    bool reranker;                        /* begin() may set it: yes or no is what it says */
    bool wide;                            /* the tensor begun last is F32 in any case */
    bool seen_bf16, seen_f16, seen_other; /* what the others are stored as */
};

/* A stored tensor with the name that rules and names go by. */
struct hf_source {
    uint32_t tensor; /* of the weights */
    const struct hf_tensor *stored;
    const char *name;
    bool in_layer; /* the name has a number; the first one is the layer */
    uint64_t layer;
};

/* -EINVAL with a text that begins with the model's class, or with the tensor's stored name. */
__attribute__((format(printf, 2, 3))) int hf_model_refuse(const struct hf_model *model,
                                                          const char *format, ...);
__attribute__((format(printf, 3, 4))) int hf_source_refuse(const struct hf_model *model,
                                                           const struct hf_source *source,
                                                           const char *format, ...);

/* The same with -ENOTSUP: nothing is wrong with the model. */
__attribute__((format(printf, 2, 3))) int hf_model_refuse_kind(const struct hf_model *model,
                                                               const char *format, ...);

/* ---- for keys (arch_keys.c) ---- */

/* Reads a file of the directory; *json stays NULL where there is none. For json_decref(). */
MUST_USE int hf_read_json(const struct hf_model *model, const char *name, json_t **json);
/* Writes the table's keys. */
MUST_USE int hf_keys_write(struct hf_model *model, const struct hf_key *keys);
/* A value of config.json that must be there and fit. */
MUST_USE int hf_need_count(const struct hf_model *model, const char *names, uint64_t *value);
MUST_USE int hf_need_real(const struct hf_model *model, const char *names, double *value);
/* One key under the architecture's name. -EINVAL: the value does not fit. */
MUST_USE int hf_set_u32(struct hf_model *model, const char *key, uint64_t value);
MUST_USE int hf_set_f32(struct hf_model *model, const char *key, double value);
MUST_USE int hf_set_bool(struct hf_model *model, const char *key, bool value);
MUST_USE int hf_set_string(struct hf_model *model, const char *key, const char *text);
/* rope.dimension_count: head_dim, or hidden size by heads. */
int hf_key_rope_dimensions(struct hf_model *model);
/* The same by the hidden size, whatever head_dim says. */
int hf_key_rope_of_hidden(struct hf_model *model);
/* head_dim, or hidden size by heads; -EINVAL: neither. */
MUST_USE int hf_head_size(const struct hf_model *model, uint64_t *size);
/* block_count, where the table has no base list. */
int hf_key_block_count(struct hf_model *model);
/* For begin(): the layers that predict one token more (num_nextn_predict_layers) are the file's. */
MUST_USE int hf_begin_next(struct hf_model *model);
/* rope.dimension_count: the part of head_dim that the rope's partial_rotary_factor says; `whole`
 * where it says nothing. */
MUST_USE int hf_set_partial_rope(struct hf_model *model, const char *key, uint64_t head_size,
                                 double whole);
/* For each layer of the file: is it of that type in the config? */
MUST_USE int hf_set_layers_of(struct hf_model *model, const char *key, const char *type);
/* A key for each layer: `value` where the layer is of that type, else `other`. */
MUST_USE int hf_set_u32_of(struct hf_model *model, const char *key, const char *type,
                           uint64_t value, uint64_t other);
/* attention.sliding_window and sliding_window_pattern where the config has a window. */
int hf_key_sliding(struct hf_model *model);
/* pooling_type, if modules.json names one. */
int hf_key_pooling(struct hf_model *model);

/* ---- for tensors (arch_tensors.c) ---- */

/* Begins an output tensor under its GGUF name with a shape in the order of the directory (rows
 * first), of the type that the name asks for (import.md 2.1). Slices follow: hf_add_slice(). */
MUST_USE int hf_begin(struct hf_model *model, const struct hf_source *source, const char *gguf,
                      unsigned n_dims, const uint64_t *shape);
/* The same under the name that the architecture has for `name`. -EINVAL: it has none. */
MUST_USE int hf_begin_named(struct hf_model *model, const struct hf_source *source,
                            const char *name, unsigned n_dims, const uint64_t *shape);
/* A slice with the block factors that belong to its tensor. */
MUST_USE int hf_add_slice(struct hf_model *model, const struct hf_slice *slice);
/* A tensor of one slice and the stored tensor's shape. */
MUST_USE int hf_write(struct hf_model *model, const struct hf_source *source, const char *name,
                      const struct hf_slice *slice);
/* Finds the GGUF name of a name. */
MUST_USE int hf_tensor_name_find(const struct hf_model *model, const struct hf_source *source,
                                 const char *name, char gguf[HF_NAME_MAX]);
/* Gives the source a name, and the layer that is in it. */
void hf_source_name(struct hf_source *source, const char *name);
/* Does the name fit the pattern, as in struct hf_rule? */
bool hf_tensor_name_fits(const char *name, const char *pattern);

/* For rename(): what a model without a head stores, which names its parts without "model.". */
bool hf_rename_bare(const struct hf_model *model, char name[HF_NAME_MAX]);

/* Rules that many share. */
int hf_rule_drop(struct hf_model *model, const struct hf_source *source);
int hf_rule_permute_q(struct hf_model *model, const struct hf_source *source);
int hf_rule_permute_k(struct hf_model *model, const struct hf_source *source);
int hf_rule_add_one(struct hf_model *model, const struct hf_source *source);
int hf_rule_neg_exp(struct hf_model *model, const struct hf_source *source);
int hf_rule_transpose(struct hf_model *model, const struct hf_source *source);
/* Stacked experts, [experts, 2f, e] with the rows of gate before those of up, and [experts, e, f];
 * both without a suffix. */
int hf_rule_split_experts(struct hf_model *model, const struct hf_source *source);
int hf_rule_add_suffix(struct hf_model *model, const struct hf_source *source);
/* The same stored the other way round: [experts, in, out]. */
int hf_rule_turn_experts(struct hf_model *model, const struct hf_source *source);
/* Without its middle axis, which is of length 1. */
int hf_rule_squeeze(struct hf_model *model, const struct hf_source *source);
/* Times a, then times b, each rounded. */
int hf_rule_scale(struct hf_model *model, const struct hf_source *source, float a, float b);
/* One slice, all of the tensor, in another shape of as many elements. */
MUST_USE int hf_write_shaped(struct hf_model *model, const struct hf_source *source,
                             const char *name, unsigned n_dims, const uint64_t *shape,
                             enum hf_math math);
/* Of Mamba 2's layers: A_log and D become columns, the norm a row for each group. */
int hf_rule_mamba_decay(struct hf_model *model, const struct hf_source *source);
int hf_rule_mamba_skip(struct hf_model *model, const struct hf_source *source);
int hf_rule_mamba_norm(struct hf_model *model, const struct hf_source *source);
/* Dropped where tie_word_embeddings is true. */
int hf_rule_drop_tied(struct hf_model *model, const struct hf_source *source);

/* All tensors of the directory, in the converter's order. */
MUST_USE int hf_tensors_write(struct hf_model *model);

/* ---- weights of 4 bits (arch_packed.c) ---- */

/* Finds those of compressed-tensors, which come behind all others. `used`: marks what they need.
 * -ENOTSUP: packed in another way. */
MUST_USE int hf_packed_find(struct hf_model *model, bool *used);
/* Without the end that their names have. */
void hf_packed_rename(char *name);

/* ---- experts (arch_stack.c) ---- */

/* Takes the tensor if it is an expert's: *taken. */
MUST_USE int hf_stack_take(struct hf_model *model, const struct hf_source *source, bool *taken);
/* -EINVAL: a layer has some of its experts only. */
MUST_USE int hf_stack_end(const struct hf_model *model);
void hf_stack_free(struct hf_model *model);

/* ---- names and experts that many share (arch_names.c) ---- */

extern const struct hf_stack hf_stack_mlp; /* mlp.experts: down, gate, up */
extern const struct hf_stack hf_stack_mlp_gate_first;

extern const struct hf_tensor_name hf_names_ends[];      /* embedding, last norm, head */
extern const struct hf_tensor_name hf_names_attention[]; /* q, k, v, o */
extern const struct hf_tensor_name hf_names_qk_norm[];
extern const struct hf_tensor_name hf_names_mlp[];          /* gate, up, down */
extern const struct hf_tensor_name hf_names_norms[];        /* before attention, before the MLP */
extern const struct hf_tensor_name hf_names_norms4[];       /* before and behind both */
extern const struct hf_tensor_name hf_names_norms_behind[]; /* behind both, nowhere else */
extern const struct hf_tensor_name hf_names_experts[];
extern const struct hf_tensor_name hf_names_shared_experts[];
extern const struct hf_tensor_name hf_names_shared_expert[];
extern const struct hf_tensor_name hf_names_next[]; /* layers that predict one token more */

#endif
