#include "fs/shard.h"

#include <stdio.h>
#include <string.h>

#define DIGITS 5
#define TAIL_LENGTH (sizeof("-00001-of-00001.gguf") - 1)

static bool parse_digits(const char *text, unsigned *value)
{
    *value = 0;
    for (unsigned i = 0; i < DIGITS; i++) {
        if (text[i] < '0' || text[i] > '9')
            return false;
        *value = *value * 10 + (unsigned)(text[i] - '0');
    }
    return true;
}

bool shard_parse(const char *name, size_t *stem_length, unsigned *number, unsigned *count)
{
    size_t length = strlen(name);
    unsigned n = 0, of = 0;
    const char *tail;

    if (length <= TAIL_LENGTH)
        return false;
    tail = name + length - TAIL_LENGTH;
    if (tail[0] != '-' || !parse_digits(tail + 1, &n) || strncmp(tail + 6, "-of-", 4) != 0 ||
        !parse_digits(tail + 10, &of) || strcmp(tail + 15, ".gguf") != 0 || n < 1 || n > of)
        return false;
    *stem_length = length - TAIL_LENGTH;
    *number = n;
    *count = of;
    return true;
}

void shard_name(const char *name, unsigned index, char out[SHARD_NAME_MAX])
{
    size_t stem_length = 0;
    unsigned number = 1, count = 1;

    if (shard_parse(name, &stem_length, &number, &count))
        (void)snprintf(out, SHARD_NAME_MAX, "%.*s-%05u-of-%05u.gguf", (int)stem_length, name,
                       index + 1, count);
    else
        (void)snprintf(out, SHARD_NAME_MAX, "%s", name);
}

unsigned shard_count(const char *name)
{
    size_t stem_length = 0;
    unsigned number = 1, count = 1;

    return shard_parse(name, &stem_length, &number, &count) ? count : 1;
}
