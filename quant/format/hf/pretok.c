#include "quant/format/hf/pretok.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "quant/format/hf/bytes.h"
#include "quant/format/hf/pretok_table.h"
#include "quant/format/json.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define DIGEST_SIZE HF_PRETOK_DIGEST_SIZE
#define PIECE_MAX 64 /* bytes of a piece */
#define NO_RANK UINT32_MAX

/* A growing text, and the first error. */
struct buffer {
    char *text;
    size_t size, room;
    int error;
};

static void put(struct buffer *buffer, const char *text, size_t size)
{
    size_t room = 2 * (buffer->size + size) + 256;
    char *wider;

    if (buffer->error || size == 0)
        return;
    if (buffer->room - buffer->size < size) {
        wider = realloc(buffer->text, room);
        if (!wider) {
            buffer->error = -ENOMEM;
            return;
        }
        buffer->text = wider;
        buffer->room = room;
    }
    memcpy(buffer->text + buffer->size, text, size);
    buffer->size += size;
}

static void put_text(struct buffer *buffer, const char *text)
{
    put(buffer, text, strlen(text));
}

/* Hashes and drops what the buffer holds. */
static int finish(struct buffer *buffer, char digest[DIGEST_SIZE])
{
    unsigned char bytes[EVP_MAX_MD_SIZE];
    int r = buffer->error;

    if (r == 0 && EVP_Digest(buffer->text ? buffer->text : "", buffer->size, bytes, NULL,
                             EVP_sha256(), NULL) != 1)
        r = -ENOMEM;
    for (size_t i = 0; r == 0 && i < (DIGEST_SIZE - 1) / 2; i++)
        (void)snprintf(digest + 2 * i, 3, "%02x", bytes[i]);
    free(buffer->text);
    *buffer = (struct buffer){0};
    return r;
}

static int by_digest(const void *a, const void *b)
{
    return strcmp(((const struct named_digest *)a)->digest,
                  ((const struct named_digest *)b)->digest);
}

static const char *find_name(const struct named_digest *names, size_t count, const char *digest)
{
    struct named_digest key = {digest, NULL}, *found;

    found = bsearch(&key, names, count, sizeof(key), by_digest);
    return found ? found->name : NULL;
}

/* --- the definition ------------------------------------------------------------------------------
 */

static void put_member(struct buffer *buffer, const json_t *object, const char *name)
{
    const json_t *text = json_member(object, name);

    put(buffer, "\x1f", 1);
    if (json_is_string(text))
        put(buffer, json_string_value(text), json_string_length(text));
}

static void put_flag(struct buffer *buffer, const json_t *object, const char *name, bool standard)
{
    const json_t *value = json_member(object, name);

    put_text(buffer, (value ? json_is_true(value) : standard) ? "\x1f"
                                                                "1"
                                                              : "\x1f"
                                                                "0");
}

/* What decides the pieces, of one pre-tokenizer. */
static void put_definition(struct buffer *buffer, const json_t *part)
{
    const char *type = json_string_value(json_member(part, "type"));

    put_text(buffer, type ? type : "");
    if (type && strcmp(type, "Split") == 0) {
        put_member(buffer, json_member(part, "pattern"), "Regex");
        put_member(buffer, json_member(part, "pattern"), "String");
        put_member(buffer, part, "behavior");
        put_flag(buffer, part, "invert", false);
    } else if (type && strcmp(type, "ByteLevel") == 0) {
        put_flag(buffer, part, "add_prefix_space", false);
        put_flag(buffer, part, "use_regex", true);
    } else if (type && strcmp(type, "Digits") == 0) {
        put_flag(buffer, part, "individual_digits", false);
    }
    put(buffer, "\x1e", 1);
}

static void put_regex(struct buffer *buffer, const json_t *part)
{
    const json_t *regex = json_member(json_member(part, "pattern"), "Regex");

    if (json_is_string(regex))
        put(buffer, json_string_value(regex), json_string_length(regex));
}

/* Digests of a pre_tokenizer: of its definition, and of its expressions alone. */
static int digest_parts(const json_t *pre, void (*put_part)(struct buffer *, const json_t *),
                        char digest[DIGEST_SIZE])
{
    const json_t *list = json_member(pre, "pretokenizers");
    struct buffer buffer = {0};

    if (!list)
        put_part(&buffer, pre);
    for (size_t i = 0; i < json_array_size(list); i++)
        put_part(&buffer, json_array_get(list, i));
    return finish(&buffer, digest);
}

/* --- encoding the text ---------------------------------------------------------------------------
 */

/* A part of a piece that is one token by now. */
struct symbol {
    const char *text;
    size_t size;
};

struct encoding {
    const struct hf_vocab *vocab;
    struct hf_index merges; /* of vocab->merges: the place is the rank */
    struct buffer numbers;  /* "[1, 2, 3" */
    bool known;             /* all of it is in the vocabulary */
};

static void put_number(struct encoding *encoding, uint32_t id)
{
    char text[16];

    (void)snprintf(text, sizeof(text), "%s%u", encoding->numbers.size ? ", " : "[", id);
    put_text(&encoding->numbers, text);
}

static void put_token(struct encoding *encoding, const char *text, size_t size)
{
    uint32_t id = 0;

    encoding->known &= hf_vocab_find(encoding->vocab, text, size, &id);
    put_number(encoding, id);
}

static uint32_t rank_of(const struct encoding *encoding, const struct symbol *left,
                        const struct symbol *right)
{
    char pair[4 * PIECE_MAX + 1];
    uint32_t rank;

    memcpy(pair, left->text, left->size);
    pair[left->size] = ' ';
    memcpy(pair + left->size + 1, right->text, right->size);
    return hf_index_find(&encoding->merges, encoding->vocab->merges, pair,
                         left->size + 1 + right->size, &rank)
               ? rank
               : NO_RANK;
}

/* Joins the pair of the lowest rank, the leftmost of equal ones, until no pair has one. */
static size_t merge(const struct encoding *encoding, struct symbol *symbols, size_t count)
{
    uint32_t best, rank;
    size_t at = 0;

    for (;;) {
        best = NO_RANK;
        for (size_t i = 0; i + 1 < count; i++) {
            rank = rank_of(encoding, &symbols[i], &symbols[i + 1]);
            if (rank < best) {
                best = rank;
                at = i;
            }
        }
        if (best == NO_RANK)
            return count;
        symbols[at].size += symbols[at + 1].size; /* they stand side by side */
        count--;
        memmove(&symbols[at + 1], &symbols[at + 2], (count - at - 1) * sizeof(*symbols));
    }
}

static void encode_piece(struct encoding *encoding, const char *bytes, size_t size)
{
    char text[2 * PIECE_MAX];
    struct symbol symbols[PIECE_MAX];
    size_t count = 0, end = 0;
    uint32_t id;

    for (size_t i = 0; i < size; i++, count++) {
        symbols[count] = (struct symbol){text + end, 0};
        symbols[count].size = hf_byte_symbol((unsigned char)bytes[i], text + end);
        end += symbols[count].size;
    }
    if (json_member_true(encoding->vocab->model, "ignore_merges") &&
        hf_vocab_find(encoding->vocab, text, end, &id)) {
        put_number(encoding, id);
        return;
    }
    count = merge(encoding, symbols, count);
    for (size_t i = 0; i < count; i++)
        put_token(encoding, symbols[i].text, symbols[i].size);
}

/* --- the tokens around the text ------------------------------------------------------------------
 */

static void put_ids(struct encoding *encoding, const json_t *ids)
{
    uint64_t id;

    for (size_t i = 0; i < json_array_size(ids); i++)
        if (json_as_u64(json_array_get(ids, i), &id) && id <= UINT32_MAX)
            put_number(encoding, (uint32_t)id);
}

/* The entries of a template that stand before (or behind) its sequence. */
static void put_template(struct encoding *encoding, const json_t *processor, bool behind)
{
    const json_t *single = json_member(processor, "single");
    const json_t *tokens = json_member(processor, "special_tokens"), *entry;
    const char *id;
    bool passed = false;

    for (size_t i = 0; i < json_array_size(single); i++) {
        entry = json_array_get(single, i);
        if (json_member(entry, "Sequence")) {
            passed = true;
            continue;
        }
        id = json_string_value(json_member(json_member(entry, "SpecialToken"), "id"));
        if (id && passed == behind)
            put_ids(encoding, json_member(json_member(tokens, id), "ids"));
    }
}

static void put_processor(struct encoding *encoding, const json_t *processor, bool behind)
{
    const char *type = json_string_value(json_member(processor, "type"));
    const json_t *pair = json_member(processor, behind ? "sep" : "cls");
    uint64_t id;

    if (type && strcmp(type, "TemplateProcessing") == 0)
        put_template(encoding, processor, behind);
    else if (type && strcmp(type, "RobertaProcessing") == 0 &&
             json_as_u64(json_array_get(pair, 1), &id) && id <= UINT32_MAX)
        put_number(encoding, (uint32_t)id);
}

static void put_around(struct encoding *encoding, bool behind)
{
    const json_t *processor = json_member(encoding->vocab->rest, "post_processor");
    const json_t *list = json_member(processor, "processors");

    if (!list)
        put_processor(encoding, processor, behind);
    for (size_t i = 0; i < json_array_size(list); i++)
        put_processor(encoding, json_array_get(list, i), behind);
}

/* Classes like LlamaTokenizerFast put bos before a text though tokenizer.json does not say so. */
static void put_bos(struct encoding *encoding, const json_t *tokenizer_config)
{
    const json_t *bos = json_member(tokenizer_config, "bos_token");
    const json_t *content = json_member(bos, "content");

    if (content)
        bos = content;
    if (json_member_true(tokenizer_config, "add_bos_token") && json_is_string(bos))
        put_token(encoding, json_string_value(bos), json_string_length(bos));
}

/* --- the name ------------------------------------------------------------------------------------
 */

static int digest_text(struct encoding *encoding, const struct definition *definition,
                       const json_t *bos_of, char digest[DIGEST_SIZE])
{
    const char *at = check_text;

    encoding->known = true;
    if (bos_of)
        put_bos(encoding, bos_of);
    put_around(encoding, false);
    for (const uint8_t *size = definition->pieces; *size; at += *size++)
        encode_piece(encoding, at, *size);
    put_around(encoding, true);
    put(&encoding->numbers, "]", 1);
    return finish(&encoding->numbers, digest);
}

/* Whether an added token would be found within the text, which then has other pieces. */
static bool disturbed(const struct hf_vocab *vocab)
{
    const struct hf_text *text;

    for (size_t i = 0; i < vocab->added_count; i++) {
        text = &vocab->texts[vocab->added[i].place];
        if (memmem(check_text, sizeof(check_text) - 1, text->text, text->size))
            return true;
    }
    return false;
}

static const struct definition *find_definition(const char *digest)
{
    for (size_t i = 0; i < COUNT(definitions); i++)
        if (strcmp(definitions[i].digest, digest) == 0)
            return &definitions[i];
    return NULL;
}

/* Which bytes stand side by side in the text, as symbols. */
struct neighbours {
    uint8_t bits[65536 / 8];
};

static void find_neighbours(struct neighbours *neighbours)
{
    char symbol[2];
    unsigned last = 0, next;

    memset(neighbours, 0, sizeof(*neighbours));
    for (size_t i = 0; i < sizeof(check_text) - 1; i++) {
        for (size_t j = 0, n = hf_byte_symbol((unsigned char)check_text[i], symbol); j < n; j++) {
            next = (unsigned char)symbol[j];
            neighbours->bits[(last << 8 | next) / 8] |= (uint8_t)(1 << next % 8);
            last = next;
        }
    }
}

/* Whether the seam of a merge is one of the text's. */
static bool may_occur(const struct neighbours *neighbours, const struct hf_text *merge)
{
    const char *space = memchr(merge->text, ' ', merge->size);
    unsigned last, next;

    if (!space || space == merge->text || space + 1 == merge->text + merge->size)
        return false;
    last = (unsigned char)space[-1];
    next = (unsigned char)space[1];
    return neighbours->bits[(last << 8 | next) / 8] >> next % 8 & 1;
}

/* Of equal ones the last counts. Most cannot occur, and are not worth a slot. */
static int index_merges(struct encoding *encoding)
{
    const struct hf_vocab *vocab = encoding->vocab;
    struct neighbours neighbours;
    int r = 0;

    find_neighbours(&neighbours);
    for (size_t i = 0; r == 0 && i < vocab->merge_count; i++)
        if (may_occur(&neighbours, &vocab->merges[i]))
            r = hf_index_replace(&encoding->merges, vocab->merges, (uint32_t)i);
    return r;
}

static void encoding_free(struct encoding *encoding)
{
    hf_index_free(&encoding->merges);
    free(encoding->numbers.text);
}

/* *name: NULL if the numbers are nobody's. */
static int name_by_numbers(const struct hf_vocab *vocab, const struct definition *definition,
                           const json_t *tokenizer_config, const char **name)
{
    struct encoding encoding = {.vocab = vocab};
    char digest[DIGEST_SIZE];
    int r = index_merges(&encoding);

    for (int bos = 0; r == 0 && !*name && bos < 2; bos++) {
        r = digest_text(&encoding, definition, bos ? tokenizer_config : NULL, digest);
        if (r == 0 && encoding.known)
            *name = find_name(check_digests, COUNT(check_digests), digest);
    }
    encoding_free(&encoding);
    return r;
}

int hf_pretok_digest(const struct hf_vocab *vocab, char digest[HF_PRETOK_DIGEST_SIZE])
{
    struct encoding encoding = {.vocab = vocab};
    const struct definition *definition;
    int r = digest_parts(json_member(vocab->rest, "pre_tokenizer"), put_definition, digest);

    if (r < 0)
        return r;
    definition = find_definition(digest);
    if (!definition || disturbed(vocab))
        return -ENOENT;
    r = index_merges(&encoding);
    if (r == 0)
        r = digest_text(&encoding, definition, NULL, digest);
    if (r == 0 && !encoding.known)
        r = -ENOENT;
    encoding_free(&encoding);
    return r;
}

/* `usual` if it is among the names, else the first. */
static const char *choose(const struct definition *definition, const char *usual)
{
    for (size_t i = 0; usual && i < COUNT(definition->names) && definition->names[i]; i++)
        if (strcmp(definition->names[i], usual) == 0)
            return definition->names[i];
    return definition->names[0];
}

int hf_pretok_name(const struct hf_vocab *vocab, const json_t *tokenizer_config, const char *usual,
                   const char **name)
{
    const json_t *pre = json_member(vocab->rest, "pre_tokenizer");
    const struct definition *definition;
    char digest[DIGEST_SIZE];
    int r = digest_parts(pre, put_definition, digest);

    *name = NULL;
    if (r < 0)
        return r;
    definition = find_definition(digest);
    if (definition && !disturbed(vocab))
        r = name_by_numbers(vocab, definition, tokenizer_config, name);
    if (r == 0 && !*name && definition)
        *name = choose(definition, usual);
    if (r == 0 && !*name)
        r = digest_parts(pre, put_regex, digest);
    if (r == 0 && !*name)
        *name = find_name(regex_digests, COUNT(regex_digests), digest);
    if (r == 0 && !*name)
        *name = "default";
    return r;
}
