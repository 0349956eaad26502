#include "fs/cmd_rules.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fs/log.h"

/* The tool says on standard output what is wrong, with an empty line before and behind. */
static int wrong(const char *format, const char *text, size_t length)
{
    char part[512], shown[2048];

    (void)snprintf(part, sizeof(part), "%.*s", (int)(length < INT_MAX ? length : INT_MAX), text);
    log_escape(part, shown, sizeof(shown));
    (void)printf(format, shown);
    return -EINVAL;
}

/* ---- types ---- */

static int parse_tensor_type(struct rules *rules, const char *text)
{
    const char *equals = strchr(text, '=');
    enum type type;

    if (!equals)
        return wrong("\nparse_tensor_type: malformed tensor type '%s'\n\n", text, strlen(text));
    if (equals == text)
        return wrong("\nparse_tensor_type: missing tensor name\n\n%s", "", 0);
    if (equals[1] == '\0')
        return wrong("\nparse_tensor_type: missing quantization type\n\n%s", "", 0);
    type = type_find(equals + 1, strlen(equals + 1));
    if (type == TYPE_NONE) {
        char shown[2048];

        log_escape(equals + 1, shown, sizeof(shown));
        (void)fprintf(stderr, "\nparse_ggml_type: invalid ggml_type '%s'\n\n", shown);
        return wrong("\nparse_tensor_type: invalid quantization type '%s'\n\n", equals + 1,
                     strlen(equals + 1));
    }
    return rules_add_pattern(rules, text, (size_t)(equals - text), type);
}

/* Words between white space; of one with a zero byte in it the tool sees what stands before. */
static int parse_words(struct rules *rules, char *line, size_t size)
{
    static const char space[] = " \t\n\v\f\r";
    char *word = line;
    int r = 0;

    for (char *c = line; c < line + size && r == 0; c++) {
        if (!memchr(space, *c, sizeof(space) - 1))
            continue;
        *c = '\0';
        if (c > word)
            r = parse_tensor_type(rules, word);
        word = c + 1;
    }
    return r == 0 && word < line + size ? parse_tensor_type(rules, word) : r;
}

static int parse_tensor_type_file(struct rules *rules, const char *path)
{
    FILE *file = fopen(path, "re");
    char *line = NULL, shown[2048], reason[2300];
    ssize_t size;
    size_t room = 0;
    int r = 0;

    if (!file) {
        log_escape(path, shown, sizeof(shown));
        (void)snprintf(reason, sizeof(reason), "%s': %s", shown, strerror(errno));
        (void)printf("\nparse_tensor_type_file: failed to open file '%s\n\n", reason);
        return -EINVAL;
    }
    while (r == 0 && (size = getline(&line, &room, file)) >= 0)
        r = parse_words(rules, line, (size_t)size);
    free(line);
    (void)fclose(file);
    return r;
}

/* ---- layers ---- */

/* Plain decimal numbers (design.md, difference 3); the tool cuts at each comma. */
static int parse_pruned(struct rules *rules, const char *text)
{
    size_t length, digits;
    uint64_t layer;
    int r = 0;

    for (;; text += length + 1) {
        length = strcspn(text, ",");
        digits = strspn(text, "0123456789");
        layer = length == digits && length > 0 ? strtoull(text, NULL, 10) : UINT64_MAX;
        if (layer > INT_MAX)
            return wrong("\nparse_layer_prune: invalid layer id '%s'\n\n", text, length);
        r = rules_add_pruned(rules, (uint32_t)layer);
        if (r < 0 || text[length] == '\0')
            return r;
    }
}

/* ---- keys ---- */

/* This the tool tells its log, which does not always come to write it before the program ends. */
static int parse_override(struct rules *rules, const char *text)
{
    static const char *const mistakes[] = {
        [RULES_MALFORMED] = "malformed KV override '%s'",
        [RULES_NO_TYPE] = "invalid type for KV override '%s'",
        [RULES_NO_BOOL] = "invalid boolean value for KV override '%s'",
        [RULES_LONG] = "malformed KV override '%s', value cannot exceed 127 chars",
    };
    enum rules_mistake mistake;
    char shown[2048];
    int r = rules_add_override(rules, text, &mistake);

    if (r != -EINVAL)
        return r;
    log_escape(text, shown, sizeof(shown));
    (void)fprintf(stderr, "string_parse_kv_override: ");
    (void)fprintf(stderr, mistakes[mistake], shown);
    (void)fputc('\n', stderr);
    return r;
}

/* ---- the face ---- */

static const struct {
    const char *option;
    int (*parse)(struct rules *rules, const char *value);
} options[] = {
    {"--tensor-type", parse_tensor_type},
    {"--tensor-type-file", parse_tensor_type_file},
    {"--prune-layers", parse_pruned},
    {"--override-kv", parse_override},
};

#define OPTIONS (sizeof(options) / sizeof(options[0]))

bool cmd_rules_is_option(const char *option)
{
    for (size_t i = 0; i < OPTIONS; i++)
        if (strcmp(options[i].option, option) == 0)
            return true;
    return false;
}

int cmd_rules_parse(struct rules *rules, const char *option, const char *value)
{
    for (size_t i = 0; i < OPTIONS; i++)
        if (strcmp(options[i].option, option) == 0)
            return options[i].parse(rules, value);
    return -EINVAL;
}
