#include "quant/format/hf/vocab.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "quant/format/json.h"
#include "quant/format/json_scan.h"

#define FILE_NAME "tokenizer.json"
#define HOLES_MAX 2 /* model.vocab and model.merges */

/* A part of the file that jansson does not see. */
struct hole {
    size_t start, end;
};

struct reading {
    struct hf_vocab *vocab;
    struct json_scan scan;
    size_t text_room, merge_room;
    struct hole holes[HOLES_MAX];
    size_t hole_count;
    bool has_vocab, has_merges;
    int error; /* -ENOMEM */
};

static const char hole_text[] = "null";

/* Room for one more of an array that doubles. */
static bool grow(void **array, size_t count, size_t *room, size_t size)
{
    size_t wider = *room ? 2 * *room : 1024;
    void *bigger;

    if (count < *room)
        return true;
    bigger = reallocarray(*array, wider, size);
    if (!bigger)
        return false;
    *array = bigger;
    *room = wider;
    return true;
}

/* --- the base vocabulary ------------------------------------------------------------------------
 */

static bool make_room(struct reading *reading, bool scores)
{
    struct hf_vocab *vocab = reading->vocab;
    size_t room[3] = {reading->text_room, reading->text_room, reading->text_room};

    if (!grow((void **)&vocab->texts, vocab->count, &room[0], sizeof(*vocab->texts)) ||
        !grow((void **)&vocab->ids, vocab->count, &room[1], sizeof(*vocab->ids)) ||
        (scores && !grow((void **)&vocab->scores, vocab->count, &room[2], sizeof(*vocab->scores))))
        reading->error = -ENOMEM;
    reading->text_room = room[0];
    return reading->error == 0;
}

static void add_base(struct hf_vocab *vocab, const char *text, size_t size, uint32_t id)
{
    vocab->texts[vocab->count] = (struct hf_text){text, size};
    vocab->ids[vocab->count++] = id;
}

/* When their number is known, so that room is made once. */
static bool index_base(struct reading *reading)
{
    struct hf_vocab *vocab = reading->vocab;
    int r = hf_index_reserve(&vocab->by_text, vocab->texts, vocab->count);

    for (uint32_t i = 0; r == 0 && i < vocab->count; i++) {
        uint32_t place = i;

        r = hf_index_add(&vocab->by_text, vocab->texts, &place);
    }
    if (r == -EEXIST)
        return json_scan_fail(&reading->scan, "a token that is given twice");
    reading->error = r;
    return r == 0;
}

/* {"text": id, ...} of BPE and WordPiece */
static bool read_map(struct reading *reading)
{
    struct json_scan *scan = &reading->scan;
    const char *text;
    size_t size;
    uint64_t id;

    if (!json_scan_open(scan, '{'))
        return false;
    for (bool first = true; json_scan_more(scan, '}', first); first = false) {
        if (!json_scan_name(scan, &text, &size) || !json_scan_u64(scan, &id))
            return false;
        if (id >= UINT32_MAX)
            return json_scan_fail(scan, "the number of a token is too large");
        if (!make_room(reading, false))
            return false;
        add_base(reading->vocab, text, size, (uint32_t)id);
    }
    return !scan->fault && index_base(reading);
}

static bool read_comma(struct json_scan *scan)
{
    if (json_scan_peek(scan) != ',')
        return json_scan_fail(scan, "broken JSON: a comma is missing");
    scan->at++;
    return true;
}

/* The end of an array of two. */
static bool read_close(struct json_scan *scan)
{
    if (json_scan_peek(scan) != ']')
        return json_scan_fail(scan, "not an array of two");
    scan->at++;
    return true;
}

/* [["text", score], ...] of Unigram; the place is the id */
static bool read_pairs(struct reading *reading)
{
    struct json_scan *scan = &reading->scan;
    struct hf_vocab *vocab = reading->vocab;
    const char *text;
    size_t size;
    double score;

    if (!json_scan_open(scan, '['))
        return false;
    for (bool first = true; json_scan_more(scan, ']', first); first = false) {
        if (!json_scan_open(scan, '[') || !json_scan_string(scan, &text, &size) ||
            !read_comma(scan) || !json_scan_double(scan, &score) || !read_close(scan) ||
            !make_room(reading, true))
            return false;
        vocab->scores[vocab->count] = (float)score;
        add_base(vocab, text, size, (uint32_t)vocab->count);
    }
    return !scan->fault && index_base(reading);
}

/* --- merges --------------------------------------------------------------------------------------
 */

static bool has_space(const char *text, size_t size)
{
    return memchr(text, ' ', size) != NULL;
}

/* A part with each space as U+0120, as the converter writes pairs. */
static char *put_part(char *out, const char *text, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (text[i] == ' ') {
            *out++ = '\xc4';
            *out++ = '\xa0';
        } else {
            *out++ = text[i];
        }
    }
    return out;
}

/* ["left", "right"] becomes "left right", where it stood if it fits there. */
static bool read_pair(struct reading *reading, struct hf_text *merge)
{
    struct json_scan *scan = &reading->scan;
    const char *left, *right;
    size_t left_size, right_size;
    char *out;

    if (!json_scan_open(scan, '[') || !json_scan_string(scan, &left, &left_size) ||
        !read_comma(scan) || !json_scan_string(scan, &right, &right_size) || !read_close(scan))
        return false;
    if (has_space(left, left_size) || has_space(right, right_size)) {
        out = hf_arena_take(&reading->vocab->arena, 2 * (left_size + right_size) + 1);
        if (!out) {
            reading->error = -ENOMEM;
            return false;
        }
        merge->text = out;
        out = put_part(out, left, left_size);
        *out++ = ' ';
        merge->size = (size_t)(put_part(out, right, right_size) - merge->text);
        return true;
    }
    out = scan->start + (left - scan->start); /* the same bytes, which are ours to change */
    out[left_size] = ' ';
    memmove(out + left_size + 1, right, right_size);
    *merge = (struct hf_text){left, left_size + 1 + right_size};
    return true;
}

static bool read_merges(struct reading *reading)
{
    struct json_scan *scan = &reading->scan;
    struct hf_vocab *vocab = reading->vocab;
    struct hf_text *merge;
    bool pairs = false, good;

    if (!json_scan_open(scan, '['))
        return false;
    for (bool first = true; json_scan_more(scan, ']', first); first = false) {
        if (vocab->merge_count == 0)
            pairs = json_scan_peek(scan) == '[';
        if (!grow((void **)&vocab->merges, vocab->merge_count, &reading->merge_room,
                  sizeof(*vocab->merges))) {
            reading->error = -ENOMEM;
            return false;
        }
        merge = &vocab->merges[vocab->merge_count];
        good =
            pairs ? read_pair(reading, merge) : json_scan_string(scan, &merge->text, &merge->size);
        if (!good)
            return false;
        vocab->merge_count++;
    }
    return !scan->fault;
}

/* --- the file ------------------------------------------------------------------------------------
 */

static bool is(const char *text, size_t size, const char *name)
{
    return size == strlen(name) && memcmp(text, name, size) == 0;
}

/* A member's name as it stands, escapes and all: jansson will see it, too. */
static bool pass_name(struct json_scan *scan, const char **key, size_t *size)
{
    char *start;

    *key = NULL;
    *size = 0;
    if (json_scan_peek(scan) != '"')
        return json_scan_fail(scan, "no name of a member");
    start = scan->at + 1;
    if (!json_scan_pass(scan))
        return false;
    *key = start;
    *size = (size_t)(scan->at - 1 - start);
    if (json_scan_peek(scan) != ':')
        return json_scan_fail(scan, "broken JSON: a colon is missing");
    scan->at++;
    return true;
}

/* Whether `vocab` or `merges` was read; else the value is left to be skipped. */
static bool read_big_member(struct reading *reading, const char *key, size_t size, bool *was_big)
{
    struct json_scan *scan = &reading->scan;
    char c = json_scan_peek(scan);
    size_t start = (size_t)json_scan_offset(scan);
    bool vocab = is(key, size, "vocab"), good;

    *was_big = (vocab && (c == '{' || c == '[')) || (is(key, size, "merges") && c == '[');
    if (!*was_big)
        return true;
    if (vocab ? reading->has_vocab : reading->has_merges)
        return json_scan_fail(scan, "model.vocab or model.merges is given twice");
    *(vocab ? &reading->has_vocab : &reading->has_merges) = true;
    good = !vocab ? read_merges(reading) : c == '{' ? read_map(reading) : read_pairs(reading);
    reading->holes[reading->hole_count++] = (struct hole){start, (size_t)json_scan_offset(scan)};
    return good;
}

static bool read_model(struct reading *reading)
{
    struct json_scan *scan = &reading->scan;
    const char *key;
    size_t size;
    bool was_big;

    if (!json_scan_open(scan, '{'))
        return false;
    for (bool first = true; json_scan_more(scan, '}', first); first = false)
        if (!pass_name(scan, &key, &size) || !read_big_member(reading, key, size, &was_big) ||
            (!was_big && !json_scan_pass(scan)))
            return false;
    return !scan->fault;
}

/* Takes the big members out of the text and finds where they stood. */
static bool read_file(struct reading *reading)
{
    struct json_scan *scan = &reading->scan;
    const char *key;
    size_t size;
    bool good;

    if (!json_scan_open(scan, '{'))
        return false;
    for (bool first = true; json_scan_more(scan, '}', first); first = false) {
        if (!pass_name(scan, &key, &size))
            return false;
        good = is(key, size, "model") && json_scan_peek(scan) == '{' ? read_model(reading)
                                                                     : json_scan_pass(scan);
        if (!good)
            return false;
    }
    return !scan->fault;
}

/* What is left of the text, for jansson, which says where in it an error is. */
static int parse_rest(struct reading *reading, size_t size, struct defect *defect)
{
    char *rest = malloc(size + HOLES_MAX * sizeof(hole_text)), *out = rest;
    size_t at = 0, moved = 0;
    int r;

    if (!rest)
        return -ENOMEM;
    for (size_t i = 0; i < reading->hole_count; i++) {
        memcpy(out, reading->vocab->file + at, reading->holes[i].start - at);
        out += reading->holes[i].start - at;
        memcpy(out, hole_text, sizeof(hole_text) - 1);
        out += sizeof(hole_text) - 1;
        at = reading->holes[i].end;
    }
    memcpy(out, reading->vocab->file + at, size - at);
    out += size - at;
    r = json_parse(FILE_NAME, rest, (size_t)(out - rest), JSON_AS_PYTHON, &reading->vocab->rest,
                   defect);
    for (size_t i = 0; r == -EINVAL && i < reading->hole_count; i++)
        if (defect && defect->offset + moved >= reading->holes[i].start + sizeof(hole_text))
            moved += reading->holes[i].end - reading->holes[i].start - (sizeof(hole_text) - 1);
    if (r == -EINVAL && defect)
        defect->offset += moved;
    free(rest);
    return r;
}

/* --- added tokens --------------------------------------------------------------------------------
 */

bool hf_vocab_find(const struct hf_vocab *vocab, const char *text, size_t size, uint32_t *id)
{
    uint32_t place;

    if (!hf_index_find(&vocab->by_text, vocab->texts, text, size, &place))
        return false;
    *id = vocab->ids[place];
    return true;
}

/* Room was made for one more of each. A text that was added before takes the later flags. */
static int add(struct hf_vocab *vocab, const struct hf_added_token *token)
{
    const struct hf_text *text = &token->text;
    uint32_t place = (uint32_t)vocab->count, *of_place;
    int r;

    vocab->texts[place] = *text;
    r = hf_index_add(&vocab->by_text, vocab->texts, &place);
    if (r < 0 && r != -EEXIST)
        return r;
    if (r == 0) {
        vocab->ids[place] = vocab->next_id;
        vocab->count++;
    }
    of_place = &vocab->ids[place];
    if (*of_place >= vocab->next_id) {
        if (*of_place == UINT32_MAX)
            return -EINVAL;
        vocab->next_id = *of_place + 1;
    }
    vocab->added[vocab->added_count++] = (struct hf_added){.place = place,
                                                           .special = token->special,
                                                           .normalized = token->normalized,
                                                           .match = token->match};
    return 0;
}

static int make_added_room(struct hf_vocab *vocab, size_t more)
{
    struct hf_text *texts = reallocarray(vocab->texts, vocab->count + more, sizeof(*vocab->texts));
    uint32_t *ids;
    struct hf_added *added;

    if (texts)
        vocab->texts = texts;
    ids = texts ? reallocarray(vocab->ids, vocab->count + more, sizeof(*ids)) : NULL;
    if (ids)
        vocab->ids = ids;
    added = ids ? reallocarray(vocab->added, vocab->added_count + more, sizeof(*added)) : NULL;
    if (!added)
        return -ENOMEM;
    vocab->added = added;
    return 0;
}

bool hf_added_token(const json_t *json, struct hf_added_token *token)
{
    static const char *const matches[] = {"single_word", "lstrip", "rstrip"};
    const json_t *normalized = json_member(json, "normalized");

    token->special = json_member_true(json, "special");
    token->normalized = normalized ? json_is_true(normalized) : !token->special;
    token->match = 0;
    for (unsigned i = 0; i < sizeof(matches) / sizeof(matches[0]); i++)
        if (json_member_true(json, matches[i]))
            token->match |= (unsigned char)(1 << i);
    return json_as_text(json_member(json, "content"), &token->text.text, &token->text.size);
}

/* The last entry of each place: number and 1; 0: the token is not among the added ones. */
static uint32_t *index_added(const struct hf_vocab *vocab)
{
    uint32_t *last = calloc(vocab->count + 1, sizeof(*last));

    for (size_t i = 0; last && i < vocab->added_count; i++)
        last[vocab->added[i].place] = (uint32_t)i + 1;
    return last;
}

static bool is_same(const struct hf_added *added, const struct hf_added_token *token)
{
    return added->special == token->special && added->normalized == token->normalized &&
           added->match == token->match;
}

int hf_vocab_news(const struct hf_vocab *vocab, struct hf_added_token *tokens, size_t *count)
{
    uint32_t *last = index_added(vocab), place;
    const struct hf_text *text;
    size_t news = 0;

    if (!last)
        return -ENOMEM;
    for (size_t i = 0; i < *count; i++) {
        text = &tokens[i].text;
        if (text->size > 0 &&
            !(hf_index_find(&vocab->by_text, vocab->texts, text->text, text->size, &place) &&
              last[place] > 0 && is_same(&vocab->added[last[place] - 1], &tokens[i])))
            tokens[news++] = tokens[i];
    }
    free(last);
    *count = news;
    return 0;
}

int hf_vocab_add(struct hf_vocab *vocab, const struct hf_added_token *tokens, size_t count)
{
    int r = make_added_room(vocab, count);

    for (size_t i = 0; r == 0 && i < count; i++)
        r = add(vocab, &tokens[i]);
    return r;
}

int hf_vocab_append(struct hf_vocab *vocab, const char *text, size_t size)
{
    struct hf_added_token token = {.text = {text, size}, .special = true};
    uint32_t place;
    int r;

    if (size == 0)
        return 0;
    if (hf_index_find(&vocab->by_text, vocab->texts, text, size, &place))
        for (size_t i = 0; i < vocab->added_count; i++)
            if (vocab->added[i].place == place)
                return 0;
    r = make_added_room(vocab, 1);
    return r < 0 ? r : add(vocab, &token);
}

static int add_tokens(const struct hf_directory *directory, struct hf_vocab *vocab,
                      struct defect *defect)
{
    const json_t *list = json_member(vocab->rest, "added_tokens"), *entry;
    struct hf_added_token token;
    int r;

    vocab->next_id = (uint32_t)vocab->base_count;
    vocab->added_entries = json_array_size(list);
    if (vocab->added_entries == 0)
        return 0;
    r = make_added_room(vocab, vocab->added_entries);
    for (size_t i = 0; r == 0 && i < vocab->added_entries; i++) {
        entry = json_array_get(list, i);
        if (!hf_added_token(entry, &token))
            return hf_blame(directory, FILE_NAME, defect, EINVAL, DEFECT_NOWHERE,
                            "added_tokens[%zu] has no content", i);
        if (token.text.size == 0)
            continue;
        if (!json_member(entry, "normalized"))
            token.normalized = true;
        r = add(vocab, &token);
    }
    if (r == -EINVAL)
        return hf_blame(directory, FILE_NAME, defect, EINVAL, DEFECT_NOWHERE,
                        "added tokens beyond the number 4294967295");
    return r;
}

int hf_vocab_read(const struct hf_directory *directory, struct hf_vocab **out,
                  struct defect *defect)
{
    struct hf_vocab *vocab = calloc(1, sizeof(*vocab));
    struct reading reading = {.vocab = vocab};
    size_t size;
    int r;

    *out = NULL;
    if (!vocab)
        return -ENOMEM;
    r = hf_read_text(directory, FILE_NAME, HF_VOCAB_MAX, &vocab->file, &size, defect);
    if (r < 0)
        goto out;
    json_scan_start(&reading.scan, vocab->file, size);
    if (!read_file(&reading)) {
        r = reading.error ? reading.error
                          : hf_blame(directory, FILE_NAME, defect, EINVAL,
                                     json_scan_offset(&reading.scan), "%s", reading.scan.fault);
        goto out;
    }
    vocab->base_count = vocab->count;
    r = parse_rest(&reading, size, defect);
    if (r < 0)
        goto out;
    vocab->model = json_member(vocab->rest, "model");
    if (!reading.has_vocab)
        r = hf_blame(directory, FILE_NAME, defect, EINVAL, DEFECT_NOWHERE, "no model.vocab");
    if (r == 0)
        r = add_tokens(directory, vocab, defect);
out:
    if (r < 0)
        hf_vocab_free(vocab);
    else
        *out = vocab;
    return r;
}

void hf_vocab_free(struct hf_vocab *vocab)
{
    if (!vocab)
        return;
    json_decref(vocab->rest);
    hf_index_free(&vocab->by_text);
    hf_arena_free(&vocab->arena);
    free(vocab->texts);
    free(vocab->ids);
    free(vocab->scores);
    free(vocab->added);
    free(vocab->merges);
    free(vocab->file);
    free(vocab);
}
