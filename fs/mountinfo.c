#include "fs/mountinfo.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

/* Space, tab, newline, backslash and '#' are written as three octal digits. */
static void unescape(char *text)
{
    char *out = text;

    while (*text) {
        if (text[0] == '\\' && text[1] >= '0' && text[1] <= '3' && text[2] >= '0' &&
            text[2] <= '7' && text[3] >= '0' && text[3] <= '7') {
            *out++ = (char)((text[1] - '0') << 6 | (text[2] - '0') << 3 | (text[3] - '0'));
            text += 4;
        } else {
            *out++ = *text++;
        }
    }
    *out = '\0';
}

/* Cuts the next field off. NULL: there is none. */
static char *next_field(char **at)
{
    char *field = strsep(at, " ");

    return field && *field ? field : NULL;
}

static long user_of(const char *options)
{
    const char *at = strstr(options, "user_id=");
    long user;

    return at && sscanf(at, "user_id=%ld", &user) == 1 ? user : -1;
}

/*
 * ID PARENT MAJOR:MINOR ROOT PATH OPTIONS [TAG]... - TYPE SOURCE SUPER-OPTIONS
 * Changes the line. False: it is no such line.
 */
static bool parse_line(char *line, struct mountinfo *mount)
{
    char *fields[6], *field, *type, *source, *at = line;
    unsigned device_major, device_minor;

    line[strcspn(line, "\n")] = '\0';
    for (int i = 0; i < 6; i++) {
        fields[i] = next_field(&at);
        if (!fields[i])
            return false;
    }
    do
        field = next_field(&at);
    while (field && strcmp(field, "-") != 0);
    type = next_field(&at);
    source = strsep(&at, " "); /* may be empty */
    if (!field || !type || !source || sscanf(fields[2], "%u:%u", &device_major, &device_minor) != 2)
        return false;
    unescape(fields[4]);
    unescape(type);
    unescape(source);
    mount->id = atoi(fields[0]);
    mount->parent = atoi(fields[1]);
    mount->device = makedev(device_major, device_minor);
    mount->path = fields[4];
    mount->type = type;
    mount->source = source;
    mount->user = at ? user_of(at) : -1;
    mount->line = line;
    return true;
}

/* By path, or by number where that is NULL. */
static int find(const char *table, const char *path, int id, struct mountinfo *mount)
{
    FILE *file = fopen(table, "re");
    char *line = NULL;
    size_t size = 0;
    int r = 0;

    *mount = (struct mountinfo){.user = -1};
    if (!file)
        return -errno;
    while (getline(&line, &size, file) >= 0) {
        struct mountinfo found;

        if (!parse_line(line, &found) || (path ? strcmp(found.path, path) != 0 : found.id != id))
            continue;
        /* Of several at one path the later lies on the earlier, unless their ids say otherwise. */
        if (mount->line && mount->parent == found.id)
            continue;
        mountinfo_clear(mount);
        *mount = found;
        line = NULL;
        size = 0;
        r = 1;
    }
    if (ferror(file)) {
        r = -EIO;
        mountinfo_clear(mount);
    }
    free(line);
    (void)fclose(file);
    return r;
}

int mountinfo_find(const char *table, const char *path, struct mountinfo *mount)
{
    return find(table, path, 0, mount);
}

int mountinfo_find_id(const char *table, int id, struct mountinfo *mount)
{
    return find(table, NULL, id, mount);
}

void mountinfo_clear(struct mountinfo *mount)
{
    free(mount->line);
    *mount = (struct mountinfo){.user = -1};
}

bool mountinfo_is_ours(const struct mountinfo *mount)
{
    return mount->type && strcmp(mount->type, "fuse.quantfs") == 0;
}
