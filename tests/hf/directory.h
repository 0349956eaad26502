#ifndef TESTS_HF_DIRECTORY_H
#define TESTS_HF_DIRECTORY_H

#include <inttypes.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../check.h"
#include "quant/format/gguf.h"
#include "quant/format/hf/files.h"
#include "quant/format/hf/kv.h"

/* A model directory that is made up. */
struct made {
    struct hf_directory directory;
    struct hf_file files[32];
};

static inline void made_start(struct made *made, const char *name)
{
    *made = (struct made){.directory = {.name = name, .files = made->files}};
}

static inline void made_add(struct made *made, const char *name, const char *data, size_t size)
{
    int fd = memfd_create(name, MFD_CLOEXEC);

    CHECK(fd >= 0 && pwrite(fd, data, size, 0) == (ssize_t)size);
    CHECK(made->directory.count < sizeof(made->files) / sizeof(made->files[0]));
    made->files[made->directory.count++] = (struct hf_file){name, fd, size};
}

static inline void made_text(struct made *made, const char *name, const char *text)
{
    made_add(made, name, text, strlen(text));
}

static inline void made_end(struct made *made)
{
    for (size_t i = 0; i < made->directory.count; i++)
        (void)close(made->files[i].fd);
}

/* --- keys as text --------------------------------------------------------------------------------
 */

struct shown {
    const uint8_t *at;
    FILE *out;
};

static inline uint64_t shown_number(struct shown *shown, size_t size)
{
    uint64_t value = 0;

    for (size_t i = size; i-- > 0;)
        value = value << 8 | shown->at[i];
    shown->at += size;
    return value;
}

/* What is no printable ASCII as \xHH. */
static inline void shown_string(struct shown *shown)
{
    uint64_t size = shown_number(shown, 8);

    for (uint64_t i = 0; i < size; i++)
        if (shown->at[i] < ' ' || shown->at[i] > '~')
            (void)fprintf(shown->out, "\\x%02x", shown->at[i]);
        else
            (void)fputc(shown->at[i], shown->out);
    shown->at += size;
}

static inline void shown_value(struct shown *shown, uint32_t type)
{
    uint32_t bits;
    float value;
    uint64_t count;

    switch (type) {
    case GGUF_STRING:
        shown_string(shown);
        return;
    case GGUF_F32:
        bits = (uint32_t)shown_number(shown, 4);
        memcpy(&value, &bits, sizeof(value));
        (void)fprintf(shown->out, "%g", (double)value);
        return;
    case GGUF_BOOL:
        (void)fprintf(shown->out, "%s", shown_number(shown, 1) ? "true" : "false");
        return;
    case GGUF_I32:
        (void)fprintf(shown->out, "%" PRId32, (int32_t)shown_number(shown, 4));
        return;
    case GGUF_ARRAY:
        type = (uint32_t)shown_number(shown, 4);
        count = shown_number(shown, 8);
        (void)fputc('[', shown->out);
        for (uint64_t i = 0; i < count; i++) {
            (void)fputs(i ? "|" : "", shown->out);
            shown_value(shown, type);
        }
        (void)fputc(']', shown->out);
        return;
    default:
        (void)fprintf(shown->out, "%" PRIu64, shown_number(shown, gguf_type_size(type)));
    }
}

/* The keys, a line each: "key = value"; arrays as "[a|b]". For free(). */
static inline char *show_keys(const struct hf_kv *kv)
{
    uint8_t *bytes = malloc((size_t)hf_kv_size(kv) + 1);
    struct shown shown = {.at = bytes};
    char *text;
    size_t size;
    uint32_t type;

    CHECK(bytes);
    hf_kv_write(kv, bytes);
    shown.out = open_memstream(&text, &size);
    CHECK(shown.out);
    for (size_t i = 0; i < hf_kv_count(kv); i++) {
        shown_string(&shown);
        (void)fputs(" = ", shown.out);
        type = (uint32_t)shown_number(&shown, 4);
        shown_value(&shown, type);
        (void)fputc('\n', shown.out);
    }
    CHECK_EQ(shown.at - bytes, hf_kv_size(kv));
    (void)fclose(shown.out);
    free(bytes);
    return text;
}

#endif
