#include "quant/format/hf/card.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "quant/format/hf/bytes.h"

#define FILE_NAME "README.md"
#define README_MAX ((size_t)64 << 20)
#define HEAD_MAX ((size_t)4 << 20) /* bytes of YAML */
#define DEPTH_MAX 64
#define ANCHORS_MAX 1000

struct hf_card {
    yaml_document_t document;
    bool has_document;
};

/* --- the head of the file ------------------------------------------------------------------------
 */

/* Bytes of the line end at `at` as Python's splitlines() knows them; 0: it is none. */
static size_t line_end(const char *text, size_t size, size_t at)
{
    unsigned char c = (unsigned char)text[at];

    if (c == '\r')
        return at + 1 < size && text[at + 1] == '\n' ? 2 : 1;
    if (c == '\n' || c == '\v' || c == '\f' || (c >= 0x1c && c <= 0x1e))
        return 1;
    if (c == 0xc2 && at + 1 < size && (unsigned char)text[at + 1] == 0x85)
        return 2;
    if (c == 0xe2 && size - at >= 3 && (unsigned char)text[at + 1] == 0x80 &&
        ((unsigned char)text[at + 2] == 0xa8 || (unsigned char)text[at + 2] == 0xa9))
        return 3;
    return 0;
}

/* The next line of a text, which becomes what is left behind it. False at the end. */
static bool next_line(struct hf_text *text, struct hf_text *line)
{
    size_t end = 0, n = 0;

    if (text->size == 0)
        return false;
    while (end < text->size && (n = line_end(text->text, text->size, end)) == 0)
        end++;
    *line = (struct hf_text){text->text, end};
    text->text += end + n;
    text->size -= end + n;
    return true;
}

static bool is_fence(const struct hf_text *line)
{
    return line->size == 3 && memcmp(line->text, "---", 3) == 0;
}

/* A growing text, as long as `size`. */
struct head {
    char *text;
    size_t size;
};

/* A line as the converter mends it: a tab is two spaces, "- no" is no boolean. */
static void put_line(struct head *head, const struct hf_text *line)
{
    static const char no[] = "- no", quoted[] = "- \"no\"";
    size_t size = line->size;
    bool is_no = size >= sizeof(no) - 1 &&
                 memcmp(line->text + size - (sizeof(no) - 1), no, sizeof(no) - 1) == 0;

    if (is_no)
        size -= sizeof(no) - 1;
    for (size_t i = 0; i < size; i++) {
        head->text[head->size++] = line->text[i] == '\t' ? ' ' : line->text[i];
        if (line->text[i] == '\t')
            head->text[head->size++] = ' ';
    }
    if (is_no) {
        memcpy(head->text + head->size, quoted, sizeof(quoted) - 1);
        head->size += sizeof(quoted) - 1;
    }
    head->text[head->size++] = '\n';
}

/* What stands between the first line "---" and the next one; of size 0 if there is none. */
static int cut_head(const char *readme, size_t size, struct head *head)
{
    struct hf_text text = {readme, size}, line, rest;

    *head = (struct head){0};
    if (!next_line(&text, &line) || !is_fence(&line))
        return 0;
    rest = text;
    while (next_line(&rest, &line) && !is_fence(&line))
        ;
    size = (size_t)(rest.text - text.text);
    if (size > HEAD_MAX)
        return 0;
    head->text = malloc(2 * size + 16); /* "- no\n" grows by 2, a tab by 1 */
    if (!head->text)
        return -ENOMEM;
    while (next_line(&text, &line) && !is_fence(&line)) {
        if (line.size > 0 && line.text[0] == '%') { /* a directive, which no card has */
            head->size = 0;
            return 0;
        }
        put_line(head, &line);
    }
    return 0;
}

/* --- YAML ----------------------------------------------------------------------------------------
 */

static bool has_anchor(const yaml_event_t *event)
{
    return (event->type == YAML_SCALAR_EVENT && event->data.scalar.anchor) ||
           (event->type == YAML_MAPPING_START_EVENT && event->data.mapping_start.anchor) ||
           (event->type == YAML_SEQUENCE_START_EVENT && event->data.sequence_start.anchor);
}

/* Whether depth and anchors stay within bounds: libyaml looks at each level for each token, and at
 * each anchor for each other. */
static bool is_harmless(const struct head *head)
{
    yaml_parser_t parser;
    yaml_event_t event;
    unsigned depth = 0, anchors = 0;
    bool more = true;

    if (!yaml_parser_initialize(&parser))
        return false;
    yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&parser, (const unsigned char *)head->text, head->size);
    while (more && depth <= DEPTH_MAX && anchors <= ANCHORS_MAX) {
        if (!yaml_parser_parse(&parser, &event))
            break;
        depth += event.type == YAML_MAPPING_START_EVENT || event.type == YAML_SEQUENCE_START_EVENT;
        depth -= event.type == YAML_MAPPING_END_EVENT || event.type == YAML_SEQUENCE_END_EVENT;
        anchors += has_anchor(&event);
        more = event.type != YAML_STREAM_END_EVENT;
        yaml_event_delete(&event);
    }
    yaml_parser_delete(&parser);
    return !more;
}

/* One document, and nothing behind it. */
static void load(const struct head *head, struct hf_card *card)
{
    yaml_parser_t parser;
    yaml_document_t next;
    bool single = false;

    if (!is_harmless(head) || !yaml_parser_initialize(&parser))
        return;
    yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&parser, (const unsigned char *)head->text, head->size);
    card->has_document = yaml_parser_load(&parser, &card->document) != 0;
    if (card->has_document && yaml_parser_load(&parser, &next)) {
        single = yaml_document_get_root_node(&next) == NULL;
        yaml_document_delete(&next);
    }
    if (card->has_document && !single) {
        yaml_document_delete(&card->document);
        card->has_document = false;
    }
    yaml_parser_delete(&parser);
}

int hf_card_read(const struct hf_directory *directory, struct hf_card **out, struct defect *defect)
{
    struct hf_card *card = calloc(1, sizeof(*card));
    struct head head = {0};
    char *readme = NULL;
    size_t size;
    int r;

    *out = NULL;
    if (!card)
        return -ENOMEM;
    r = hf_read_text(directory, FILE_NAME, README_MAX, &readme, &size, defect);
    if (r == 0 && hf_is_utf8(readme, size))
        r = cut_head(readme, size, &head);
    if (r == -ENOENT || r == -EFBIG)
        r = 0;
    if (r == 0 && head.size > 0)
        load(&head, card);
    free(head.text);
    free(readme);
    if (r < 0)
        hf_card_free(card);
    else
        *out = card;
    return r;
}

void hf_card_free(struct hf_card *card)
{
    if (card && card->has_document)
        yaml_document_delete(&card->document);
    free(card);
}

int hf_card_mentions(const struct hf_directory *directory, const char *text, bool *found,
                     struct defect *defect)
{
    char *readme = NULL;
    size_t size;
    int r = hf_read_text(directory, FILE_NAME, README_MAX, &readme, &size, defect);

    *found = r == 0 && strcasestr(readme, text);
    free(readme);
    return r == -ENOENT || r == -EFBIG ? 0 : r;
}

/* --- scalars: YAML 1.1 as PyYAML knows it
 * ----------------------------------------------------------
 */

static bool is_one_of(const struct hf_text *text, const char *words)
{
    char quoted[16];

    if (text->size == 0 || text->size > 8 || memchr(text->text, ' ', text->size))
        return false;
    (void)snprintf(quoted, sizeof(quoted), " %.*s ", (int)text->size, text->text);
    return strstr(words, quoted) != NULL;
}

static size_t run(const struct hf_text *text, size_t at, const char *letters)
{
    while (at < text->size && text->text[at] && strchr(letters, text->text[at]))
        at++;
    return at;
}

static bool is_digit_at(const struct hf_text *text, size_t at)
{
    return at < text->size && text->text[at] >= '0' && text->text[at] <= '9';
}

static bool is_at(const struct hf_text *text, size_t at, char c)
{
    return at < text->size && text->text[at] == c;
}

/* ":59" any number of times, from `at` on; returns where they end. */
static size_t sixties(const struct hf_text *text, size_t at)
{
    while (is_at(text, at, ':') && is_digit_at(text, at + 1)) {
        if (text->text[at + 1] <= '5' && is_digit_at(text, at + 2))
            at += 3;
        else
            at += 2;
    }
    return at;
}

/* 0b1, 017, 0x1f, 12_000, 190:20:30, with a sign or none */
static bool is_integer(const struct hf_text *text)
{
    size_t at = is_at(text, 0, '-') || is_at(text, 0, '+'), end;

    if (!is_digit_at(text, at))
        return false;
    if (text->text[at] == '0') {
        if (at + 1 == text->size)
            return true;
        if (is_at(text, at + 1, 'b'))
            return at + 2 < text->size && run(text, at + 2, "01_") == text->size;
        if (is_at(text, at + 1, 'x'))
            return at + 2 < text->size &&
                   run(text, at + 2, "0123456789abcdefABCDEF_") == text->size;
        return run(text, at + 1, "01234567_") == text->size;
    }
    end = run(text, at, "0123456789_");
    return end == text->size || (sixties(text, end) > end && sixties(text, end) == text->size);
}

/* The exponent, which must have a sign, or nothing. */
static bool ends_as_real(const struct hf_text *text, size_t at)
{
    if (at == text->size)
        return true;
    if (!is_at(text, at, 'e') && !is_at(text, at, 'E'))
        return false;
    if (!is_at(text, at + 1, '-') && !is_at(text, at + 1, '+'))
        return false;
    return is_digit_at(text, at + 2) && run(text, at + 2, "0123456789") == text->size;
}

/* 1.5, 1.e+3, .5, 190:20:30.15, .inf, .nan */
static bool is_real(const struct hf_text *text)
{
    bool sign = is_at(text, 0, '-') || is_at(text, 0, '+');
    struct hf_text rest = {text->text + sign, text->size - sign};
    size_t end, sixty;

    if (is_one_of(&rest, " .inf .Inf .INF ") || (!sign && is_one_of(&rest, " .nan .NaN .NAN ")))
        return true;
    if (is_at(&rest, 0, '.'))
        return !sign && is_digit_at(&rest, 1) && ends_as_real(&rest, run(&rest, 1, "0123456789_"));
    if (!is_digit_at(&rest, 0))
        return false;
    end = run(&rest, 0, "0123456789_");
    sixty = sixties(&rest, end);
    if (!is_at(&rest, sixty, '.'))
        return false;
    if (sixty > end)
        return run(&rest, sixty + 1, "0123456789_") == rest.size;
    return ends_as_real(&rest, run(&rest, end + 1, "0123456789_"));
}

/* 2001-12-14, and longer ones that begin so, with a 't' or blanks and a time */
static bool is_date(const struct hf_text *text)
{
    size_t month, day;

    for (size_t i = 0; i < 4; i++)
        if (!is_digit_at(text, i))
            return false;
    month = run(text, 5, "0123456789");
    if (!is_at(text, 4, '-') || month == 5 || month > 7 || !is_at(text, month, '-'))
        return false;
    day = run(text, month + 1, "0123456789");
    if (day == month + 1 || day > month + 3)
        return false;
    if (day == text->size)
        return month == 7 && day == 10; /* alone it has two digits each */
    if (!strchr("Tt \t", text->text[day]))
        return false;
    day = run(text, day + 1, " \t");
    return is_digit_at(text, day) && memchr(text->text + day, ':', text->size - day);
}

/* Whether a number's digits are zeros alone. */
static bool is_zero(const struct hf_text *text)
{
    for (size_t i = 0; i < text->size; i++)
        if (!strchr("0_.:+-xb", text->text[i]))
            return text->text[i] == 'e' || text->text[i] == 'E';
    return true;
}

static enum hf_card_kind scalar_kind(const struct hf_text *text)
{
    if (text->size == 0 || is_one_of(text, " ~ null Null NULL "))
        return HF_CARD_NULL;
    if (is_one_of(text, " no No NO false False FALSE off Off OFF "))
        return HF_CARD_FALSE;
    if (is_one_of(text, " yes Yes YES true True TRUE on On ON = << "))
        return HF_CARD_OTHER;
    if (is_integer(text) || is_real(text))
        return is_zero(text) ? HF_CARD_FALSE : HF_CARD_OTHER;
    return is_date(text) ? HF_CARD_OTHER : HF_CARD_TEXT;
}

/* --- values --------------------------------------------------------------------------------------
 */

static yaml_node_t *node_of(const struct hf_card *card, int value)
{
    /* libyaml's argument is not const, but it only reads. */
    return card->has_document && value > 0
               ? yaml_document_get_node((yaml_document_t *)(uintptr_t)&card->document, value)
               : NULL;
}

int hf_card_root(const struct hf_card *card)
{
    yaml_node_t *root = node_of(card, 1);

    return root && root->type == YAML_MAPPING_NODE ? 1 : 0;
}

struct hf_text hf_card_text(const struct hf_card *card, int value)
{
    const yaml_node_t *node = node_of(card, value);

    if (!node || node->type != YAML_SCALAR_NODE)
        return (struct hf_text){"", 0};
    return (struct hf_text){(const char *)node->data.scalar.value, node->data.scalar.length};
}

enum hf_card_kind hf_card_kind(const struct hf_card *card, int value)
{
    const yaml_node_t *node = node_of(card, value);
    struct hf_text text;

    if (!node)
        return HF_CARD_NONE;
    if (node->type == YAML_SEQUENCE_NODE)
        return HF_CARD_LIST;
    if (node->type == YAML_MAPPING_NODE)
        return HF_CARD_MAP;
    if (node->data.scalar.style != YAML_PLAIN_SCALAR_STYLE)
        return HF_CARD_TEXT;
    text = hf_card_text(card, value);
    return scalar_kind(&text);
}

int hf_card_member(const struct hf_card *card, int map, const char *name)
{
    const yaml_node_t *node = node_of(card, map);
    struct hf_text key;

    if (!node || node->type != YAML_MAPPING_NODE)
        return 0;
    for (const yaml_node_pair_t *pair = node->data.mapping.pairs.top;
         pair-- > node->data.mapping.pairs.start;) {
        key = hf_card_text(card, pair->key);
        if (key.size == strlen(name) && memcmp(key.text, name, key.size) == 0)
            return pair->value;
    }
    return 0;
}

size_t hf_card_count(const struct hf_card *card, int list)
{
    const yaml_node_t *node = node_of(card, list);

    if (!node || node->type != YAML_SEQUENCE_NODE)
        return 0;
    return (size_t)(node->data.sequence.items.top - node->data.sequence.items.start);
}

int hf_card_element(const struct hf_card *card, int list, size_t i)
{
    return node_of(card, list)->data.sequence.items.start[i];
}
