/*
 * If this fails, some file of a model directory besides its weights (tokenizer, configs, model
 * card) makes its reader crash, or gives keys that are no header.
 *
 * An input is a directory: each file behind a line "== NAME", and a line's end behind it.
 */
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fuzz.h"
#include "quant/format/gguf.h"
#include "quant/format/hf/general.h"
#include "quant/format/hf/tokenizer.h"
#include "quant/format/hf/vocab.h"
#include "quant/format/json.h"

/* Unlike assert() this stays in release builds. */
#define HOLDS(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #condition);         \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

#define FILES_MAX 16
#define NAME_SIZE 64

struct input {
    struct hf_directory directory;
    struct hf_file files[FILES_MAX];
    char names[FILES_MAX][NAME_SIZE];
};

static int file_of(const uint8_t *data, size_t size)
{
    int fd = memfd_create("fuzz", MFD_CLOEXEC);

    HOLDS(fd >= 0 && pwrite(fd, data, size, 0) == (ssize_t)size);
    return fd;
}

/* Where a line "== " begins, or the end. */
static size_t next_file(const uint8_t *data, size_t size, size_t at)
{
    for (; at < size; at++)
        if (size - at > 3 && memcmp(data + at, "== ", 3) == 0 && (at == 0 || data[at - 1] == '\n'))
            return at;
    return size;
}

static void cut(struct input *input, const uint8_t *data, size_t size)
{
    size_t at = next_file(data, size, 0), end, start, length, last;
    const uint8_t *line;

    *input = (struct input){.directory = {.name = "Some-Model-7B", .files = input->files}};
    for (; at < size && input->directory.count < FILES_MAX; at = end) {
        line = memchr(data + at, '\n', size - at);
        start = line ? (size_t)(line - data) + 1 : size;
        end = next_file(data, size, start);
        length = start - at - 3 - (line != NULL);
        last = end > start ? end - 1 : end;
        if (length >= NAME_SIZE)
            continue;
        memcpy(input->names[input->directory.count], data + at + 3, length);
        input->files[input->directory.count] =
            (struct hf_file){input->names[input->directory.count],
                             file_of(data + start, last - start), last - start};
        input->directory.count++;
    }
}

/* What was written is a header of a file without tensors. */
static void hold_keys(const struct hf_kv *kv)
{
    uint64_t counts[2] = {0, hf_kv_count(kv)};
    size_t size = 24 + (size_t)hf_kv_size(kv);
    uint8_t *data = malloc(size);
    struct gguf gguf;
    struct defect defect;
    int fd, r;

    HOLDS(data);
    memcpy(data, "GGUF\3\0\0\0", 8);
    memcpy(data + 8, counts, sizeof(counts)); /* the tests' machines are little-endian */
    hf_kv_write(kv, data + 24);
    fd = file_of(data, size);
    r = gguf_parse(fd, size, &gguf, &defect);
    if (r < 0)
        fprintf(stderr, "%s\n", defect.text);
    HOLDS(r == 0 && gguf.key_count == hf_kv_count(kv));
    gguf_free(&gguf);
    (void)close(fd);
    free(data);
}

static void hold(int r, const struct defect *defect, const struct hf_kv *kv)
{
    HOLDS(r == 0 || defect->text[0] || r == -ENOMEM);
    if (r == 0)
        hold_keys(kv);
}

static void write_tokenizer(const struct input *input, const json_t *config, unsigned kind)
{
    struct hf_tokenizer_rules rules = {.kind = (enum hf_tokenizer_kind)kind};
    struct hf_tokenizer *tokenizer;
    struct defect defect = {0};
    struct hf_kv *kv;
    size_t count;
    int r;

    (void)json_as_u64(json_member(config, "vocab_size"), &rules.vocab_size);
    HOLDS(hf_kv_new(&kv) == 0);
    r = hf_tokenizer_open(&input->directory, config, &tokenizer, &defect);
    HOLDS((r == 0) == (tokenizer != NULL));
    if (r == 0)
        r = hf_tokenizer_write(tokenizer, &rules, kv, &count, &defect);
    hold(r, &defect, kv);
    hf_tokenizer_close(tokenizer);
    hf_kv_free(kv);
}

static void write_general(const struct input *input, const json_t *config)
{
    struct hf_parameters parameters = {.total = 7000000000};
    struct defect defect = {0};
    struct hf_kv *kv;
    int r;

    HOLDS(hf_kv_new(&kv) == 0);
    r = hf_general_write(&input->directory, config, &parameters, kv, &defect);
    hold(r, &defect, kv);
    hf_kv_free(kv);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input input;
    struct defect defect = {0};
    json_t *config = NULL;
    char *text;
    size_t length;

    cut(&input, data, size);
    if (hf_read_text(&input.directory, "config.json", HF_JSON_MAX, &text, &length, &defect) == 0) {
        int r = json_parse("config.json", text, length, JSON_AS_PYTHON, &config, &defect);

        HOLDS((r == 0) == (config != NULL) && (r == 0 || (r == -EINVAL && defect.text[0])));
        free(text);
    }
    write_general(&input, config);
    write_tokenizer(&input, config, HF_TOKENIZER_LLAMA);
    write_tokenizer(&input, config, (unsigned)size % (HF_TOKENIZER_T5 + 1));
    json_decref(config);
    for (size_t i = 0; i < input.directory.count; i++)
        (void)close(input.files[i].fd);
    return 0;
}
