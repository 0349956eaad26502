#include "quant/format/hf/files.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Folders with inputs: what the first one's name ends with, and the second one's name. */
#define POOLING "_Pooling"
#define TEMPLATES "additional_chat_templates"

static bool ends(const char *text, const char *end)
{
    size_t length = strlen(text), end_length = strlen(end);

    return length >= end_length && strcmp(text + length - end_length, end) == 0;
}

bool hf_is_input(const char *name)
{
    /* What the reference converter looks at, besides weights. */
    static const char *const names[] = {
        "README.md",
        "added_tokens.json",
        "chat_template.jinja",
        "chat_template.json",
        "config.json",
        "generation_config.json",
        "merges.txt",
        "model.safetensors.index.json",
        "modules.json",
        "preprocessor_config.json",
        "processor_config.json",
        "sentencepiece.bpe.model",
        "special_tokens_map.json",
        "spiece.model",
        "tokenizer.json",
        "tokenizer.model",
        "tokenizer_config.json",
        "vocab.json",
        "vocab.txt",
    };

    const char *slash = strchr(name, '/');

    if (slash)
        return ends(name, POOLING "/config.json") ||
               (strncmp(name, TEMPLATES "/", sizeof(TEMPLATES)) == 0 && ends(name, ".jinja"));
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (strcmp(name, names[i]) == 0)
            return true;
    return ends(name, ".safetensors");
}

bool hf_has_inputs(const char *folder)
{
    return ends(folder, POOLING) || strcmp(folder, TEMPLATES) == 0;
}

const struct hf_file *hf_find(const struct hf_directory *directory, const char *name)
{
    for (size_t i = 0; i < directory->count; i++)
        if (strcmp(directory->files[i].name, name) == 0)
            return &directory->files[i];
    return NULL;
}

int hf_read_at(int fd, uint64_t offset, void *data, size_t size)
{
    uint8_t *out = data;
    uint64_t end;
    ssize_t n;

    if (__builtin_add_overflow(offset, size, &end) || end > INT64_MAX)
        return -ENODATA;
    while (size > 0) {
        n = pread(fd, out, size, (off_t)offset);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? -errno : -ENODATA;
        out += n;
        offset += (uint64_t)n;
        size -= (size_t)n;
    }
    return 0;
}

int hf_blame(const struct hf_directory *directory, const char *name, struct defect *defect,
             int error, uint64_t offset, const char *format, ...)
{
    const struct hf_file *file = hf_find(directory, name);
    char text[400];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    (void)defect_set(defect, error, offset, "%.100s: %s", name, text);
    if (defect && file)
        defect->shard = (unsigned)(file - directory->files);
    return -error;
}

int hf_read_text(const struct hf_directory *directory, const char *name, size_t max, char **out,
                 size_t *size, struct defect *defect)
{
    const struct hf_file *file = hf_find(directory, name);
    char *text;
    int r;

    *out = NULL;
    *size = 0;
    if (!file)
        return hf_blame(directory, name, defect, ENOENT, DEFECT_NOWHERE, "not there");
    if (file->size > max)
        return hf_blame(directory, name, defect, EFBIG, DEFECT_NOWHERE,
                        "more than the %zu bytes that such a file may have", max);
    text = malloc((size_t)file->size + 1);
    if (!text)
        return -ENOMEM;
    r = hf_read_at(file->fd, 0, text, (size_t)file->size);
    if (r < 0) {
        free(text);
        return hf_blame(directory, name, defect, -r, DEFECT_NOWHERE, "%s",
                        r == -ENODATA ? "it became shorter while it was read" : strerror(-r));
    }
    text[file->size] = '\0';
    *out = text;
    *size = (size_t)file->size;
    return 0;
}
