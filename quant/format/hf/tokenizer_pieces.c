#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "quant/format/hf/tokenizer_state.h"
#include "quant/format/json.h"

/* `model`: "llama" or "t5". The pieces are left to be freed, by the caller, after special numbers.
 */
static int write_pieces(struct hf_tokenizer_writing *writing, const char *file,
                        hf_make_tokens *make, const char *model, struct hf_pieces *pieces)
{
    int r = hf_pieces_read(writing->tokenizer->directory, file, pieces, writing->defect);

    if (r == 0)
        r = make(writing, pieces);
    return r < 0 ? r : hf_write_scored(writing, model);
}

int hf_write_spm(struct hf_tokenizer_writing *writing, hf_make_tokens *make)
{
    struct hf_pieces pieces = {0};
    int r = write_pieces(writing, "tokenizer.model", make, "llama", &pieces);

    if (r == 0)
        r = hf_write_special(writing, writing->tokens.count);
    hf_pieces_free(&pieces);
    return r;
}

/* The number of "<|im_end|>" among the added tokens: of the last one, tokenizer.json read last. */
static bool find_im_end(const struct hf_tokenizer *tokenizer, uint64_t *id)
{
    static const char name[] = "<|im_end|>";
    json_t *decoder = json_member(tokenizer->tokenizer_config, "added_tokens_decoder"), *token;
    const json_t *list =
        tokenizer->vocab ? json_member(tokenizer->vocab->rest, "added_tokens") : NULL;
    const char *number, *text;
    bool found = false;

    json_object_foreach(decoder, number, token)
    {
        text = json_string_value(json_member(token, "content"));
        if (text && strcmp(text, name) == 0) {
            *id = strtoull(number, NULL, 10);
            found = true;
        }
    }
    for (size_t i = 0; i < json_array_size(list); i++) {
        text = json_string_value(json_member(json_array_get(list, i), "content"));
        if (text && strcmp(text, name) == 0)
            found = json_as_u64(json_member(json_array_get(list, i), "id"), id) || found;
    }
    return found && *id <= UINT32_MAX;
}

int hf_write_internlm2(struct hf_tokenizer_writing *writing)
{
    struct hf_pieces pieces = {0};
    struct hf_special special = {0};
    uint64_t id;
    int r = write_pieces(writing, "tokenizer.model", hf_internlm2_tokens, "llama", &pieces);

    if (r == 0) {
        (void)hf_write_space_prefix(writing, pieces.add_dummy_prefix);
        r = hf_find_special(writing, writing->tokens.count, &special);
    }
    if (r == 0 && find_im_end(writing->tokenizer, &id)) {
        hf_special_set(&special, HF_EOS, (uint32_t)id);
        special.ids[HF_EOS] = (uint32_t)id; /* in the place that it had */
    }
    if (r == 0)
        r = hf_special_write(&special, writing->kv);
    hf_special_free(&special);
    hf_pieces_free(&pieces);
    return r;
}

static int write_charsmap(struct hf_tokenizer_writing *writing, const struct hf_pieces *pieces)
{
    return hf_kv_u8s(writing->kv, "tokenizer.ggml.precompiled_charsmap",
                     (const uint8_t *)pieces->charsmap.text, pieces->charsmap.size);
}

static int write_remove_blanks(struct hf_tokenizer_writing *writing, bool value)
{
    return hf_kv_bool(writing->kv, "tokenizer.ggml.remove_extra_whitespaces", value);
}

static int require_unigram(struct hf_tokenizer_writing *writing, const char *file,
                           const struct hf_pieces *pieces)
{
    if (pieces->model == HF_PIECES_UNIGRAM)
        return 0;
    return hf_tokenizer_blame(writing, file, EINVAL, "its model type is %llu, not Unigram (1)",
                              (unsigned long long)pieces->model);
}

/* Some of its family have a BPE model in a tokenizer.model. */
int hf_write_t5(struct hf_tokenizer_writing *writing)
{
    const char *file = hf_has_file(writing, "tokenizer.model") ? "tokenizer.model" : "spiece.model";
    struct hf_pieces pieces = {0};
    int r = hf_pieces_read(writing->tokenizer->directory, file, &pieces, writing->defect);

    if (r == 0 && pieces.model == HF_PIECES_BPE && strcmp(file, "tokenizer.model") == 0) {
        hf_pieces_free(&pieces);
        return hf_write_spm(writing, hf_spm_tokens);
    }
    if (r == 0)
        r = require_unigram(writing, file, &pieces);
    if (r == 0)
        r = hf_t5_tokens(writing, &pieces);
    if (r == 0)
        r = hf_write_scored(writing, "t5");
    if (r == 0) {
        (void)hf_write_space_prefix(writing, pieces.add_dummy_prefix);
        (void)write_remove_blanks(writing, pieces.remove_extra_whitespaces);
        (void)write_charsmap(writing, &pieces);
        r = hf_write_special(writing, writing->tokens.count);
    }
    hf_pieces_free(&pieces);
    return r;
}

static int write_xlm_roberta_pieces(struct hf_tokenizer_writing *writing, const char *file)
{
    struct hf_pieces pieces = {0};
    int r = hf_pieces_read(writing->tokenizer->directory, file, &pieces, writing->defect);

    if (r == 0)
        r = require_unigram(writing, file, &pieces);
    if (r == 0)
        r = hf_xlm_roberta_tokens(writing, &pieces);
    if (r == 0)
        r = hf_write_scored(writing, "t5");
    if (r == 0) {
        (void)hf_write_space_prefix(writing, pieces.add_dummy_prefix);
        (void)hf_write_type_count(writing);
        (void)write_remove_blanks(writing, pieces.remove_extra_whitespaces);
        (void)write_charsmap(writing, &pieces);
    }
    hf_pieces_free(&pieces);
    return r;
}

int hf_write_xlm_roberta(struct hf_tokenizer_writing *writing)
{
    static const char file[] = "sentencepiece.bpe.model";
    int r;

    if (hf_has_file(writing, file)) {
        r = write_xlm_roberta_pieces(writing, file);
    } else {
        r = hf_unigram_tokens(writing);
        if (r == 0)
            r = hf_write_scored(writing, "t5");
        if (r == 0) {
            (void)hf_write_space_prefix(writing, true);
            (void)hf_write_type_count(writing);
            (void)write_remove_blanks(writing,
                                      json_member_true(writing->tokenizer->tokenizer_config,
                                                       "clean_up_tokenization_spaces"));
            r = hf_unigram_charsmap(writing);
        }
    }
    return r < 0 ? r : hf_write_special(writing, writing->tokens.count);
}
