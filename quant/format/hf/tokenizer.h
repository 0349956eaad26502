#ifndef QUANT_FORMAT_HF_TOKENIZER_H
#define QUANT_FORMAT_HF_TOKENIZER_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "quant/format/hf/files.h"
#include "quant/format/hf/kv.h"

/* Which rules make the tokenizer's keys: each architecture has its own (import.md 6, import-2 3.1).
 * "SPM": tokenizer.model; the other words are models of a tokenizer.json. */
enum hf_tokenizer_kind {
    HF_TOKENIZER_BPE,
    HF_TOKENIZER_SPM_OR_BPE,
    /* add_space_prefix first; SPM, or BPE with byte_fallback as SPM, or BPE; CodeLlama's ids */
    HF_TOKENIZER_LLAMA,
    HF_TOKENIZER_GEMMA,   /* SPM, CodeGemma's ids, no space before a text */
    HF_TOKENIZER_GEMMA2,  /* SPM, no space before a text; Gemma 3n and EmbeddingGemma, too */
    HF_TOKENIZER_GEMMA3,  /* as Gemma 2 or, without tokenizer.model, BPE */
    HF_TOKENIZER_GEMMA4,  /* BPE with byte_fallback, and merges */
    HF_TOKENIZER_ERNIE,   /* SPM, add_space_prefix last */
    HF_TOKENIZER_PHI2,    /* no bos, BPE */
    HF_TOKENIZER_PHI3,    /* BPE if its class is GPT2Tokenizer, else SPM with a loop of its own */
    HF_TOKENIZER_GLM4,    /* BPE and tokens of fixed names */
    HF_TOKENIZER_GLM4MOE, /* likewise; GLM 4.7 Flash and GLM 5, too */
    HF_TOKENIZER_HUNYUAN, /* BPE, eod_token_id as eos */
    HF_TOKENIZER_LAGUNA,  /* BPE, chat_template.jinja, eot of a list */
    HF_TOKENIZER_INTERNLM2,
    HF_TOKENIZER_WORDPIECE, /* BERT */
    HF_TOKENIZER_ROBERTA,   /* BPE, else as BERT */
    HF_TOKENIZER_MODERN_BERT,
    HF_TOKENIZER_XLM_ROBERTA, /* Unigram */
    HF_TOKENIZER_T5,          /* Unigram */
};

/* What the rules need of config.json. */
struct hf_tokenizer_rules {
    enum hf_tokenizer_kind kind;
    /* Of the text part, after defaults of its class, and rounded up where the tokens are
     * (import-2 3.4); 0: none. */
    uint64_t vocab_size;
    uint64_t type_vocab_size; /* of the BERT kinds; 0: 1 */
    /* tokenizer.ggml.pre of the architecture's models, or NULL: taken where the vocabulary is not
     * known and this is one of several names of its pre_tokenizer ("glm4" and "llama-bpe"). */
    const char *pre;
};

/* The tokenizer's files of a directory. */
struct hf_tokenizer;

/*
 * Reads tokenizer.json and tokenizer_config.json, where they are. `config`: config.json as it is,
 * which must outlive the tokenizer, as the directory must. -EINVAL, -EFBIG, ...: *defect names the
 * file; -ENOMEM. Memory and time are bounded by a small multiple of the files' sizes.
 */
MUST_USE int hf_tokenizer_open(const struct hf_directory *directory, const json_t *config,
                               struct hf_tokenizer **tokenizer, struct defect *defect);
void hf_tokenizer_close(struct hf_tokenizer *tokenizer);

/* The number of a token of tokenizer.json; false: there is none, or no such file. */
bool hf_tokenizer_find(const struct hf_tokenizer *tokenizer, const char *text, uint32_t *id);
/* Entries of model.vocab and of added_tokens, one that is in both counted twice; 0: no
 * tokenizer.json. */
uint64_t hf_tokenizer_entries(const struct hf_tokenizer *tokenizer);

/*
 * Writes all keys of the tokenizer, once. *token_count: of the list written. -ENOENT: a file that
 * the kind needs is not there; -EINVAL, ...: *defect has the reason; -ENOMEM.
 */
MUST_USE int hf_tokenizer_write(struct hf_tokenizer *tokenizer,
                                const struct hf_tokenizer_rules *rules, struct hf_kv *kv,
                                size_t *token_count, struct defect *defect);

#endif
