#include "quant/format/hf/pieces.h"

#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "quant/format/hf/bytes.h"

#define FILE_MAX_SIZE ((size_t)64 << 20)

/* Numbers of fields: of the model, and of its parts. */
enum {
    MODEL_PIECE = 1,
    MODEL_TRAINER = 2,
    MODEL_NORMALIZER = 3,
    PIECE_TEXT = 1,
    PIECE_SCORE = 2,
    PIECE_TYPE = 3,
    TRAINER_MODEL_TYPE = 3,
    NORMALIZER_CHARSMAP = 2,
    NORMALIZER_DUMMY_PREFIX = 3,
    NORMALIZER_REMOVE_BLANKS = 4,
};

enum wire {
    WIRE_VARINT = 0,
    WIRE_64 = 1,
    WIRE_BYTES = 2,
    WIRE_32 = 5,
};

/* A message that is being read, and what is wrong with it. */
struct message {
    const uint8_t *at, *end;
    const char *fault; /* a phrase, or NULL */
};

struct field {
    uint64_t number;
    enum wire wire;
    uint64_t value;      /* of WIRE_VARINT; bits of WIRE_32 and WIRE_64 */
    struct hf_text text; /* of WIRE_BYTES */
};

static bool fail(struct message *message, const char *fault)
{
    if (!message->fault)
        message->fault = fault;
    return false;
}

static bool read_varint(struct message *message, uint64_t *value)
{
    unsigned shift = 0;

    for (*value = 0; message->at < message->end && shift < 70; shift += 7) {
        uint8_t byte = *message->at++;

        if (shift == 63 && byte > 1)
            break;
        *value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80)
            return true;
    }
    return fail(message, "a number without an end");
}

static bool read_fixed(struct message *message, size_t size, uint64_t *value)
{
    uint64_t bits = 0;

    if ((size_t)(message->end - message->at) < size)
        return fail(message, "it ends within a field");
    memcpy(&bits, message->at, size);
    message->at += size;
    *value = le64toh(bits);
    return true;
}

static bool read_bytes(struct message *message, struct hf_text *text)
{
    uint64_t size;

    if (!read_varint(message, &size))
        return false;
    if (size > (uint64_t)(message->end - message->at))
        return fail(message, "a field that is longer than what is left");
    *text = (struct hf_text){(const char *)message->at, (size_t)size};
    message->at += size;
    return true;
}

/* Reads one field; false at the end, or at a fault. */
static bool next_field(struct message *message, struct field *field)
{
    uint64_t tag;

    if (message->fault || message->at == message->end || !read_varint(message, &tag))
        return false;
    *field = (struct field){.number = tag >> 3, .wire = (enum wire)(tag & 7)};
    if (field->number == 0)
        return fail(message, "a field without a number");
    switch (field->wire) {
    case WIRE_VARINT:
        return read_varint(message, &field->value);
    case WIRE_64:
        return read_fixed(message, 8, &field->value);
    case WIRE_32:
        return read_fixed(message, 4, &field->value);
    case WIRE_BYTES:
        return read_bytes(message, &field->text);
    default:
        return fail(message, "a field of an unknown wire type");
    }
}

static struct message message_of(const struct hf_text *text)
{
    const uint8_t *start = (const uint8_t *)text->text;

    return (struct message){start, start + text->size, NULL};
}

static bool is(const struct field *field, uint64_t number, enum wire wire)
{
    return field->number == number && field->wire == wire;
}

static float float_of(uint64_t bits)
{
    uint32_t low = (uint32_t)bits;
    float value;

    memcpy(&value, &low, sizeof(value));
    return value;
}

static const char *read_piece(const struct hf_text *text, struct hf_piece *piece)
{
    struct message message = message_of(text);
    struct field field;

    *piece = (struct hf_piece){.text = {"", 0}, .type = HF_PIECE_NORMAL};
    while (next_field(&message, &field)) {
        if (is(&field, PIECE_TEXT, WIRE_BYTES))
            piece->text = field.text;
        else if (is(&field, PIECE_SCORE, WIRE_32))
            piece->score = float_of(field.value);
        else if (is(&field, PIECE_TYPE, WIRE_VARINT) && field.value >= HF_PIECE_NORMAL &&
                 field.value <= HF_PIECE_BYTE)
            piece->type = (enum hf_piece_type)field.value;
    }
    if (!message.fault && piece->text.size == 0)
        return "a piece without a text";
    if (!message.fault && !hf_is_utf8(piece->text.text, piece->text.size))
        return "a piece that is no UTF-8";
    return message.fault;
}

static const char *read_part(const struct field *part, struct hf_pieces *pieces)
{
    struct message message = message_of(&part->text);
    bool trainer = part->number == MODEL_TRAINER;
    struct field field;

    while (next_field(&message, &field)) {
        if (trainer && is(&field, TRAINER_MODEL_TYPE, WIRE_VARINT))
            pieces->model = field.value;
        else if (!trainer && is(&field, NORMALIZER_CHARSMAP, WIRE_BYTES))
            pieces->charsmap = field.text;
        else if (!trainer && is(&field, NORMALIZER_DUMMY_PREFIX, WIRE_VARINT))
            pieces->add_dummy_prefix = field.value != 0;
        else if (!trainer && is(&field, NORMALIZER_REMOVE_BLANKS, WIRE_VARINT))
            pieces->remove_extra_whitespaces = field.value != 0;
    }
    return message.fault;
}

static int read_model(struct message *model, struct hf_pieces *pieces)
{
    struct field field;
    size_t room = 0;

    while (next_field(model, &field)) {
        if (is(&field, MODEL_TRAINER, WIRE_BYTES) || is(&field, MODEL_NORMALIZER, WIRE_BYTES)) {
            model->fault = read_part(&field, pieces);
        } else if (is(&field, MODEL_PIECE, WIRE_BYTES)) {
            if (pieces->count == room) {
                struct hf_piece *wider;

                room = room ? 2 * room : 1024;
                wider = reallocarray(pieces->pieces, room, sizeof(*wider));
                if (!wider)
                    return -ENOMEM;
                pieces->pieces = wider;
            }
            model->fault = read_piece(&field.text, &pieces->pieces[pieces->count++]);
        }
    }
    if (!model->fault && pieces->count == 0)
        model->fault = "no pieces";
    return model->fault ? -EINVAL : 0;
}

int hf_pieces_read(const struct hf_directory *directory, const char *name, struct hf_pieces *pieces,
                   struct defect *defect)
{
    struct message model = {0};
    size_t size;
    int r;

    *pieces = (struct hf_pieces){
        .model = HF_PIECES_UNIGRAM, .add_dummy_prefix = true, .remove_extra_whitespaces = true};
    r = hf_read_text(directory, name, FILE_MAX_SIZE, &pieces->file, &size, defect);
    if (r < 0)
        return r;
    model.at = (const uint8_t *)pieces->file;
    model.end = model.at + size;
    r = read_model(&model, pieces);
    if (r == -EINVAL)
        r = hf_blame(directory, name, defect, EINVAL,
                     (uint64_t)(model.at - (const uint8_t *)pieces->file),
                     "no SentencePiece model: %s", model.fault);
    if (r < 0)
        hf_pieces_free(pieces);
    return r;
}

void hf_pieces_free(struct hf_pieces *pieces)
{
    free(pieces->file);
    free(pieces->pieces);
    *pieces = (struct hf_pieces){0};
}
