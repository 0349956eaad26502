#include "quant/format/hf/special.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "quant/format/hf/template.h"
#include "quant/format/json.h"

/* What the members of the files are called, and the key of the number; NULL: it is not written. */
static const struct {
    const char *name;
    const char *id_key;
} kind_names[HF_SPECIAL_COUNT] = {
    [HF_BOS] = {"bos", "tokenizer.ggml.bos_token_id"},
    [HF_EOS] = {"eos", "tokenizer.ggml.eos_token_id"},
    [HF_UNK] = {"unk", "tokenizer.ggml.unknown_token_id"},
    [HF_SEP] = {"sep", "tokenizer.ggml.seperator_token_id"},
    [HF_PAD] = {"pad", "tokenizer.ggml.padding_token_id"},
    [HF_CLS] = {"cls", NULL},
    [HF_MASK] = {"mask", "tokenizer.ggml.mask_token_id"},
    [HF_EOT] = {"eot", "tokenizer.ggml.eot_token_id"},
    [HF_EOM] = {"eom", "tokenizer.ggml.eom_token_id"},
};

/* The search, with what the post-processors make of tokenizer_config.json on the way. */
struct search {
    const struct hf_special_files *files;
    struct hf_special *special;
    json_t *config; /* a copy of tokenizer_config.json; NULL: there is none, or it is empty */
    const json_t *bos, *eos, *cls, *sep; /* of files, or NULL */
    int error;                           /* -ENOMEM */
};

/* What Python takes for true. */
static bool truthy(const json_t *json)
{
    if (json_is_string(json))
        return json_string_length(json) > 0;
    if (json_is_object(json) || json_is_array(json))
        return json_object_size(json) > 0 || json_array_size(json) > 0;
    return json_is_true(json) || (json_is_number(json) && json_number_value(json) != 0);
}

static bool same(const json_t *a, const json_t *b)
{
    return a && b && json_equal(a, b);
}

/* "<kind><end>", for the longest of both. */
struct member_name {
    char text[24];
};

static struct member_name member_name(const char *start, enum hf_special_kind kind, const char *end)
{
    struct member_name name;

    (void)snprintf(name.text, sizeof(name.text), "%s%s%s", start, kind_names[kind].name, end);
    return name;
}

/* The value is shared, and never changed. */
static void set_token(struct search *search, enum hf_special_kind kind, const json_t *token)
{
    struct member_name name = member_name("", kind, "_token");
    json_t *value = token ? (json_t *)(uintptr_t)token : json_null();

    if (json_object_set(search->config, name.text, value) < 0)
        search->error = -ENOMEM;
}

static void set_flag(struct hf_special *special, enum hf_special_kind kind, bool value)
{
    if (!special->has_flag[kind]) {
        special->has_flag[kind] = true;
        special->flagged[special->flagged_count++] = kind;
    }
    special->flags[kind] = value;
}

static void set_default_flag(struct hf_special *special, enum hf_special_kind kind, bool value)
{
    if (!special->has_flag[kind])
        set_flag(special, kind, value);
}

static bool looks_for(const struct hf_special *special, enum hf_special_kind kind)
{
    for (unsigned i = 0; i < special->kind_count; i++)
        if (special->kinds[i] == kind)
            return true;
    return false;
}

void hf_special_set(struct hf_special *special, enum hf_special_kind kind, uint32_t id)
{
    if (special->has_id[kind] || id >= special->limit)
        return;
    special->has_id[kind] = true;
    special->ids[kind] = id;
    special->found[special->found_count++] = kind;
}

/* --- post-processors -----------------------------------------------------------------------------
 */

/* The token of an entry of a template, NULL if it is a sequence. */
static const json_t *special_token(const json_t *entry)
{
    const json_t *id = json_member(json_member(entry, "SpecialToken"), "id");

    return truthy(id) ? id : NULL;
}

static bool is_sequence(const json_t *entry, const char *id)
{
    const char *text = json_string_value(json_member(json_member(entry, "Sequence"), "id"));

    return text && strcmp(text, id) == 0;
}

/* The token before a single sequence. */
static void take_first(struct search *search, const json_t *first)
{
    if (!search->config) {
        search->bos = first;
    } else if (!same(first, search->bos) && !same(first, search->cls)) {
        if (!truthy(search->bos)) {
            search->bos = first;
            set_token(search, HF_BOS, first);
        }
        if (!truthy(search->cls)) {
            search->cls = first;
            set_token(search, HF_CLS, first);
        }
    }
    set_flag(search->special, HF_BOS, same(first, search->bos) || same(first, search->cls));
}

/* The token behind a single sequence: it becomes eos, and what was eos becomes eot, then eom. */
static void take_last(struct search *search, const json_t *last)
{
    struct hf_special *special = search->special;
    enum hf_special_kind kind = looks_for(special, HF_EOT) ? HF_EOM : HF_EOT;

    if (search->config && !same(last, search->eos)) {
        if (!looks_for(special, kind)) {
            special->kinds[special->kind_count++] = kind;
            set_token(search, kind, search->eos);
        }
        set_token(search, HF_EOS, last);
    }
    search->eos = last;
    set_flag(special, HF_EOS, true);
}

static bool separates(const struct search *search, const json_t *token)
{
    return token && (same(token, search->sep) || same(token, search->eos));
}

/* What stands between the sequences of a pair: entries from `start` to before `end`. */
static void take_pair(struct search *search, const json_t *pair, size_t start, size_t end,
                      bool has_last)
{
    bool add;

    if (end - start < 3 || !is_sequence(json_array_get(pair, start), "A") ||
        !is_sequence(json_array_get(pair, end - 1), "B"))
        return;
    add = separates(search, special_token(json_array_get(pair, start + 1))) && !has_last;
    if (end - start == 4)
        add |= separates(search, special_token(json_array_get(pair, start + 2)));
    set_flag(search->special, HF_SEP, add);
    if (add && !truthy(search->sep) && search->config)
        set_token(search, HF_SEP, search->eos);
}

static void take_template(struct search *search, const json_t *processor)
{
    const json_t *single = json_member(processor, "single"), *pair = json_member(processor, "pair");
    const json_t *first = NULL, *last = NULL;
    size_t count = json_array_size(single), start, end = json_array_size(pair);

    if (count > 1) {
        first = special_token(json_array_get(single, 0));
        last = special_token(json_array_get(single, count - 1));
        if (first)
            take_first(search, first);
        if (last)
            take_last(search, last);
    }
    if (end == 0)
        return;
    start = same(special_token(json_array_get(pair, 0)), first);
    end -= same(special_token(json_array_get(pair, end - 1)), last) && end > start;
    take_pair(search, pair, start, end, last != NULL);
}

static void take_roberta(struct search *search, const json_t *processor)
{
    const json_t *cls = json_array_get(json_member(processor, "cls"), 0);
    const json_t *sep = json_array_get(json_member(processor, "sep"), 0);

    set_flag(search->special, HF_BOS, true);
    set_flag(search->special, HF_EOS, true);
    set_flag(search->special, HF_SEP, true);
    if (!truthy(search->cls) && search->config) {
        search->cls = cls ? cls : search->bos;
        set_token(search, HF_CLS, search->cls);
    }
    if (!truthy(search->sep) && search->config) {
        search->sep = sep ? sep : search->eos;
        set_token(search, HF_SEP, search->sep);
    }
}

static void take_processor(struct search *search, const json_t *processor)
{
    const char *type = json_string_value(json_member(processor, "type"));

    if (!type)
        return;
    if (strcmp(type, "ByteLevel") == 0) {
        set_default_flag(search->special, HF_BOS, false);
        set_default_flag(search->special, HF_EOS, false);
    } else if (strcmp(type, "RobertaProcessing") == 0) {
        take_roberta(search, processor);
    } else if (strcmp(type, "TemplateProcessing") == 0) {
        take_template(search, processor);
    }
}

static void take_processors(struct search *search)
{
    const json_t *config = search->config;
    const json_t *processor = json_member(search->files->tokenizer, "post_processor");
    const json_t *list = json_member(processor, "processors");

    search->bos = json_member(config, "bos_token");
    search->eos = json_member(config, "eos_token");
    search->cls = json_member(config, "cls_token");
    search->sep = json_member(config, "sep_token");
    if (!truthy(search->bos) && truthy(search->cls)) {
        search->bos = search->cls;
        set_token(search, HF_BOS, search->cls);
    }
    if (!truthy(search->eos) && truthy(search->sep)) {
        search->eos = search->sep;
        set_token(search, HF_EOS, search->sep);
    }
    if (!list)
        take_processor(search, processor);
    for (size_t i = 0; i < json_array_size(list); i++)
        take_processor(search, json_array_get(list, i));
}

/* --- normalizers, tokens by name, config.json ----------------------------------------------------
 */

static int bool_or_unset(const json_t *json)
{
    return json_is_boolean(json) ? json_is_true(json) : -1;
}

static void take_normalizer(struct hf_special *special, const json_t *normalizer)
{
    const char *type = json_string_value(json_member(normalizer, "type"));
    const json_t *list = json_member(normalizer, "normalizers"), *value;

    if (!type)
        return;
    if (strcmp(type, "Lowercase") == 0)
        special->lowercase = 1;
    else if (strcmp(type, "NFC") == 0)
        special->nfc = 1;
    else if (strcmp(type, "StripAccents") == 0)
        special->strip_accents = 1;
    if (strcmp(type, "BertNormalizer") == 0) {
        value = json_object_get(normalizer, "lowercase");
        if (value)
            special->lowercase = bool_or_unset(value);
        value = json_object_get(normalizer, "strip_accents");
        if (value)
            special->strip_accents = bool_or_unset(value);
    }
    for (size_t i = 0; strcmp(type, "Sequence") == 0 && i < json_array_size(list); i++)
        take_normalizer(special, json_array_get(list, i)); /* no deeper than a JSON text */
}

static void set_if_number(struct hf_special *special, enum hf_special_kind kind, const json_t *id)
{
    uint64_t value;

    if (json_as_u64(id, &value) && value <= UINT32_MAX)
        hf_special_set(special, kind, (uint32_t)value);
}

/* The first added token of that text gives the number: the one that the file states. */
static void take_token(struct search *search, enum hf_special_kind kind)
{
    struct member_name name = member_name("add_", kind, "_token");
    const json_t *tokens = json_member(search->files->tokenizer, "added_tokens");
    const json_t *value = json_object_get(search->config, name.text), *token;

    if (json_is_boolean(value))
        set_default_flag(search->special, kind, json_is_true(value));
    value = json_member(search->config, name.text + strlen("add_"));
    if (json_is_object(value))
        value = json_member(value, "content");
    for (size_t i = 0; json_is_string(value) && i < json_array_size(tokens); i++) {
        token = json_array_get(tokens, i);
        if (same(json_member(token, "content"), value)) {
            set_if_number(search->special, kind, json_member(token, "id"));
            return;
        }
    }
}

static void take_config(struct hf_special *special, const json_t *config)
{
    struct member_name name;
    const json_t *id;

    for (unsigned i = 0; i < special->kind_count; i++) {
        name = member_name("", special->kinds[i], "_token_id");
        id = json_member(config, name.text);
        if (!id)
            id = json_member(json_member(config, "text_config"), name.text);
        set_if_number(special, special->kinds[i], id);
    }
}

static int find(const struct hf_special_files *files, struct hf_special *special,
                struct defect *defect)
{
    struct search search = {.files = files, .special = special};
    int r = 0;

    special->nfc = special->lowercase = special->strip_accents = -1;
    if (json_object_size(files->tokenizer_config) > 0) {
        search.config = json_clone(files->tokenizer_config);
        if (!search.config)
            return -ENOMEM;
    }
    if (files->tokenizer) {
        take_normalizer(special, json_member(files->tokenizer, "normalizer"));
        take_processors(&search);
    }
    if (search.config) {
        r = hf_template_find(files->directory, search.config, &special->chat_template, defect);
        for (unsigned i = 0; i < special->kind_count; i++)
            take_token(&search, special->kinds[i]);
    }
    take_config(special, files->config);
    json_decref(search.config);
    if (r == 0)
        r = search.error;
    if (r < 0)
        hf_special_free(special);
    return r;
}

int hf_special_find(const struct hf_special_files *files, uint64_t limit,
                    struct hf_special *special, struct defect *defect)
{
    *special = (struct hf_special){.limit = limit};
    for (; special->kind_count <= HF_MASK; special->kind_count++)
        special->kinds[special->kind_count] = (enum hf_special_kind)special->kind_count;
    return find(files, special, defect);
}

int hf_special_find_eot(const struct hf_special_files *files, struct hf_special *special,
                        struct defect *defect)
{
    *special = (struct hf_special){.limit = HF_NO_LIMIT, .kinds = {HF_EOT}, .kind_count = 1};
    return find(files, special, defect);
}

/* --- keys ----------------------------------------------------------------------------------------
 */

static void write_flags(const struct hf_special *special, struct hf_kv *kv)
{
    enum hf_special_kind kind;

    for (unsigned i = 0; i < special->flagged_count; i++) {
        kind = special->flagged[i];
        if (kind == HF_BOS)
            (void)hf_kv_bool(kv, "tokenizer.ggml.add_bos_token", special->flags[kind]);
        else if (kind == HF_EOS)
            (void)hf_kv_bool(kv, "tokenizer.ggml.add_eos_token", special->flags[kind]);
        else if (kind == HF_SEP)
            (void)hf_kv_bool(kv, "tokenizer.ggml.add_sep_token", special->flags[kind]);
    }
}

int hf_special_write(const struct hf_special *special, struct hf_kv *kv)
{
    enum hf_special_kind kind;
    int r;

    for (unsigned i = 0; i < special->found_count; i++) {
        kind = special->found[i];
        if (kind_names[kind].id_key)
            (void)hf_kv_u32(kv, kind_names[kind].id_key, special->ids[kind]);
    }
    write_flags(special, kv);
    r = hf_template_write(special->chat_template, kv);
    if (r < 0)
        return r;
    if (special->nfc >= 0)
        (void)hf_kv_bool(kv, "tokenizer.ggml.normalizer.nfc", special->nfc);
    if (special->lowercase >= 0)
        (void)hf_kv_bool(kv, "tokenizer.ggml.normalizer.lowercase", special->lowercase);
    if (special->strip_accents >= 0)
        (void)hf_kv_bool(kv, "tokenizer.ggml.normalizer.strip_accents", special->strip_accents);
    return hf_kv_error(kv);
}

void hf_special_free(struct hf_special *special)
{
    json_decref(special->chat_template);
    special->chat_template = NULL;
}
