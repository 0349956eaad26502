#include "quant/mix.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "quant/pattern.h"

static const char blanks[] = " \t\v\f\r";

/* A mix being read: the line and what is left of it. */
struct reading {
    struct mix *mix;
    struct defect *defect;
    unsigned line;
    char *rest;
    bool pruned[VARIANT_LAYERS]; /* layers that were named: a long text may name them often */
};

__attribute__((format(printf, 2, 3))) static int wrong(struct reading *reading, const char *format,
                                                       ...)
{
    char text[400];
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    return defect_set(reading->defect, EINVAL, DEFECT_NOWHERE, "line %u: %s", reading->line, text);
}

/* The next word, or NULL; what begins with '#' ends the line. */
static char *next_word(struct reading *reading)
{
    char *word = reading->rest + strspn(reading->rest, blanks);
    size_t length = strcspn(word, blanks);

    if (*word == '\0' || *word == '#')
        return NULL;
    reading->rest = word + length + (word[length] != '\0');
    word[length] = '\0';
    return word;
}

/* The one word that belongs to `name`. */
static int read_value(struct reading *reading, const char *name, const char *what, char **value)
{
    *value = next_word(reading);
    if (!*value)
        return wrong(reading, "'%s' needs %s", name, what);
    return next_word(reading) ? wrong(reading, "too much behind '%s %.100s'", name, *value) : 0;
}

static int read_flag(struct reading *reading, const char *name, bool *flag)
{
    *flag = true;
    return next_word(reading) ? wrong(reading, "too much behind '%s'", name) : 0;
}

static int find_type(struct reading *reading, const char *text, enum type *type)
{
    *type = type_find(text, strlen(text));
    if (*type == TYPE_NONE || type_info((uint32_t)*type)->chunk_weights == 0)
        return wrong(reading, "'%.100s' is no type that tensors are converted to", text);
    return 0;
}

static int read_base(struct reading *reading)
{
    const struct ftype *ftype;
    char *value;
    int r = read_value(reading, "base", "a file type, such as Q4_K_M", &value);

    if (r < 0)
        return r;
    ftype = ftype_find(value, strlen(value));
    if (!ftype)
        return wrong(reading, "'%.100s' is no file type", value);
    if (reading->mix->variant.ftype)
        return wrong(reading, "'base' is said twice");
    reading->mix->variant.ftype = ftype;
    return 0;
}

/* What a directory becomes first. */
static int read_from(struct reading *reading)
{
    const struct ftype *ftype;
    char *value;
    int r = read_value(reading, "from", "f16, bf16 or f32", &value);

    if (r < 0)
        return r;
    ftype = ftype_find(value, strlen(value));
    if (!ftype || (ftype->type != TYPE_F16 && ftype->type != TYPE_BF16 && ftype->type != TYPE_F32))
        return wrong(reading, "'from' needs f16, bf16 or f32, not '%.100s'", value);
    if (reading->mix->variant.from)
        return wrong(reading, "'from' is said twice");
    reading->mix->variant.from = ftype;
    return 0;
}

static int read_type(struct reading *reading, const char *name, enum type *type)
{
    char *value;
    int r = read_value(reading, name, "a type, such as q6_k", &value);

    return r < 0 ? r : find_type(reading, value, type);
}

/* PATTERN=TYPE, cut where the tool cuts it. */
static int read_pattern(struct reading *reading, const char *word)
{
    const char *equals = strchr(word, '=');
    struct defect defect = {.text = ""};
    enum type type;
    int r;

    if (!equals || equals == word)
        return wrong(reading, "PATTERN=TYPE is meant, not '%.100s'", word);
    r = find_type(reading, equals + 1, &type);
    if (r < 0)
        return r;
    r = pattern_check(word, (size_t)(equals - word), &defect);
    if (r == -EINVAL || r == -ENOTSUP)
        return wrong(reading, "pattern '%.*s': %s",
                     (int)(equals - word > 100 ? 100 : equals - word), word, defect.text);
    return r < 0 ? r : rules_add_pattern(&reading->mix->rules, word, (size_t)(equals - word), type);
}

static int read_patterns(struct reading *reading, const char *word)
{
    int r = 0;

    for (; word && r == 0; word = next_word(reading))
        r = read_pattern(reading, word);
    return r;
}

/* Its value is all the rest of the line. */
static int read_override(struct reading *reading)
{
    static const char *const mistakes[] = {
        [RULES_MALFORMED] = "KEY=TYPE:VALUE is meant",
        [RULES_NO_TYPE] = "its type is none of int, float, bool and str",
        [RULES_NO_BOOL] = "a bool is true or false",
        [RULES_LONG] = "the text is longer than 127 bytes",
    };
    char *text = reading->rest + strspn(reading->rest, blanks);
    size_t length = strlen(text);
    enum rules_mistake mistake = RULES_GOOD;
    int r;

    while (length > 0 && strchr(blanks, text[length - 1]))
        text[--length] = '\0';
    r = rules_add_override(&reading->mix->rules, text, &mistake);
    return r == -EINVAL ? wrong(reading, "override '%.100s': %s", text, mistakes[mistake]) : r;
}

/* 0,1,5-7 */
static int read_pruned(struct reading *reading)
{
    unsigned long from, to;
    char *text, *end;
    int r = read_value(reading, "prune", "layers, such as 0,1,5-7", &text);

    while (r == 0) {
        end = text;
        from = to = *text >= '0' && *text <= '9' ? strtoul(text, &end, 10) : VARIANT_LAYERS;
        if (*end == '-' && end[1] >= '0' && end[1] <= '9')
            to = strtoul(end + 1, &end, 10);
        if (from > to || to >= VARIANT_LAYERS || (*end != ',' && *end != '\0'))
            return wrong(reading, "'prune' needs layers, such as 0,1,5-7: '%.100s'", text);
        for (; from <= to && r == 0; from++) {
            if (!reading->pruned[from])
                r = rules_add_pruned(&reading->mix->rules, (uint32_t)from);
            reading->pruned[from] = true;
        }
        if (*end == '\0')
            break;
        text = end + 1;
    }
    return r;
}

static int read_imatrix(struct reading *reading)
{
    char *value = next_word(reading);

    reading->mix->variant.imatrix = true;
    if (!value)
        return 0;
    if (strlen(value) >= sizeof(reading->mix->imatrix) || strchr(value, '/') || *value == '.')
        return wrong(reading, "'imatrix' needs no name, or that of a file beside the mix: '%.100s'",
                     value);
    memcpy(reading->mix->imatrix, value, strlen(value) + 1);
    return next_word(reading) ? wrong(reading, "too much behind 'imatrix %.100s'", value) : 0;
}

static int read_line(struct reading *reading, char *line)
{
    struct variant *variant = &reading->mix->variant;
    const char *word;

    reading->rest = line;
    word = next_word(reading);
    if (!word)
        return 0;
    if (strchr(word, '='))
        return read_patterns(reading, word);
    if (strcmp(word, "tensor") == 0) {
        word = next_word(reading);
        return word ? read_patterns(reading, word)
                    : wrong(reading, "'tensor' needs PATTERN=TYPE, such as attn_v=q6_k");
    }
    if (strcmp(word, "base") == 0)
        return read_base(reading);
    if (strcmp(word, "from") == 0)
        return read_from(reading);
    if (strcmp(word, "override") == 0)
        return read_override(reading);
    if (strcmp(word, "imatrix") == 0)
        return read_imatrix(reading);
    if (strcmp(word, "pure") == 0)
        return read_flag(reading, word, &variant->pure);
    if (strcmp(word, "leave-output") == 0)
        return read_flag(reading, word, &variant->leave_output);
    if (strcmp(word, "output") == 0)
        return read_type(reading, word, &variant->output_type);
    if (strcmp(word, "token-embd") == 0)
        return read_type(reading, word, &variant->token_embd_type);
    if (strcmp(word, "prune") == 0)
        return read_pruned(reading);
    return wrong(reading, "'%.100s' is no word that begins a line of a mix", word);
}

/* `text` ends with a zero byte and is taken apart. */
static int read_lines(struct reading *reading, char *text, size_t size)
{
    char *end;
    int r = 0;

    for (char *line = text; line < text + size && r == 0; line = end + 1) {
        reading->line++;
        end = memchr(line, '\n', (size_t)(text + size - line));
        if (!end)
            end = text + size;
        *end = '\0';
        r = strlen(line) < (size_t)(end - line) ? wrong(reading, "a zero byte")
                                                : read_line(reading, line);
    }
    if (r == 0 && !reading->mix->variant.ftype)
        r = defect_set(reading->defect, EINVAL, DEFECT_NOWHERE,
                       "line %u: no line says which file type is its base, such as 'base Q4_K_M'",
                       reading->line ? reading->line : 1);
    return r;
}

int mix_parse(const char *text, size_t size, struct mix **out, struct defect *defect)
{
    struct reading reading = {.mix = calloc(1, sizeof(*reading.mix)), .defect = defect};
    struct mix *mix = reading.mix;
    char *copy = malloc(size + 1);
    int r = mix && copy ? 0 : -ENOMEM;

    if (r == 0) {
        memcpy(copy, text, size);
        copy[size] = '\0';
        mix->variant.output_type = mix->variant.token_embd_type = TYPE_NONE;
        mix->variant.rules = &mix->rules;
        r = read_lines(&reading, copy, size);
    }
    free(copy);
    if (r < 0) {
        mix_free(mix);
        return r;
    }
    mix->memory = sizeof(*mix) + size + mix->rules.pattern_count * 64 +
                  mix->rules.override_count * sizeof(*mix->rules.overrides);
    *out = mix;
    return 0;
}

void mix_free(struct mix *mix)
{
    if (!mix)
        return;
    rules_free(&mix->rules);
    free(mix);
}
