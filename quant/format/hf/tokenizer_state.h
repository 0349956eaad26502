#ifndef QUANT_FORMAT_HF_TOKENIZER_STATE_H
#define QUANT_FORMAT_HF_TOKENIZER_STATE_H

#include "quant/format/hf/pieces.h"
#include "quant/format/hf/special.h"
#include "quant/format/hf/tokenizer.h"
#include "quant/format/hf/tokens.h"
#include "quant/format/hf/vocab.h"

struct hf_tokenizer {
    const struct hf_directory *directory;
    const json_t *config;
    struct hf_vocab *vocab;   /* tokenizer.json; NULL: not there */
    json_t *tokenizer_config; /* NULL: not there */
    json_t *special_map;      /* special_tokens_map.json; NULL: not there */
};

/* A writing of keys: what its parts share. */
struct hf_tokenizer_writing {
    struct hf_tokenizer *tokenizer;
    const struct hf_tokenizer_rules *rules;
    struct hf_kv *kv;
    struct hf_tokens tokens;
    struct defect *defect;
};

/* Blames a file of the directory. */
#define hf_tokenizer_blame(writing, name, error, ...)                                              \
    hf_blame((writing)->tokenizer->directory, (name), (writing)->defect, (error), DEFECT_NOWHERE,  \
             __VA_ARGS__)

/* The files in which special numbers are found. */
struct hf_special_files hf_tokenizer_files(const struct hf_tokenizer *tokenizer);

/* Parses a JSON file; -ENOENT: not there (and *defect untouched). The caller drops it. */
MUST_USE int hf_tokenizer_json(const struct hf_directory *directory, const char *name,
                               json_t **json, struct defect *defect);

/* vocab_size if there is one, else `standard`; -EINVAL: beyond HF_TOKENS_MAX. */
MUST_USE int hf_tokenizer_size(struct hf_tokenizer_writing *writing, uint64_t standard,
                               size_t *size);

/* --- parts of kinds: tokenizer.c --- */

bool hf_has_file(const struct hf_tokenizer_writing *writing, const char *name);
int hf_write_text(struct hf_tokenizer_writing *writing, const char *key, const char *text);
MUST_USE int hf_find_special(struct hf_tokenizer_writing *writing, uint64_t limit,
                             struct hf_special *special);
/* Special numbers, flags and templates of the usual kind. */
MUST_USE int hf_write_special(struct hf_tokenizer_writing *writing, uint64_t limit);
int hf_write_space_prefix(struct hf_tokenizer_writing *writing, bool value);
int hf_write_type_count(struct hf_tokenizer_writing *writing);
/* Keys of a token list with scores: `model`, `pre`, tokens, scores, types. */
MUST_USE int hf_write_scored(struct hf_tokenizer_writing *writing, const char *model);

/* --- kinds with a SentencePiece model: tokenizer_pieces.c --- */

typedef int hf_make_tokens(struct hf_tokenizer_writing *writing, const struct hf_pieces *pieces);

/* Of tokenizer.model, by that loop. */
MUST_USE int hf_write_spm(struct hf_tokenizer_writing *writing, hf_make_tokens *make);
MUST_USE int hf_write_internlm2(struct hf_tokenizer_writing *writing);
MUST_USE int hf_write_t5(struct hf_tokenizer_writing *writing);
MUST_USE int hf_write_xlm_roberta(struct hf_tokenizer_writing *writing);

/* --- of a tokenizer.json: tokenizer_bpe.c, tokenizer_fast.c --- */

/* tokens of BPE and WordPiece (import.md 6.1), named ones appended (import-2 3.8). */
MUST_USE int hf_bpe_tokens(struct hf_tokenizer_writing *writing);
/* Keys of those tokens, up to merges: `model`, `pre`, tokens, types, merges. */
MUST_USE int hf_bpe_write(struct hf_tokenizer_writing *writing);
/* merges of tokenizer.json or, if it has none, of merges.txt. */
MUST_USE int hf_merges_write(struct hf_tokenizer_writing *writing);
/* Keys of a BERT vocabulary, up to types. */
MUST_USE int hf_wordpiece_write(struct hf_tokenizer_writing *writing);
/* Whether it is BPE whose unknown characters are bytes, which is written as SPM. */
bool hf_fast_spm(const struct hf_vocab *vocab);
/* Tokens of such (import.md 6.2, import-2 3.2). */
MUST_USE int hf_fast_spm_tokens(struct hf_tokenizer_writing *writing);
/* tokens, scores and types of a Unigram tokenizer.json (import-2 3.5). */
MUST_USE int hf_unigram_tokens(struct hf_tokenizer_writing *writing);

/* Its precompiled_charsmap, if it has one. */
MUST_USE int hf_unigram_charsmap(struct hf_tokenizer_writing *writing);

/* --- special tokens by name: tokenizer_named.c --- */

/*
 * The texts that tokenizer_config.json, or else the tokenizer's class, names as special: those
 * whose members end with `_token`, then the extra ones; in the order in which the transformers
 * library adds those that the vocabulary lacks. An array of strings for json_decref(); NULL:
 * -ENOMEM.
 */
json_t *hf_named_tokens(const struct hf_tokenizer_writing *writing);
/*
 * Whether the transformers library takes its LlamaTokenizer, which decodes by rules of its own
 * whatever tokenizer.json says. LlamaTokenizerFast is that, too, but not for DeepSeek's models.
 */
bool hf_is_llama_class(const struct hf_tokenizer *tokenizer);
/* Appends those that the vocabulary lacks. */
MUST_USE int hf_append_named(struct hf_tokenizer_writing *writing, const json_t *named);

/* --- tokens of a SentencePiece model, which must outlive them: tokenizer_spm.c --- */

/* The usual loop (import.md 6.2), phi3's, T5's (import-2 3.6), InternLM2's (3.3), XLM-RoBERTa's
 * (3.5). */
MUST_USE int hf_spm_tokens(struct hf_tokenizer_writing *writing, const struct hf_pieces *pieces);
MUST_USE int hf_phi3_tokens(struct hf_tokenizer_writing *writing, const struct hf_pieces *pieces);
MUST_USE int hf_t5_tokens(struct hf_tokenizer_writing *writing, const struct hf_pieces *pieces);
MUST_USE int hf_internlm2_tokens(struct hf_tokenizer_writing *writing,
                                 const struct hf_pieces *pieces);
MUST_USE int hf_xlm_roberta_tokens(struct hf_tokenizer_writing *writing,
                                   const struct hf_pieces *pieces);

#endif
