/*
 * If this fails, the keys general.* of a model directory differ from those that the reference
 * converter writes: YAML is read otherwise than PyYAML does, or a hostile model card costs time.
 */
#include "quant/format/hf/general.h"

#include "directory.h"
#include "quant/format/hf/card.h"
#include "quant/format/json.h"

/* What comes of the directory's name. */
#define NAMED "general.name = Some Model 7B Chat\n"
#define PARTS "general.finetune = Chat\ngeneral.basename = Some-Model\ngeneral.size_label = 7B\n"

struct test_case {
    const char *what;
    const char *card;       /* the YAML of README.md, without its fences; NULL: there is none */
    const char *config;     /* config.json */
    const char *generation; /* generation_config.json */
    const char *keys;
};

static char *keys_of(const struct made *made, const char *config_text)
{
    static const struct hf_parameters parameters = {.total = 7000000000, .shared = 7000000000};
    struct defect defect = {0};
    char *text = strdup(config_text), *keys;
    struct hf_kv *kv = NULL;
    json_t *config;

    CHECK_EQ(json_parse("config.json", text, strlen(text), JSON_AS_PYTHON, &config, &defect), 0);
    CHECK_EQ(hf_kv_new(&kv), 0);
    CHECK_EQ(hf_general_write(&made->directory, config, &parameters, kv, &defect), 0);
    keys = show_keys(kv);
    hf_kv_free(kv);
    json_decref(config);
    free(text);
    return keys;
}

static void check_text(const char *what, const char *readme, size_t size, const char *config,
                       const char *generation, const char *expected)
{
    struct made made;
    char *keys;

    made_start(&made, "Some-Model-7B-Chat");
    if (readme)
        made_add(&made, "README.md", readme, size);
    if (generation)
        made_text(&made, "generation_config.json", generation);
    keys = keys_of(&made, config ? config : "{}");
    if (strcmp(keys, expected) != 0)
        fprintf(stderr, "%s:\n%s\nexpected:\n%s\n", what, keys, expected);
    CHECK(strcmp(keys, expected) == 0);
    free(keys);
    made_end(&made);
}

static void check_case(const struct test_case *c)
{
    char readme[4096];
    int size = 0;

    if (c->card)
        size =
            snprintf(readme, sizeof(readme), "---\n%s\n---\n# A model\nname: not this\n", c->card);
    CHECK(size < (int)sizeof(readme));
    check_text(c->what, c->card ? readme : NULL, (size_t)size, c->config, c->generation, c->keys);
}

static const struct test_case cases[] = {
    {.what = "the directory's name alone", .keys = NAMED PARTS},
    {.what = "_name_or_path first",
     .config = "{\"_name_or_path\":\"some-org/other-3b\"}",
     .keys = "general.name = Other 3b\ngeneral.organization = Some Org\ngeneral.finetune = Chat\n"
             "general.basename = other\ngeneral.size_label = 3B\n"},
    {.what = "_name_or_path with an empty organization",
     .config = "{\"_name_or_path\":\"/other-3b\"}",
     .keys = "general.name = Other 3b\ngeneral.finetune = Chat\n"
             "general.basename = other\ngeneral.size_label = 3B\n"},
    {.what = "_name_or_path that is a place on a disk",
     .config = "{\"_name_or_path\":\"/data/other-3b\"}",
     .keys = NAMED PARTS},
    {.what = "members by all their names",
     .card =
         "model_name: N\nname: First\nmodel_creator: C\nversion: \"1.0\"\nmodel_organization: O\n"
         "description: D\nmodel_finetune: F\nmodel_type: T\nsize_label: S\nurl: U\n"
         "model_doi: I\nuuid: V\nrepo_url: R\nlicense: [mit, other]\nlicense_name: L\n"
         "license_link: K",
     .keys = "general.name = First\ngeneral.author = C\ngeneral.version = 1.0\n"
             "general.organization = O\ngeneral.finetune = F\ngeneral.basename = T\n"
             "general.description = D\ngeneral.size_label = S\ngeneral.license = mit,other\n"
             "general.license.name = L\ngeneral.license.link = K\ngeneral.source.url = U\n"
             "general.source.doi = I\ngeneral.source.uuid = V\ngeneral.source.repo_url = R\n"},
    {.what = "a value that is false hides the name's, null does not",
     .card = "finetune: no\nbasename: \"\"\nsize_label: 0.0\nname: ~\nauthor:\nversion: false",
     .keys = NAMED},
    {.what = "numbers and dates as they are written", /* the converter stops */
     .card = "version: 1.0\nauthor: 2024-01-01\nlicense: yes",
     .keys = NAMED "general.author = 2024-01-01\ngeneral.version = 1.0\n" PARTS
                   "general.license = yes\n"},
    {.what = "base models and data sets",
     .card = "base_model:\n- meta-llama/Llama-3.2-1B\n- https://huggingface.co/org/thing-v2\n"
             "- https://example.org/a/b\n- {name: N, url: U, other: 1, uuid: null}\n- 7\n"
             "- A human name\ndatasets: org/data",
     .keys = NAMED PARTS
     "general.base_model.count = 6\n"
     "general.base_model.0.name = Llama 3.2 1B\n"
     "general.base_model.0.organization = Meta Llama\n"
     "general.base_model.0.repo_url = https://huggingface.co/meta-llama/Llama-3.2-1B\n"
     "general.base_model.1.name = Thing v2\n"
     "general.base_model.1.version = v2\n"
     "general.base_model.1.organization = Org\n"
     "general.base_model.1.repo_url = https://huggingface.co/org/thing-v2\n"
     "general.base_model.2.repo_url = https://example.org/a/b\n"
     "general.base_model.3.name = N\n"
     "general.base_model.3.url = U\n"
     "general.base_model.5.name = A Human Name\n"
     "general.dataset.count = 1\n"
     "general.dataset.0.name = Data\n"
     "general.dataset.0.organization = Org\n"
     "general.dataset.0.repo_url = https://huggingface.co/org/data\n"},
    {.what = "lists that are empty or null have a count",
     .card = "base_model:\nbase_models: a/b\ndataset: []",
     .keys = NAMED PARTS "general.base_model.count = 0\ngeneral.dataset.count = 0\n"},
    {.what = "tags and languages",
     .card = "tags: [a, b]\npipeline_tag: c\nlanguage:\n- en\n- no\n- de\nlanguages: sv",
     .keys = NAMED PARTS "general.tags = [a|b|c]\ngeneral.languages = [sv|en|no|de]\n"},
    {.what = "a language that is a boolean", .card = "language: no", .keys = NAMED PARTS},
    {.what = "tabs, quotes, and a member twice",
     .card = "license:\t'a''b'\nlicense_name: \"x\\ty\"\nlicense_name: z",
     .keys = NAMED PARTS "general.license = a'b\ngeneral.license.name = z\n"},
    {.what = "a card that is no map", .card = "- name\n- x", .keys = NAMED PARTS},
    {.what = "two documents", .card = "name: x\n...\nname: y", .keys = NAMED PARTS},
    {.what = "broken YAML", .card = "name: [x", .keys = NAMED PARTS},
    {.what = "a directive", .card = "%YAML 1.1\nname: x", .keys = NAMED PARTS},
    {.what = "sampling",
     .generation = "{\"top_k\":20,\"top_p\":0.5,\"temperature\":1,\"repetition_penalty\":1.25,"
                   "\"min_p\":null,\"sequence\":\"\",\"mirostat\":2.5,\"mirostat_tau\":2.5,"
                   "\"penalty_last_n\":-1,\"eos_token_id\":[1,2]}",
     .keys = "general.sampling.top_k = 20\ngeneral.sampling.top_p = 0.5\n"
             "general.sampling.temp = 1\ngeneral.sampling.penalty_last_n = -1\n"
             "general.sampling.penalty_repeat = 1.25\ngeneral.sampling.mirostat_tau = 2.5\n" NAMED
                 PARTS},
    {.what = "sampling: the first name counts, even if it is null",
     .generation = "{\"penalty_repeat\":null,\"repetition_penalty\":1.25}",
     .keys = NAMED PARTS},
    {.what = "generation_config.json that is no JSON", .generation = "{", .keys = NAMED PARTS},
};

/* Files as they are, without fences of ours. */
static void check_readmes(void)
{
    static const struct {
        const char *text, *keys;
    } readmes[] = {
        {"", NAMED PARTS},
        {"# A model\n---\nlicense: x\n---\n", NAMED PARTS},
        {"--- \nlicense: x\n---\n", NAMED PARTS},
        {"---\r\nlicense: x\r\n---\r\n", NAMED PARTS "general.license = x\n"},
        {"---\rlicense: x\r---", NAMED PARTS "general.license = x\n"},
        {"---\xe2\x80\xa8license: x", NAMED PARTS "general.license = x\n"},
        {"---\nlicense: x", NAMED PARTS "general.license = x\n"},
        {"---\nlicense: \xff\n---\n", NAMED PARTS},
        {"---\n---\n", NAMED PARTS},
    };

    for (size_t i = 0; i < sizeof(readmes) / sizeof(readmes[0]); i++)
        check_text(readmes[i].text, readmes[i].text, strlen(readmes[i].text), NULL, NULL,
                   readmes[i].keys);
}

/* --- scalars -------------------------------------------------------------------------------------
 */

static void check_kind(const char *scalar, enum hf_card_kind kind)
{
    struct defect defect;
    struct hf_card *card;
    struct made made;
    char readme[256];
    int root;

    made_start(&made, "model");
    (void)snprintf(readme, sizeof(readme), "---\na: %s\n---\n", scalar);
    made_text(&made, "README.md", readme);
    CHECK_EQ(hf_card_read(&made.directory, &card, &defect), 0);
    root = hf_card_root(card);
    if (root == 0)
        fprintf(stderr, "%s\n", scalar);
    CHECK(root != 0);
    if (hf_card_kind(card, hf_card_member(card, root, "a")) != kind)
        fprintf(stderr, "%s\n", scalar);
    CHECK_EQ(hf_card_kind(card, hf_card_member(card, root, "a")), kind);
    hf_card_free(card);
    made_end(&made);
}

/* By PyYAML's resolver of YAML 1.1. */
static void check_scalars(void)
{
    static const char *const texts[] = {
        "x",           "1.0.0",       "v1",    "1e3",   "1.0e3", "08",      "0x",       "0b",
        "1:60",        "nope",        "yesNo", "nO",    "'no'",  "\"1.0\"", "+",        ".",
        "..",          "-.5",         "1_x",   ".inf1", "+.nan", "1.5e+",   "2024-1-1", "24-01-01",
        "2024-01-01T", "2024-01-01x", "~x",    "1 2",   "0o17",  "1:2:x",
    };
    static const char *const others[] = {
        "true",
        "Yes",
        "ON",
        "1",
        "+12",
        "-1_000",
        "017",
        "0x1F",
        "0b10",
        "190:20:30",
        "1.5",
        "1.",
        ".5",
        "1.5e+3",
        "-1.5E-3",
        "1:20.5",
        ".inf",
        "-.Inf",
        ".NaN",
        "2024-01-01",
        "2024-1-2 10:20:30",
        "2024-01-01T1:00:00Z",
    };
    static const char *const falses[] = {"no",  "False", "OFF", "0",   "-0", "00",
                                         "0x0", "0b0",   "0.0", "0_0", ".0", "0.0e+5"};
    static const char *const nulls[] = {"", "~", "null", "Null", "NULL"};

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        check_kind(texts[i], HF_CARD_TEXT);
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        check_kind(others[i], HF_CARD_OTHER);
    for (size_t i = 0; i < sizeof(falses) / sizeof(falses[0]); i++)
        check_kind(falses[i], HF_CARD_FALSE);
    for (size_t i = 0; i < sizeof(nulls) / sizeof(nulls[0]); i++)
        check_kind(nulls[i], HF_CARD_NULL);
    check_kind("[1]", HF_CARD_LIST);
    check_kind("{b: 1}", HF_CARD_MAP);
}

/* --- hostile cards -------------------------------------------------------------------------------
 */

/* `part` again and again, behind a first fence: a card that is none, soon found to be so. */
static void check_hostile(const char *part)
{
    size_t size = (size_t)3 << 20, length = strlen(part);
    char *text = malloc(size);

    CHECK(text);
    memcpy(text, "---\n", 4);
    for (size_t i = 4; i < size; i++)
        text[i] = part[(i - 4) % length];
    check_text(part, text, size, NULL, NULL, NAMED PARTS);
    free(text);
}

int main(void)
{
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        check_case(&cases[i]);
    check_readmes();
    check_scalars();
    check_hostile("[");
    check_hostile("{a: ");
    check_hostile("- &a b\n");
    check_hostile("%TAG !a! b\n");
    check_hostile("- ");
    check_hostile("\"");
    return 0;
}
