#include "quant/format/hf/general.h"

#include <errno.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "quant/format/hf/card.h"
#include "quant/format/json.h"

/* Values in the order in which they are written. */
enum value {
    NAME,
    AUTHOR,
    VERSION,
    ORGANIZATION,
    FINETUNE,
    BASENAME,
    DESCRIPTION,
    SIZE_LABEL,
    LICENSE,
    LICENSE_NAME,
    LICENSE_LINK,
    SOURCE_URL,
    SOURCE_DOI,
    SOURCE_UUID,
    SOURCE_REPO_URL,
    VALUE_COUNT,
};

static const char *const value_keys[VALUE_COUNT] = {
    [NAME] = "general.name",
    [AUTHOR] = "general.author",
    [VERSION] = "general.version",
    [ORGANIZATION] = "general.organization",
    [FINETUNE] = "general.finetune",
    [BASENAME] = "general.basename",
    [DESCRIPTION] = "general.description",
    [SIZE_LABEL] = "general.size_label",
    [LICENSE] = "general.license",
    [LICENSE_NAME] = "general.license.name",
    [LICENSE_LINK] = "general.license.link",
    [SOURCE_URL] = "general.source.url",
    [SOURCE_DOI] = "general.source.doi",
    [SOURCE_UUID] = "general.source.uuid",
    [SOURCE_REPO_URL] = "general.source.repo_url",
};

struct general {
    const struct hf_directory *directory;
    const struct hf_parameters *parameters;
    struct hf_kv *kv;
    struct hf_card *card;
    struct hf_arena arena;
    bool has[VALUE_COUNT];
    struct hf_text values[VALUE_COUNT];
};

static int write_text(struct hf_kv *kv, const char *key, const struct hf_text *text)
{
    return hf_kv_string(kv, key, text->text, text->size);
}

/* --- generation_config.json ----------------------------------------------------------------------
 */

enum sampling {
    SAMPLING_TEXT,
    SAMPLING_INTEGER,
    SAMPLING_REAL,
};

static void write_sampling(struct hf_kv *kv, const char *key, enum sampling type,
                           const json_t *value)
{
    double number;

    if (type == SAMPLING_TEXT && json_is_string(value))
        (void)hf_kv_string(kv, key, json_string_value(value), json_string_length(value));
    else if (type == SAMPLING_INTEGER && json_is_integer(value) &&
             json_integer_value(value) == (int32_t)json_integer_value(value))
        (void)hf_kv_i32(kv, key, (int32_t)json_integer_value(value));
    else if (type == SAMPLING_REAL && json_as_double(value, &number) && fabs(number) <= FLT_MAX)
        (void)hf_kv_f32(kv, key, (float)number);
}

static void write_samplings(struct hf_kv *kv, const json_t *config)
{
    static const struct {
        const char *key, *member, *other; /* other: where `member` is absent */
        enum sampling type;
    } values[] = {
        {"general.sampling.sequence", "sequence", NULL, SAMPLING_TEXT},
        {"general.sampling.top_k", "top_k", NULL, SAMPLING_INTEGER},
        {"general.sampling.top_p", "top_p", NULL, SAMPLING_REAL},
        {"general.sampling.min_p", "min_p", NULL, SAMPLING_REAL},
        {"general.sampling.xtc_probability", "xtc_probability", NULL, SAMPLING_REAL},
        {"general.sampling.xtc_threshold", "xtc_threshold", NULL, SAMPLING_REAL},
        {"general.sampling.temp", "temperature", NULL, SAMPLING_REAL},
        {"general.sampling.penalty_last_n", "penalty_last_n", NULL, SAMPLING_INTEGER},
        {"general.sampling.penalty_repeat", "penalty_repeat", "repetition_penalty", SAMPLING_REAL},
        {"general.sampling.mirostat", "mirostat", NULL, SAMPLING_INTEGER},
        {"general.sampling.mirostat_tau", "mirostat_tau", NULL, SAMPLING_REAL},
        {"general.sampling.mirostat_eta", "mirostat_eta", NULL, SAMPLING_REAL},
    };
    const json_t *value;

    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        value = json_object_get(config, values[i].member);
        if (!value && values[i].other)
            value = json_object_get(config, values[i].other);
        write_sampling(kv, values[i].key, values[i].type, value);
    }
}

/* A file that is no JSON counts as none, as with the converter. */
static int write_generation(struct general *general, struct defect *defect)
{
    static const char name[] = "generation_config.json";
    char *text;
    size_t size;
    json_t *json = NULL;
    int r = hf_read_text(general->directory, name, (size_t)1 << 20, &text, &size, defect);

    if (r == -ENOENT || r == -EFBIG)
        return 0;
    if (r < 0)
        return r;
    r = json_parse(name, text, size, JSON_AS_PYTHON, &json, defect);
    free(text);
    if (r == 0)
        write_samplings(general->kv, json);
    json_decref(json);
    return r == -EINVAL ? 0 : r;
}

/* --- values of the card --------------------------------------------------------------------------
 */

/* A license may be a list, which is joined by commas. */
static int join_list(struct general *general, int list, struct hf_text *text)
{
    size_t count = hf_card_count(general->card, list), size = 0;
    struct hf_text item;
    char *out;

    for (size_t i = 0; i < count; i++)
        size += hf_card_text(general->card, hf_card_element(general->card, list, i)).size + 1;
    out = hf_arena_take(&general->arena, size);
    if (!out)
        return -ENOMEM;
    *text = (struct hf_text){out, size > 0 ? size - 1 : 0};
    for (size_t i = 0; i < count; i++) {
        item = hf_card_text(general->card, hf_card_element(general->card, list, i));
        memcpy(out, item.text, item.size);
        out += item.size;
        *out++ = ',';
    }
    return 0;
}

/* Takes the card's member for a value that has none yet. What is false, or no scalar, is empty. */
static int take_member(struct general *general, enum value value, const char *name)
{
    int root = hf_card_root(general->card);
    int member = hf_card_member(general->card, root, name);
    enum hf_card_kind kind = hf_card_kind(general->card, member);

    if (general->has[value] || kind == HF_CARD_NONE || kind == HF_CARD_NULL)
        return 0;
    general->has[value] = true;
    general->values[value] = (struct hf_text){"", 0};
    if (kind == HF_CARD_TEXT || kind == HF_CARD_OTHER)
        general->values[value] = hf_card_text(general->card, member);
    else if (kind == HF_CARD_LIST && value == LICENSE)
        return join_list(general, member, &general->values[value]);
    return 0;
}

/* Names of members, in the order in which they are looked at. */
static int take_members(struct general *general)
{
    static const struct {
        enum value value;
        const char *name;
    } members[] = {
        {NAME, "name"},
        {AUTHOR, "author"},
        {VERSION, "version"},
        {ORGANIZATION, "organization"},
        {DESCRIPTION, "description"},
        {FINETUNE, "finetune"},
        {BASENAME, "basename"},
        {SIZE_LABEL, "size_label"},
        {SOURCE_URL, "url"},
        {SOURCE_DOI, "doi"},
        {SOURCE_UUID, "uuid"},
        {SOURCE_REPO_URL, "repo_url"},
        {NAME, "model_name"},
        {AUTHOR, "model_author"},
        {VERSION, "model_version"},
        {ORGANIZATION, "model_organization"},
        {DESCRIPTION, "model_description"},
        {FINETUNE, "model_finetune"},
        {BASENAME, "model_basename"},
        {SIZE_LABEL, "model_size_label"},
        {SOURCE_URL, "model_url"},
        {SOURCE_DOI, "model_doi"},
        {SOURCE_UUID, "model_uuid"},
        {SOURCE_REPO_URL, "model_repo_url"},
        {AUTHOR, "model_creator"},
        {BASENAME, "model_type"},
        {LICENSE, "license"},
        {LICENSE_NAME, "license_name"},
        {LICENSE_LINK, "license_link"},
    };
    int r = 0;

    for (size_t i = 0; r == 0 && i < sizeof(members) / sizeof(members[0]); i++)
        r = take_member(general, members[i].value, members[i].name);
    return r;
}

/* --- values of names -----------------------------------------------------------------------------
 */

static void take_value(struct general *general, enum value value, const struct hf_text *text)
{
    if (general->has[value] || !text->text)
        return;
    general->has[value] = true;
    general->values[value] = *text;
}

static int take_title(struct general *general, enum value value, const struct hf_text *text)
{
    struct hf_text title;
    int r;

    if (general->has[value] || !text->text)
        return 0;
    r = hf_name_title(&general->arena, text, &title);
    if (r == 0)
        take_value(general, value, &title);
    return r;
}

static int take_name(struct general *general, const struct hf_text *id)
{
    struct hf_name name;
    int r = hf_name_read(&general->arena, id, general->parameters->total, &name);

    if (r == 0)
        r = take_title(general, NAME, &name.name);
    if (r == 0)
        r = take_title(general, ORGANIZATION, &name.organization);
    take_value(general, BASENAME, &name.basename);
    take_value(general, FINETUNE, &name.finetune);
    take_value(general, VERSION, &name.version);
    take_value(general, SIZE_LABEL, &name.size_label);
    return r;
}

/* _name_or_path may be a place on somebody's disk, which says nothing. */
static int take_config(struct general *general, const json_t *config)
{
    struct hf_text id;
    size_t slashes = 0;

    if (!json_as_text(json_member(config, "_name_or_path"), &id.text, &id.size))
        return 0;
    for (size_t i = 0; i < id.size; i++)
        slashes += id.text[i] == '/';
    return slashes <= 1 ? take_name(general, &id) : 0;
}

static int take_directory(struct general *general)
{
    struct hf_text id = {general->directory->name, strlen(general->directory->name)};

    return take_name(general, &id);
}

static void write_values(struct general *general)
{
    struct hf_size_label label = hf_size_label(general->parameters);
    struct hf_text text = {label.text, strlen(label.text)};

    if (general->parameters->total > 0)
        take_value(general, SIZE_LABEL, &text);
    for (int i = 0; i < VALUE_COUNT; i++)
        if (general->has[i])
            (void)write_text(general->kv, value_keys[i], &general->values[i]);
}

/* --- base models and data sets -------------------------------------------------------------------
 */

/* A key of the i-th of them. */
struct key {
    char text[80];
};

static struct key key_of(const char *what, size_t i, const char *member)
{
    struct key key;

    (void)snprintf(key.text, sizeof(key.text), "general.%s.%zu.%s", what, i, member);
    return key;
}

static int write_member(struct general *general, const char *what, size_t i, const char *member,
                        const struct hf_text *text)
{
    struct key key = key_of(what, i, member);

    return write_text(general->kv, key.text, text);
}

static bool begins(const struct hf_text *text, const char *start)
{
    return text->size >= strlen(start) && memcmp(text->text, start, strlen(start)) == 0;
}

/* "https://huggingface.co/a/b": "a/b", where a and b have no '/'; false: another address. */
static bool hub_id(const struct hf_text *url, struct hf_text *id)
{
    static const char host[] = "huggingface.co/";
    size_t start = begins(url, "https://") ? 8 : begins(url, "http://") ? 7 : 0;
    const char *slash;

    *id = (struct hf_text){url->text + start, url->size - start};
    if (start == 0 || !begins(id, host))
        return false;
    id->text += sizeof(host) - 1;
    id->size -= sizeof(host) - 1;
    if (id->size > 0 && id->text[id->size - 1] == '\n')
        id->size--;
    slash = memchr(id->text, '/', id->size);
    return slash && slash > id->text && slash + 1 < id->text + id->size &&
           !memchr(slash + 1, '/', (size_t)(id->text + id->size - slash - 1));
}

/* What an id of the Hub says; `url`: the address to be written, NULL: made of the id. */
static int write_id(struct general *general, const char *what, size_t i, const struct hf_text *id,
                    const struct hf_text *url)
{
    struct hf_text title, made;
    struct hf_name name;
    int r = hf_name_read(&general->arena, id, general->parameters->total, &name);

    if (r == 0)
        r = hf_name_title(&general->arena, &name.name, &title);
    if (r < 0)
        return r;
    (void)write_member(general, what, i, "name", &title);
    if (name.version.text)
        (void)write_member(general, what, i, "version", &name.version);
    if (name.organization.text) {
        r = hf_name_title(&general->arena, &name.organization, &title);
        if (r < 0)
            return r;
        (void)write_member(general, what, i, "organization", &title);
    }
    if (!url && name.organization.text) {
        made.text = hf_arena_print(&general->arena, &made.size, "https://huggingface.co/%.*s/%.*s",
                                   (int)name.organization.size, name.organization.text,
                                   (int)name.name.size, name.name.text);
        if (!made.text)
            return -ENOMEM;
        url = &made;
    }
    return url ? write_member(general, what, i, "repo_url", url) : 0;
}

/* A map is taken as it is. */
static void write_map(struct general *general, const char *what, size_t i, int map)
{
    static const char *const members[] = {"name",         "author",      "version",
                                          "organization", "description", "url",
                                          "doi",          "uuid",        "repo_url"};
    enum hf_card_kind kind;
    struct hf_text text;
    int member;

    for (size_t j = 0; j < sizeof(members) / sizeof(members[0]); j++) {
        member = hf_card_member(general->card, map, members[j]);
        kind = hf_card_kind(general->card, member);
        if (kind != HF_CARD_TEXT && kind != HF_CARD_OTHER)
            continue;
        text = hf_card_text(general->card, member);
        (void)write_member(general, what, i, members[j], &text);
    }
}

static int write_entry(struct general *general, const char *what, size_t i, int entry)
{
    enum hf_card_kind kind = hf_card_kind(general->card, entry);
    struct hf_text text = hf_card_text(general->card, entry), id;

    if (kind == HF_CARD_MAP)
        write_map(general, what, i, entry);
    if (kind != HF_CARD_TEXT)
        return 0;
    if (!begins(&text, "http://") && !begins(&text, "https://") && !begins(&text, "ssh://"))
        return write_id(general, what, i, &text, NULL);
    if (hub_id(&text, &id))
        return write_id(general, what, i, &id, &text);
    return write_member(general, what, i, "repo_url", &text);
}

/* The first member of three that is there counts, even if it is null. */
static int write_entries(struct general *general, const char *what, const char *const names[3])
{
    int root = hf_card_root(general->card), value = 0;
    size_t count = 0;
    struct key key;
    int r = 0;

    for (size_t i = 0; i < 3 && value == 0; i++)
        value = hf_card_member(general->card, root, names[i]);
    if (value == 0)
        return 0;
    if (hf_card_kind(general->card, value) == HF_CARD_LIST)
        count = hf_card_count(general->card, value);
    else if (hf_card_kind(general->card, value) == HF_CARD_TEXT)
        count = 1;
    (void)snprintf(key.text, sizeof(key.text), "general.%s.count", what);
    (void)hf_kv_u32(general->kv, key.text, (uint32_t)count);
    if (hf_card_kind(general->card, value) == HF_CARD_TEXT)
        return write_entry(general, what, 0, value);
    for (size_t i = 0; r == 0 && i < count; i++)
        r = write_entry(general, what, i, hf_card_element(general->card, value, i));
    return r < 0 ? r : hf_kv_error(general->kv);
}

/* --- lists of texts ------------------------------------------------------------------------------
 */

/* Adds a text, or the texts of a list; other values are passed over. */
static void add_texts(const struct general *general, const char *name, struct hf_text *texts,
                      size_t *count)
{
    const struct hf_card *card = general->card;
    int value = hf_card_member(card, hf_card_root(card), name);

    if (hf_card_kind(card, value) == HF_CARD_TEXT)
        texts[(*count)++] = hf_card_text(card, value);
    for (size_t i = 0; i < hf_card_count(card, value); i++)
        texts[(*count)++] = hf_card_text(card, hf_card_element(card, value, i));
}

static int write_texts(struct general *general, const char *key, const char *first,
                       const char *second)
{
    const struct hf_card *card = general->card;
    int root = hf_card_root(card);
    size_t count = 0, room = 2 + hf_card_count(card, hf_card_member(card, root, first)) +
                             hf_card_count(card, hf_card_member(card, root, second));
    struct hf_text *texts = calloc(room, sizeof(*texts));

    if (!texts)
        return -ENOMEM;
    add_texts(general, first, texts, &count);
    add_texts(general, second, texts, &count);
    (void)hf_kv_strings(general->kv, key, texts, count);
    free(texts);
    return hf_kv_error(general->kv);
}

/* --- all -----------------------------------------------------------------------------------------
 */

static int write_lists(struct general *general)
{
    static const char *const base[3] = {"base_model", "base_models", "base_model_sources"};
    static const char *const data[3] = {"datasets", "dataset", "dataset_sources"};
    int r = write_entries(general, "base_model", base);

    if (r == 0)
        r = write_entries(general, "dataset", data);
    if (r == 0)
        r = write_texts(general, "general.tags", "tags", "pipeline_tag");
    return r < 0 ? r : write_texts(general, "general.languages", "languages", "language");
}

int hf_general_write(const struct hf_directory *directory, const json_t *config,
                     const struct hf_parameters *parameters, struct hf_kv *kv,
                     struct defect *defect)
{
    struct general general = {.directory = directory, .parameters = parameters, .kv = kv};
    int r = hf_card_read(directory, &general.card, defect);

    if (r < 0)
        return r;
    r = write_generation(&general, defect);
    if (r == 0)
        r = take_members(&general);
    if (r == 0)
        r = take_config(&general, config);
    if (r == 0)
        r = take_directory(&general);
    if (r == 0) {
        write_values(&general);
        r = write_lists(&general);
    }
    hf_arena_free(&general.arena);
    hf_card_free(general.card);
    return r;
}
