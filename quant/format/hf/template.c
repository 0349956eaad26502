#include "quant/format/hf/template.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "quant/format/hf/bytes.h"
#include "quant/format/hf/vocab.h"
#include "quant/format/json.h"

#define JINJA_FILE "chat_template.jinja"
#define JSON_FILE "chat_template.json"
#define MORE_FOLDER "additional_chat_templates/"
#define KEY "tokenizer.chat_template"
#define TEMPLATES_MAX 64

/* --- finding -------------------------------------------------------------------------------------
 */

/* "\r\n" and "\r" become "\n", as Python reads a text. */
static size_t plain_lines(char *text, size_t size)
{
    char *out = text;

    for (size_t i = 0; i < size; i++) {
        if (text[i] != '\r')
            *out++ = text[i];
        else if (i + 1 == size || text[i + 1] != '\n')
            *out++ = '\n';
    }
    return (size_t)(out - text);
}

int hf_template_jinja(const struct hf_directory *directory, const char *name, json_t **text,
                      struct defect *defect)
{
    char *bytes;
    size_t size;
    int r = hf_read_text(directory, name, HF_JSON_MAX, &bytes, &size, defect);

    *text = NULL;
    if (r < 0)
        return r;
    size = plain_lines(bytes, size);
    if (hf_is_utf8(bytes, size)) {
        *text = json_stringn_nocheck(bytes, size);
        r = *text ? 0 : -ENOMEM;
    } else {
        r = hf_blame(directory, name, defect, EINVAL, DEFECT_NOWHERE, "no UTF-8");
    }
    free(bytes);
    return r;
}

static int add_named(json_t *list, const char *name, size_t size, json_t *text)
{
    json_t *entry = json_object();

    if (!entry || json_object_set_new(entry, "name", json_stringn(name, size)) < 0 ||
        json_object_set(entry, "template", text) < 0 || json_array_append(list, entry) < 0) {
        json_decref(entry);
        return -ENOMEM;
    }
    json_decref(entry);
    return 0;
}

/* The names that stand in a folder beside chat_template.jinja. */
static int find_more(const struct hf_directory *directory, json_t **chat_template,
                     struct defect *defect)
{
    static const char end[] = ".jinja";
    json_t *list = NULL, *text;
    const char *name;
    size_t size;
    int r = 0;

    for (size_t i = 0; r == 0 && i < directory->count; i++) {
        name = directory->files[i].name;
        size = strlen(name);
        if (strncmp(name, MORE_FOLDER, sizeof(MORE_FOLDER) - 1) != 0 ||
            size < sizeof(MORE_FOLDER) + sizeof(end) - 2 ||
            strcmp(name + size - (sizeof(end) - 1), end) != 0)
            continue;
        if (!list) {
            list = json_array();
            r = list ? add_named(list, "default", strlen("default"), *chat_template) : -ENOMEM;
        }
        text = NULL;
        if (r == 0)
            r = hf_template_jinja(directory, name, &text, defect);
        if (r == 0)
            r = add_named(list, name + sizeof(MORE_FOLDER) - 1,
                          size - (sizeof(MORE_FOLDER) - 1) - (sizeof(end) - 1), text);
        json_decref(text);
    }
    if (list) {
        json_decref(*chat_template);
        *chat_template = list;
    }
    return r;
}

static int find_json(const struct hf_directory *directory, json_t **chat_template,
                     struct defect *defect)
{
    char *text;
    size_t size;
    json_t *json;
    int r = hf_read_text(directory, JSON_FILE, HF_JSON_MAX, &text, &size, defect);

    if (r < 0)
        return r;
    r = json_parse(JSON_FILE, text, size, JSON_AS_PYTHON, &json, defect);
    free(text);
    if (r < 0)
        return r;
    *chat_template = json_incref(json_member(json, "chat_template"));
    json_decref(json);
    return 0;
}

int hf_template_find(const struct hf_directory *directory, const json_t *tokenizer_config,
                     json_t **chat_template, struct defect *defect)
{
    json_t *own = json_object_get(tokenizer_config, "chat_template");
    int r = 0;

    *chat_template = NULL;
    if (own) {
        *chat_template = json_incref(own);
    } else if (hf_find(directory, JINJA_FILE)) {
        r = hf_template_jinja(directory, JINJA_FILE, chat_template, defect);
        if (r == 0)
            r = find_more(directory, chat_template, defect);
    } else if (hf_find(directory, JSON_FILE)) {
        r = find_json(directory, chat_template, defect);
    }
    if (r == 0 && json_array_size(*chat_template) > TEMPLATES_MAX)
        r = hf_blame(directory, "tokenizer_config.json", defect, EINVAL, DEFECT_NOWHERE,
                     "%zu chat templates, more than %d", json_array_size(*chat_template),
                     TEMPLATES_MAX);
    if (r < 0 || (!json_is_string(*chat_template) && !json_is_array(*chat_template))) {
        json_decref(*chat_template);
        *chat_template = NULL;
    }
    return r;
}

/* --- keys ----------------------------------------------------------------------------------------
 */

/* A name as it stands in a key: what is no letter or digit of ASCII becomes '_', by character. */
static char *clean_name(const json_t *choice)
{
    const char *name = json_string_value(json_member(choice, "name"));
    char *clean = strdup(name ? name : ""), *out = clean;

    for (const char *at = clean; clean && *at; at++) {
        if (isalnum((unsigned char)*at) && (unsigned char)*at < 0x80)
            *out++ = *at;
        else if (((unsigned char)*at & 0xc0) != 0x80)
            *out++ = '_';
    }
    if (clean)
        *out = 0;
    return clean;
}

/* Adds a text unless it is there. */
static int note_name(struct hf_text *names, size_t *count, const char *name)
{
    char *copy;

    for (size_t i = 0; i < *count; i++)
        if (strcmp(names[i].text, name) == 0)
            return 0;
    copy = strdup(name);
    if (!copy)
        return -ENOMEM;
    names[(*count)++] = (struct hf_text){copy, strlen(copy)};
    return 0;
}

static int write_choice(const json_t *choice, struct hf_kv *kv, struct hf_text *names,
                        size_t *count, const json_t **standard)
{
    const json_t *text = json_member(choice, "template");
    char *name = clean_name(choice), *key = NULL;
    int r = name ? 0 : -ENOMEM;

    if (r == 0 && name[0] && json_is_string(text)) {
        if (strcmp(name, "default") == 0) {
            *standard = text;
        } else if (asprintf(&key, KEY ".%s", name) < 0) {
            r = -ENOMEM;
        } else {
            r = note_name(names, count, name);
            (void)hf_kv_string(kv, key, json_string_value(text), json_string_length(text));
            free(key);
        }
    }
    free(name);
    return r;
}

static int write_choices(const json_t *list, struct hf_kv *kv, const json_t **standard)
{
    struct hf_text *names = calloc(json_array_size(list) + 1, sizeof(*names));
    size_t count = 0;
    int r = names ? 0 : -ENOMEM;

    for (size_t i = 0; r == 0 && i < json_array_size(list); i++)
        r = write_choice(json_array_get(list, i), kv, names, &count, standard);
    if (r == 0 && count > 0)
        (void)hf_kv_strings(kv, KEY "s", names, count);
    for (size_t i = 0; i < count; i++)
        free((char *)(uintptr_t)names[i].text);
    free(names);
    return r;
}

int hf_template_write(const json_t *chat_template, struct hf_kv *kv)
{
    const json_t *text = chat_template;
    int r = 0;

    if (json_is_array(chat_template)) {
        text = NULL;
        r = write_choices(chat_template, kv, &text);
    }
    if (r == 0 && json_is_string(text))
        (void)hf_kv_string(kv, KEY, json_string_value(text), json_string_length(text));
    return r < 0 ? r : hf_kv_error(kv);
}
