#include "quant/format/hf/names.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "quant/format/hf/letters.h"

/* What a part of a name was found to be; several at once. */
enum {
    BASENAME = 1,
    SIZE = 2,
    FINETUNE = 4,
    VERSION = 8,
    TYPE = 16,
};

struct part {
    struct hf_text text;
    unsigned marks;
};

struct parts {
    struct part *parts;
    size_t count;
};

/* --- what a part looks like ----------------------------------------------------------------------
 */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Digits from `at` on; returns where they end. */
static size_t digits(const struct hf_text *text, size_t at)
{
    while (at < text->size && is_digit(text->text[at]))
        at++;
    return at;
}

static char lower_at(const struct hf_text *text, size_t at)
{
    return at < text->size ? (char)tolower((unsigned char)text->text[at]) : 0;
}

static bool is_word(const struct hf_text *text, const char *word)
{
    return text->size == strlen(word) && strncasecmp(text->text, word, text->size) == 0;
}

static bool is_one_of(const struct hf_text *text, const char *const *words, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (is_word(text, words[i]))
            return true;
    return false;
}

/* "v1.0", "iter3", "2407" */
static bool is_version(const struct hf_text *text)
{
    size_t at = 0, end;

    if (lower_at(text, 0) == 'v')
        at = 1;
    else if (text->size > 4 && strncasecmp(text->text, "iter", 4) == 0)
        at = 4;
    for (;; at = end + 1) {
        end = digits(text, at);
        if (end == at)
            return false;
        if (end == text->size)
            return true;
        if (text->text[end] != '.')
            return false;
    }
}

/* "Q4_K_M", "IQ2_S", "BF16", "fp32" */
static bool is_type(const struct hf_text *text)
{
    static const char *const floats[] = {"f16",  "f32",  "fp16",  "fp32",
                                         "bf16", "bf32", "bfp16", "bfp32"};
    size_t at = lower_at(text, 0) == 'i';

    if (is_one_of(text, floats, sizeof(floats) / sizeof(floats[0])))
        return true;
    if (lower_at(text, at) != 'q' || !is_digit(lower_at(text, at + 1)))
        return false;
    for (at += 2; at < text->size; at += 2)
        if (text->text[at] != '_' ||
            !(isalnum((unsigned char)lower_at(text, at + 1)) || lower_at(text, at + 1) == '_'))
            return false;
    return true;
}

/* "7B", "1_6b", "8x22B", "A2.7B", "7b1" */
static bool is_number_size(const struct hf_text *text)
{
    size_t at = 0, end = digits(text, 0);
    char unit;

    if (end == 0 && lower_at(text, 0) == 'a')
        at = 1;
    else if (end > 0 && lower_at(text, end) == 'x')
        at = end + 1;
    end = digits(text, at);
    if (end == at)
        return false;
    if ((lower_at(text, end) == '.' || lower_at(text, end) == '_') &&
        is_digit(lower_at(text, end + 1)))
        end = digits(text, end + 1);
    unit = lower_at(text, end);
    if (!unit || !strchr("kmbt", unit))
        return false;
    end++;
    return end == text->size || (end + 1 == text->size && is_digit(text->text[end]));
}

static bool is_size(const struct hf_text *text)
{
    static const char *const words[] = {"small", "mini", "medium", "large", "xl", "xxl"};

    return is_number_size(text) || is_one_of(text, words, sizeof(words) / sizeof(words[0]));
}

static bool is_finetune(const struct hf_text *text)
{
    static const char *const words[] = {"chat", "instruct", "vision", "lora"};

    return is_one_of(text, words, sizeof(words) / sizeof(words[0]));
}

/* --- annotating ----------------------------------------------------------------------------------
 */

/* The number before a size's unit; false: it is none ("8x7B", "large"). */
static bool read_number(const struct hf_text *text, double *value)
{
    size_t dots = 0;

    for (size_t i = 0; i + 1 < text->size; i++) {
        dots += text->text[i] == '.';
        if (!is_digit(text->text[i]) && (text->text[i] != '.' || dots > 1))
            return false;
    }
    *value = strtod(text->text, NULL); /* stops at the unit */
    return text->size > 1;
}

/* Whether a size is far from the model's: more likely the length of a context. */
static bool is_far(const struct hf_text *text, uint64_t total)
{
    static const char units[] = "KMBT";
    const char *unit = strchr(units, text->text[text->size - 1]);
    uint64_t limit = total / 8 * 7 + total % 8 * 7 / 8;
    double value;

    if (total == 0 || !unit || !*unit || !read_number(text, &value))
        return false;
    for (const char *at = units; at <= unit; at++)
        value *= 1000;
    return fabs(value - (double)total) > (double)limit;
}

static int annotate_size(struct hf_arena *arena, struct part *part, uint64_t total)
{
    size_t size = part->text.size;
    char *text = hf_arena_take(arena, size + 1);

    if (!text)
        return -ENOMEM;
    memcpy(text, part->text.text, size);
    for (size_t i = 0; i < size; i++)
        text[i] = text[i] == '_' ? '.' : text[i];
    if (is_digit(text[size - 1])) { /* "7b1" is 7.1b */
        text[size] = text[size - 2];
        text[size - 2] = '.';
        size++;
    }
    text[size] = 0;
    if (size > 1 && is_digit(text[size - 2]))
        text[size - 1] = (char)toupper((unsigned char)text[size - 1]);
    part->text = (struct hf_text){text, size};
    part->marks = SIZE;
    if (is_far(&part->text, total)) {
        part->marks = FINETUNE;
        text[size - 1] = (char)tolower((unsigned char)text[size - 1]);
    }
    return 0;
}

static int annotate_type(struct hf_arena *arena, struct part *part)
{
    char *text = hf_arena_copy(arena, part->text.text, part->text.size);

    if (!text)
        return -ENOMEM;
    for (size_t i = 0; i < part->text.size; i++)
        text[i] = (char)toupper((unsigned char)text[i]);
    part->text.text = text;
    part->marks = TYPE;
    return 0;
}

static int annotate(struct hf_arena *arena, struct parts *parts, uint64_t total)
{
    struct part *part = parts->parts;
    int r = 0;

    for (size_t i = 0; r == 0 && i < parts->count; i++, part++) {
        if (is_version(&part->text))
            part->marks = VERSION;
        else if (is_type(&part->text))
            r = annotate_type(arena, part);
        else if (i > 0 && is_size(&part->text))
            r = annotate_size(arena, part, total);
        else if (i > 0 && is_finetune(&part->text))
            part->marks = FINETUNE;
    }
    return r;
}

static bool all_letters(const struct hf_text *text)
{
    size_t size;

    for (size_t i = 0; i < text->size; i += size)
        if (!hf_is_alpha(hf_letter_at(text, i, &size)))
            return false;
    return true;
}

/* Words are no sizes where there is a number that is one. */
static void drop_words(struct parts *parts)
{
    bool has_digit = false;

    for (size_t i = 0; i < parts->count; i++)
        for (size_t j = 0; j < parts->parts[i].text.size; j++)
            has_digit |= (parts->parts[i].marks & SIZE) && is_digit(parts->parts[i].text.text[j]);
    for (size_t i = 0; has_digit && i < parts->count; i++)
        if (all_letters(&parts->parts[i].text))
            parts->parts[i].marks &= ~(unsigned)SIZE;
}

/* The first parts are the base's name, up to one that is something else; then comes the finetune.
 */
static void find_basename(struct parts *parts)
{
    bool at_start = true;
    struct part *part = parts->parts;
    size_t size;

    for (size_t i = 0; i < parts->count; i++, part++) {
        if (at_start && ((part->marks == 0 && hf_is_alpha(hf_letter_at(&part->text, 0, &size))) ||
                         (part->marks & VERSION))) {
            part->marks |= BASENAME;
        } else {
            at_start = false;
            if (part->marks == 0)
                part->marks = FINETUNE;
        }
    }
    for (size_t i = parts->count; i-- > 0;) {
        part = &parts->parts[i];
        if (!(part->marks & BASENAME) || part->marks == BASENAME)
            break;
        part->marks &= ~(unsigned)BASENAME;
    }
}

/* --- putting together ----------------------------------------------------------------------------
 */

static bool wanted(const struct parts *parts, size_t i, unsigned mark, unsigned without)
{
    const struct part *part = &parts->parts[i];

    if (!(part->marks & mark) || (part->marks & without))
        return false;
    for (size_t j = 0; mark == SIZE && j < i; j++)
        if ((parts->parts[j].marks & SIZE) && parts->parts[j].text.size == part->text.size &&
            memcmp(parts->parts[j].text.text, part->text.text, part->text.size) == 0)
            return false;
    return true;
}

/* Parts with one mark and without another, joined by '-'; sizes each once. */
static int join(struct hf_arena *arena, const struct parts *parts, unsigned mark, unsigned without,
                struct hf_text *out)
{
    size_t size = 0;
    char *text;

    for (size_t i = 0; i < parts->count; i++)
        size += wanted(parts, i, mark, without) ? parts->parts[i].text.size + 1 : 0;
    *out = (struct hf_text){NULL, 0};
    if (size == 0)
        return 0;
    text = hf_arena_take(arena, size);
    if (!text)
        return -ENOMEM;
    *out = (struct hf_text){text, size - 1};
    for (size_t i = 0; i < parts->count; i++) {
        if (!wanted(parts, i, mark, without))
            continue;
        memcpy(text, parts->parts[i].text.text, parts->parts[i].text.size);
        text += parts->parts[i].text.size;
        *text++ = '-';
    }
    return 0;
}

static int split(const struct hf_text *text, struct parts *parts)
{
    size_t count = 1, start = 0;

    for (size_t i = 0; i < text->size; i++)
        count += text->text[i] == '-';
    *parts = (struct parts){.parts = calloc(count, sizeof(*parts->parts))};
    if (!parts->parts)
        return -ENOMEM;
    for (size_t i = 0; i <= text->size; i++) {
        if (i < text->size && text->text[i] != '-')
            continue;
        if (i > start)
            parts->parts[parts->count++].text = (struct hf_text){text->text + start, i - start};
        start = i + 1;
    }
    return 0;
}

/* More parts are a text that is no name, and comparing each with all others would take long. */
#define PARTS_MAX 1000

int hf_name_read(struct hf_arena *arena, const struct hf_text *id, uint64_t total,
                 struct hf_name *name)
{
    const char *slash = memchr(id->text, '/', id->size);
    struct parts parts;
    int r;

    *name = (struct hf_name){.name = *id};
    if (memchr(id->text, ' ', id->size))
        return 0;
    if (slash) {
        name->organization = (struct hf_text){id->text, (size_t)(slash - id->text)};
        name->name = (struct hf_text){slash + 1, id->size - name->organization.size - 1};
        if (name->organization.size > 0 && id->text[0] == '.')
            name->organization = (struct hf_text){NULL, 0};
    }
    r = split(&name->name, &parts);
    if (r == 0 && parts.count <= PARTS_MAX) {
        r = annotate(arena, &parts, total);
        drop_words(&parts);
        find_basename(&parts);
        if (r == 0)
            r = join(arena, &parts, BASENAME, 0, &name->basename);
        if (r == 0)
            r = join(arena, &parts, SIZE, 0, &name->size_label);
        if (r == 0)
            r = join(arena, &parts, FINETUNE, 0, &name->finetune);
        if (r == 0)
            r = join(arena, &parts, VERSION, BASENAME, &name->version);
    }
    free(parts.parts);
    if (!name->size_label.text && !name->finetune.text && !name->version.text)
        name->basename = (struct hf_text){NULL, 0}; /* too little to tell */
    return r;
}

/* --- titles --------------------------------------------------------------------------------------
 */

/* "v" and numbers with dots between them. */
static bool is_plain_version(const struct hf_text *word)
{
    size_t at = 0, end;

    if (word->size == 0 || word->text[0] != 'v')
        return false;
    do {
        at++;
        end = digits(word, at);
        if (end == at)
            return false;
        at = end;
    } while (at < word->size && word->text[at] == '.');
    return at == word->size;
}

/* Whether it has letters of lower case and none of upper case. */
static bool is_lower_case(const struct hf_text *word)
{
    bool lower = false;
    size_t size;
    uint32_t letter;

    for (size_t i = 0; i < word->size; i += size) {
        letter = hf_letter_at(word, i, &size);
        if (hf_is_upper(letter))
            return false;
        lower |= hf_is_lower(letter);
    }
    return lower;
}

/* The first letter of every run of letters in upper case. */
static char *put_capitalized(char *out, const struct hf_text *word)
{
    bool inside = false;
    size_t size;
    uint32_t letter;

    for (size_t i = 0; i < word->size; i += size) {
        letter = hf_letter_at(word, i, &size);
        if (letter == 0xfffd) {
            memcpy(out, word->text + i, size);
            out += size;
            inside = false;
            continue;
        }
        out += hf_letter_put(out, inside ? letter : hf_to_upper(letter));
        inside = hf_is_lower(letter) || hf_is_upper(letter);
    }
    return out;
}

static char *put_word(char *out, const struct hf_text *word)
{
    if (is_lower_case(word) && !is_digit(word->text[0]) && !is_plain_version(word))
        return put_capitalized(out, word);
    memcpy(out, word->text, word->size);
    return out + word->size;
}

#define TITLE_MAX 4096 /* bytes; what is longer is no title, and is left as it is */

int hf_name_title(struct hf_arena *arena, const struct hf_text *name, struct hf_text *title)
{
    char *text, *out;
    struct hf_text word;
    size_t size, start = 0;
    uint32_t letter;

    *title = *name;
    if (name->size > TITLE_MAX)
        return 0;
    text = out = hf_arena_take(arena, 4 * name->size); /* a letter takes at most 4 */
    if (!text)
        return -ENOMEM;
    for (size_t i = 0; i <= name->size; i += size) {
        size = 1;
        letter = i < name->size ? hf_letter_at(name, i, &size) : ' ';
        if (letter != '-' && !hf_is_space(letter))
            continue;
        word = (struct hf_text){name->text + start, i - start};
        start = i + size;
        if (word.size == 0)
            continue;
        if (out > text)
            *out++ = ' ';
        out = put_word(out, &word);
    }
    *title = (struct hf_text){text, (size_t)(out - text)};
    return 0;
}

/* --- sizes ---------------------------------------------------------------------------------------
 */

static uint64_t add(uint64_t a, uint64_t b)
{
    return __builtin_add_overflow(a, b, &a) ? UINT64_MAX : a;
}

void hf_parameters_add(struct hf_parameters *parameters, const char *name, unsigned n_dims,
                       const uint64_t *ne)
{
    uint64_t count = 1, experts;

    for (unsigned i = 0; i < n_dims; i++)
        if (__builtin_mul_overflow(count, ne[i], &count))
            count = UINT64_MAX;
    parameters->total = add(parameters->total, count);
    experts = n_dims < 3 ? 0 : strstr(name, ".bias") ? ne[1] : ne[2];
    if (strstr(name, "_exps.") && experts > 0) {
        parameters->expert = add(parameters->expert, count / experts);
        parameters->expert_sum = add(parameters->expert_sum, experts);
        parameters->expert_tensors++;
    } else {
        parameters->shared = add(parameters->shared, count);
    }
}

/* Two digits at least. Both roundings are to the nearest, ties to even, of the double's value. */
static void print_count(char *text, size_t size, double count)
{
    static const struct {
        double above, factor;
        char unit;
    } units[] = {{1e12, 1e-12, 'T'}, {1e9, 1e-9, 'B'}, {1e6, 1e-6, 'M'}, {-1, 1e-3, 'K'}};
    double value, rounded;
    size_t i = 0;
    int decimals;

    while (count <= units[i].above)
        i++;
    value = count * units[i].factor;
    rounded = nearbyint(value);
    decimals = rounded < 1 ? 2 : rounded < 10 ? 1 : 0;
    (void)snprintf(text, size, "%.*f%c", decimals, value, units[i].unit);
}

struct hf_size_label hf_size_label(const struct hf_parameters *parameters)
{
    uint64_t experts =
        parameters->expert_tensors ? parameters->expert_sum / parameters->expert_tensors : 0;
    struct hf_size_label label = {""};
    size_t start = 0;

    if (experts > 0)
        start = (size_t)snprintf(label.text, 32, "%llux", (unsigned long long)experts);
    print_count(
        label.text + start, sizeof(label.text) - start,
        (double)(experts > 0 ? add(parameters->shared, parameters->expert) : parameters->total));
    return label;
}
