/*
 * If this fails, some config.json, or tensors of some names and shapes, make the import of a model
 * directory crash, read what is not there, or give a header that our own reader does not
 * understand.
 *
 * The input's first line is config.json; the others are tensors: name, dtype and dimensions,
 * separated by blanks. Their weights are holes of a file.
 */
#include <endian.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fuzz.h"
#include "quant/format/gguf.h"
#include "quant/format/hf/import.h"
#include "quant/format/safetensors.h"

#define FILES 4
#define DATA_MAX (UINT64_C(1) << 40)
#define DIMS_MAX 8
#define READ_SIZE 512

/* Unlike assert() this stays in release builds. */
#define HOLDS(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #condition);         \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

static const char tokens[] =
    "{\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0,\"b\":1},\"merges\":[]},"
    "\"pre_tokenizer\":{\"type\":\"ByteLevel\"}}";

static const char images[] = "{\"image_mean\":[0.5],\"image_std\":[0.5],\"resample\":2}";

static struct hf_file file_of(const char *name, const void *data, size_t size, uint64_t whole)
{
    struct hf_file file = {name, memfd_create("fuzz", MFD_CLOEXEC), whole};

    HOLDS(file.fd >= 0 && pwrite(file.fd, data, size, 0) == (ssize_t)size);
    HOLDS(ftruncate(file.fd, (off_t)whole) == 0);
    return file;
}

static bool find_dtype(const char *name, enum safetensors_dtype *dtype)
{
    for (unsigned i = 0; i < SAFETENSORS_DTYPE_COUNT; i++)
        if (strcmp(safetensors_dtype_name((enum safetensors_dtype)i), name) == 0) {
            *dtype = (enum safetensors_dtype)i;
            return true;
        }
    return false;
}

/* A line's tensor as an entry of the header; nothing if it is none. */
static void put_tensor(FILE *out, char *line, uint64_t *data)
{
    char *rest, *name = strtok_r(line, " ", &rest),
                *word = name ? strtok_r(NULL, " ", &rest) : NULL;
    enum safetensors_dtype dtype;
    uint64_t shape[DIMS_MAX], size;
    unsigned n_dims = 0;

    if (!word || !find_dtype(word, &dtype))
        return;
    size = safetensors_dtype_bits(dtype);
    while (n_dims < DIMS_MAX && (word = strtok_r(NULL, " ", &rest)) != NULL) {
        shape[n_dims] = strtoull(word, NULL, 10);
        if (__builtin_mul_overflow(size, shape[n_dims++], &size) || size / 8 > DATA_MAX)
            return;
    }
    for (char *at = name; *at; at++)
        if (*at < ' ' || *at > '~' || *at == '"' || *at == '\\')
            return;
    if (size % 8 != 0 || *data > DATA_MAX)
        return;
    fprintf(out, "%c\"%s\":{\"dtype\":\"%s\",\"shape\":[", *data ? ',' : ' ', name,
            safetensors_dtype_name(dtype));
    for (unsigned i = 0; i < n_dims; i++)
        fprintf(out, "%s%llu", i ? "," : "", (unsigned long long)shape[i]);
    fprintf(out, "],\"data_offsets\":[%llu,%llu]}", (unsigned long long)*data,
            (unsigned long long)(*data + size / 8));
    *data += size / 8;
}

/* Without a tensor of some size before it, an entry would have no comma: the first one is ours. */
static struct hf_file weights_of(char *lines)
{
    char *text = NULL, *rest = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    uint64_t data = 4, length = 0;
    struct hf_file file;

    HOLDS(out);
    HOLDS(fwrite(&length, sizeof(length), 1, out) == 1);
    fprintf(out, "{\"model.norm.weight\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}");
    for (char *line = strtok_r(lines, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
        put_tensor(out, line, &data);
    HOLDS(fputc('}', out) != EOF && fclose(out) == 0);
    length = htole64(size - sizeof(length));
    memcpy(text, &length, sizeof(length));
    file = file_of("model.safetensors", text, size, size + data);
    free(text);
    return file;
}

static void hold_import(const struct hf_import *import)
{
    const struct hf_plan *plan = hf_import_plan(import);
    size_t size, count;
    const uint8_t *header = hf_import_header(import, &size);
    const struct hf_output *outputs = hf_plan_outputs(plan, &count);
    uint64_t whole = size + hf_plan_size(plan), end = 0;
    struct hf_file file = file_of("header", header, size, whole);
    struct gguf gguf;
    struct defect defect;
    uint8_t data[READ_SIZE];
    int r = gguf_parse(file.fd, whole, &gguf, &defect);

    HOLDS(size % 32 == 0);
    HOLDS(r == 0 || r == -EINVAL); /* names that are too long, or given twice */
    HOLDS(r < 0 || (gguf.tensor_count == count && gguf.data_offset == size));
    for (size_t i = 0; i < count; i++) {
        size_t first = outputs[i].size < sizeof(data) ? (size_t)outputs[i].size : sizeof(data);

        HOLDS(outputs[i].offset >= end && outputs[i].offset % 32 == 0);
        end = outputs[i].offset + outputs[i].size;
        HOLDS(end <= hf_plan_size(plan));
        HOLDS(hf_plan_read(plan, i, 0, data, first) == 0);
        HOLDS(hf_plan_read(plan, i, outputs[i].size - first, data, first) == 0);
        HOLDS(hf_plan_read(plan, i, (outputs[i].size - first) / 2, data, first) == 0);
    }
    gguf_free(&gguf);
    (void)close(file.fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1), *lines;
    struct hf_file files[FILES];
    struct hf_directory directory = {"a-model", files, FILES};
    struct hf_import *import;
    struct defect defect = {0};
    enum type type;
    size_t length;
    int r;

    HOLDS(text);
    if (size > 0)
        memcpy(text, data, size);
    text[size] = '\0';
    length = strcspn(text, "\n");
    lines = text + length + (text[length] == '\n');
    files[0] = file_of("config.json", text, length, length);
    files[1] = file_of("tokenizer.json", tokens, strlen(tokens), strlen(tokens));
    files[2] = file_of("preprocessor_config.json", images, strlen(images), strlen(images));
    files[3] = weights_of(lines);
    for (unsigned projector = 0; projector < 2; projector++) {
        type = size % 2 ? TYPE_F16 : TYPE_NONE;
        import = NULL;
        r = projector ? hf_import_open_projector(&directory, type, &import, &defect)
                      : hf_import_open(&directory, type, &import, &defect);
        HOLDS((r == 0) == (import != NULL));
        HOLDS(r == 0 || (defect.text[0] && (r == -EINVAL || r == -ENOTSUP || r == -ENOMEM ||
                                            (r == -ENOENT && projector))));
        if (r == 0)
            hold_import(import);
        hf_import_free(import);
    }
    for (size_t i = 0; i < FILES; i++)
        (void)close(files[i].fd);
    free(text);
    return 0;
}
