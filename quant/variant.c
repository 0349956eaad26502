#include "quant/variant.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "quant/pattern.h"

/* clang-format off */
static const struct ftype ftypes[] = {
    /* name        alias   no.  default type */
    {"Q1_0",       NULL,   40,  TYPE_Q1_0},
    {"Q2_0",       NULL,   41,  TYPE_Q2_0},
    {"Q4_0",       NULL,   2,   TYPE_Q4_0},
    {"Q4_1",       NULL,   3,   TYPE_Q4_1},
    {"MXFP4_MOE",  NULL,   38,  TYPE_MXFP4},
    {"Q5_0",       NULL,   8,   TYPE_Q5_0},
    {"Q5_1",       NULL,   9,   TYPE_Q5_1},
    {"IQ2_XXS",    NULL,   19,  TYPE_IQ2_XXS},
    {"IQ2_XS",     NULL,   20,  TYPE_IQ2_XS},
    {"IQ2_S",      NULL,   28,  TYPE_IQ2_XS},
    {"IQ2_M",      NULL,   29,  TYPE_IQ2_S},
    {"IQ1_S",      NULL,   24,  TYPE_IQ1_S},
    {"IQ1_M",      NULL,   31,  TYPE_IQ1_M},
    {"TQ1_0",      NULL,   36,  TYPE_TQ1_0},
    {"TQ2_0",      NULL,   37,  TYPE_TQ2_0},
    {"Q2_K",       NULL,   10,  TYPE_Q2_K},
    {"Q2_K_S",     NULL,   21,  TYPE_Q2_K},
    {"IQ3_XXS",    NULL,   23,  TYPE_IQ3_XXS},
    {"IQ3_S",      NULL,   26,  TYPE_IQ3_S},
    {"IQ3_M",      NULL,   27,  TYPE_IQ3_S},
    {"IQ3_XS",     NULL,   22,  TYPE_IQ3_S},
    {"Q3_K_S",     NULL,   11,  TYPE_Q3_K},
    {"Q3_K_M",     "Q3_K", 12,  TYPE_Q3_K},
    {"Q3_K_L",     NULL,   13,  TYPE_Q3_K},
    {"IQ4_NL",     NULL,   25,  TYPE_IQ4_NL},
    {"IQ4_XS",     NULL,   30,  TYPE_IQ4_XS},
    {"Q4_K_S",     NULL,   14,  TYPE_Q4_K},
    {"Q4_K_M",     "Q4_K", 15,  TYPE_Q4_K},
    {"Q5_K_S",     NULL,   16,  TYPE_Q5_K},
    {"Q5_K_M",     "Q5_K", 17,  TYPE_Q5_K},
    {"Q6_K",       NULL,   18,  TYPE_Q6_K},
    {"Q8_0",       NULL,   7,   TYPE_Q8_0},
    {"F16",        NULL,   1,   TYPE_F16},
    {"BF16",       NULL,   32,  TYPE_BF16},
    {"F32",        NULL,   0,   TYPE_F32},
    {"COPY",       NULL,   UINT32_MAX, TYPE_NONE}, /* writes the source's own number */
    {NULL,         NULL,   0,   TYPE_NONE},
};
/* clang-format on */

/* Names are ASCII, whatever the locale says about other bytes. */
static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool same_word(const char *word, const char *text, size_t length)
{
    if (strlen(word) != length)
        return false;
    for (size_t i = 0; i < length; i++)
        if (lower(word[i]) != lower(text[i]))
            return false;
    return true;
}

const struct ftype *ftype_table(void)
{
    return ftypes;
}

const struct ftype *ftype_find(const char *name, size_t length)
{
    for (const struct ftype *ftype = ftypes; ftype->name; ftype++)
        if (same_word(ftype->name, name, length) ||
            (ftype->alias && same_word(ftype->alias, name, length)))
            return ftype;
    return NULL;
}

const struct ftype *ftype_by_number(uint32_t number)
{
    for (const struct ftype *ftype = ftypes; ftype->name; ftype++)
        if (ftype->number == number && ftype->type != TYPE_NONE)
            return ftype;
    return NULL;
}

static bool is_float(const struct ftype *ftype)
{
    return ftype &&
           (ftype->type == TYPE_F16 || ftype->type == TYPE_BF16 || ftype->type == TYPE_F32);
}

#define PROJECTOR "mmproj-"
#define PROJECTOR_LENGTH (sizeof(PROJECTOR) - 1)

/* What mmproj-TYPE says, any case; NULL: it is none. */
static const struct ftype *find_projector(const char *text, size_t length)
{
    const struct ftype *ftype;

    if (length <= PROJECTOR_LENGTH || !same_word(PROJECTOR, text, PROJECTOR_LENGTH))
        return NULL;
    ftype = ftype_find(text + PROJECTOR_LENGTH, length - PROJECTOR_LENGTH);
    return is_float(ftype) || (ftype && ftype->type == TYPE_Q8_0) ? ftype : NULL;
}

/* --- reading a variant ------------------------------------------------------------------------ */

static int digit_of(char c)
{
    c = lower(c);
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Replaces the escapes of a word. False: a broken one, a zero byte, or longer than any variant. */
static bool unescape(const char *text, size_t length, char *word, size_t size)
{
    size_t count = 0;
    int high, low;
    char c;

    for (size_t i = 0; i < length; i++) {
        c = text[i];
        if (c == '%') {
            if (length - i < 3)
                return false;
            high = digit_of(text[i + 1]);
            low = digit_of(text[i + 2]);
            if (high < 0 || low < 0)
                return false;
            c = (char)(high * 16 + low);
            i += 2;
        }
        if (c == '\0' || count + 1 >= size)
            return false;
        word[count++] = c;
    }
    word[count] = '\0';
    return true;
}

static bool parse_type(const char *value, enum type *type)
{
    enum type found = type_find(value, strlen(value));

    if (found == TYPE_NONE || type_info((uint32_t)found)->chunk_weights == 0 ||
        (*type != TYPE_NONE && *type != found))
        return false;
    *type = found;
    return true;
}

static bool parse_from(const char *value, struct variant *variant)
{
    const struct ftype *found = ftype_find(value, strlen(value));

    if (!is_float(found) || (variant->from && variant->from != found))
        return false;
    variant->from = found;
    return true;
}

static bool parse_flag(bool *flag)
{
    *flag = true;
    return true;
}

static bool parse_layer(const char **text, unsigned *layer)
{
    const char *begin = *text;

    for (*layer = 0; **text >= '0' && **text <= '9' && *layer < VARIANT_LAYERS; (*text)++)
        *layer = *layer * 10 + (unsigned)(**text - '0');
    return *text > begin && *layer < VARIANT_LAYERS;
}

/* 0,1,5-7: at least one layer. */
static bool parse_pruned(const char *text, struct variant *variant)
{
    uint64_t pruned[VARIANT_LAYERS / 64] = {0}, before = 0;
    unsigned from, to;

    do {
        if (!parse_layer(&text, &from))
            return false;
        to = from;
        if (*text == '-') {
            text++;
            if (!parse_layer(&text, &to) || to < from)
                return false;
        }
        for (unsigned layer = from; layer <= to; layer++)
            pruned[layer / 64] |= UINT64_C(1) << layer % 64;
    } while (*text++ == ',');
    for (size_t i = 0; i < VARIANT_LAYERS / 64; i++)
        before |= variant->pruned[i];
    if (text[-1] != '\0' || (before && memcmp(pruned, variant->pruned, sizeof(pruned)) != 0))
        return false;
    memcpy(variant->pruned, pruned, sizeof(pruned));
    return true;
}

/* Appends to a text of VARIANT_TEXT_MAX bytes; false: it does not fit. */
static bool append(char *text, const char *tail)
{
    size_t length = strlen(text), size = strlen(tail) + 1;

    if (size > VARIANT_TEXT_MAX - length)
        return false;
    memcpy(text + length, tail, size);
    return true;
}

/* What separates the parts of a name has to be written otherwise inside of one. */
static bool append_escaped(char *text, char c)
{
    char tail[4] = {c, '\0'};

    if (strchr("+=%@/", c))
        (void)snprintf(tail, sizeof(tail), "%%%02x", (unsigned char)c);
    return append(text, tail);
}

/* PATTERN and TYPE: `pattern` is folded, as the tool does. */
static bool parse_pattern(char *pattern, const char *value, struct variant *variant,
                          struct defect *defect)
{
    enum type type = type_find(value, strlen(value));

    if (*pattern == '\0' || type == TYPE_NONE || type_info((uint32_t)type)->chunk_weights == 0)
        return false;
    for (char *c = pattern; *c; c++)
        *c = lower(*c);
    if (pattern_check(pattern, strlen(pattern), defect) < 0 || !append(variant->patterns, "+"))
        return false;
    for (const char *c = pattern; *c; c++)
        if (!append_escaped(variant->patterns, *c))
            return false;
    return append(variant->patterns, "=") &&
           append(variant->patterns, type_info((uint32_t)type)->name);
}

/* One option, without its '+'. What is no word that is known is a pattern. */
static bool parse_option(const char *text, size_t length, struct variant *variant,
                         struct defect *defect)
{
    const char *equals = memchr(text, '=', length);
    size_t name_length = equals ? (size_t)(equals - text) : length;
    char name[VARIANT_TEXT_MAX], value[VARIANT_TEXT_MAX] = "";

    if (!unescape(text, name_length, name, sizeof(name)))
        return false;
    if (equals && !unescape(equals + 1, length - name_length - 1, value, sizeof(value)))
        return false;
    name_length = strlen(name);
    if (same_word("from", name, name_length))
        return equals && parse_from(value, variant);
    if (same_word("imatrix", name, name_length))
        return !equals && parse_flag(&variant->imatrix);
    if (same_word("pure", name, name_length))
        return !equals && parse_flag(&variant->pure);
    if (same_word("leave-output", name, name_length))
        return !equals && parse_flag(&variant->leave_output);
    if (same_word("output", name, name_length))
        return equals && parse_type(value, &variant->output_type);
    if (same_word("token-embd", name, name_length))
        return equals && parse_type(value, &variant->token_embd_type);
    if (same_word("ollama", name, name_length))
        return !equals && parse_flag(&variant->ollama);
    if (same_word("prune", name, name_length))
        return equals && parse_pruned(value, variant);
    return equals && parse_pattern(name, value, variant, defect);
}

/* --- the canonical text ----------------------------------------------------------------------- */

static bool is_pruned(const struct variant *variant, unsigned layer)
{
    return layer < VARIANT_LAYERS && (variant->pruned[layer / 64] >> layer % 64 & 1);
}

/* 0,1,5-7: three and more in a row are a range. */
static bool append_pruned(const struct variant *variant, char *text)
{
    const char *before = "+prune=";
    char part[32];
    unsigned end;

    for (unsigned layer = 0; layer < VARIANT_LAYERS; layer++) {
        if (!is_pruned(variant, layer))
            continue;
        for (end = layer; is_pruned(variant, end + 1); end++)
            ;
        if (end - layer < 2)
            end = layer;
        (void)snprintf(part, sizeof(part), end > layer ? "%s%u-%u" : "%s%u", before, layer, end);
        if (!append(text, part))
            return false;
        before = ",";
        layer = end;
    }
    return true;
}

static bool append_type(char *text, const char *option, enum type type)
{
    const struct type_info *info = type_info((uint32_t)type);

    return !info || (append(text, option) && append(text, info->name));
}

/* False: it is longer than any name can be. */
static bool write_text(const struct variant *variant, char text[VARIANT_TEXT_MAX])
{
    bool fits;

    text[0] = '\0';
    if (variant->mix[0])
        return append(text, variant->mix);
    fits = (!variant->projector || append(text, PROJECTOR)) && append(text, variant->ftype->name) &&
           (!variant->from || (append(text, "+from=") && append(text, variant->from->name))) &&
           (!variant->imatrix || append(text, "+imatrix")) &&
           (!variant->leave_output || append(text, "+leave-output")) &&
           (!variant->ollama || append(text, "+ollama")) &&
           append_type(text, "+output=", variant->output_type) && append_pruned(variant, text) &&
           (!variant->pure || append(text, "+pure")) &&
           append_type(text, "+token-embd=", variant->token_embd_type) &&
           append(text, variant->patterns);
    for (char *c = text; *c; c++)
        *c = lower(*c);
    return fits;
}

void variant_format(const struct variant *variant, char *text, size_t size)
{
    assert(size >= VARIANT_TEXT_MAX);
    (void)size;
    (void)write_text(variant, text);
}

bool variant_is_plain(const struct variant *variant)
{
    char text[VARIANT_TEXT_MAX];

    variant_format(variant, text, sizeof(text));
    return !variant->rules && !variant->keep_split && is_float(variant->ftype) &&
           same_word(variant->ftype->name, text, strlen(text));
}

bool variant_is_projector(const struct variant *variant)
{
    char text[VARIANT_TEXT_MAX];

    variant_format(variant, text, sizeof(text));
    return !variant->rules && !variant->keep_split && variant->projector &&
           find_projector(text, strlen(text));
}

bool variant_pattern(const struct variant *variant, size_t *at, struct variant_pattern *pattern)
{
    const char *text = variant->patterns + *at, *equals, *end;

    if (*text == '\0')
        return false;
    text++;
    equals = strchr(text, '=');
    end = strchrnul(equals, '+');
    (void)unescape(text, (size_t)(equals - text), pattern->text, sizeof(pattern->text));
    pattern->length = strlen(pattern->text);
    pattern->type = type_find(equals + 1, (size_t)(end - equals - 1));
    *at = (size_t)(end - variant->patterns);
    return true;
}

/* --- the face --------------------------------------------------------------------------------- */

int variant_parse(const char *text, size_t length, struct variant *variant)
{
    struct defect defect;

    return variant_parse_why(text, length, variant, &defect);
}

int variant_parse_why(const char *text, size_t length, struct variant *variant,
                      struct defect *defect)
{
    const char *plus = memchr(text, '+', length), *end = text + length;
    size_t word_length = plus ? (size_t)(plus - text) : length;
    char canonical[VARIANT_TEXT_MAX];

    *defect = (struct defect){.offset = DEFECT_NOWHERE};
    *variant = (struct variant){.output_type = TYPE_NONE, .token_embd_type = TYPE_NONE};
    variant->ftype = ftype_find(text, word_length);
    if (!variant->ftype && !plus) {
        variant->ftype = find_projector(text, length);
        variant->projector = variant->ftype != NULL;
    }
    if (!variant->ftype)
        return -ENOENT;
    while (plus) {
        text = plus + 1;
        plus = memchr(text, '+', (size_t)(end - text));
        word_length = (size_t)((plus ? plus : end) - text);
        if (!parse_option(text, word_length, variant, defect))
            return -ENOENT;
    }
    return write_text(variant, canonical) ? 0 : -ENOENT;
}

bool variant_parse_mix(const char *text, size_t length, struct variant *variant)
{
    if (length == 0 || length >= VARIANT_TEXT_MAX || text[0] == '.' || ftype_find(text, length) ||
        find_projector(text, length))
        return false;
    *variant = (struct variant){.output_type = TYPE_NONE, .token_embd_type = TYPE_NONE};
    for (size_t i = 0; i < length; i++) {
        if ((unsigned char)text[i] < ' ' || text[i] == 127 || strchr("+@/%", text[i]))
            return false;
        variant->mix[i] = lower(text[i]);
    }
    return true;
}

int variant_parse_any(const char *text, size_t length, struct variant *variant)
{
    int r = variant_parse(text, length, variant);

    return r == -ENOENT && variant_parse_mix(text, length, variant) ? 0 : r;
}

bool variant_split_name(const char *name, size_t *stem_length, const char **text,
                        size_t *text_length)
{
    static const char suffix[] = ".gguf";
    size_t length = strlen(name), suffix_length = sizeof(suffix) - 1;
    const char *at = strrchr(name, '@'), *end;

    if (!at || at == name || length < suffix_length)
        return false;
    end = name + length - suffix_length;
    if (strcmp(end, suffix) != 0 || end <= at + 1)
        return false;
    *stem_length = (size_t)(at - name);
    *text = at + 1;
    *text_length = (size_t)(end - *text);
    return true;
}
