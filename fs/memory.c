#include "fs/memory.h"

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Control groups of version 1 have a tree for each set of controllers, those of version 2 one. */
struct tree {
    const char *type;       /* of its mount */
    const char *controller; /* that it must have; NULL: any */
    const char *file;       /* of a group: its limit in bytes */
};

static const struct tree trees[] = {
    {"cgroup2", NULL, "memory.max"},
    {"cgroup", "memory", "memory.limit_in_bytes"},
};

#define LINE_SIZE ((size_t)2 * PATH_MAX)
#define FIELDS_MAX 64

/* The limit in a file of one number; UINT64_MAX: there is none. */
static uint64_t read_limit(const char *path)
{
    FILE *file = fopen(path, "re");
    unsigned long long limit = 0;
    int count = 0;

    if (file) {
        count = fscanf(file, "%llu", &limit);
        (void)fclose(file);
    }
    return count == 1 ? limit : UINT64_MAX;
}

/* Whether `word` is one of a list with commas. */
static bool has_word(const char *list, const char *word)
{
    size_t length = strlen(word);

    for (const char *at = list; *at; at += strcspn(at, ","), at += *at == ',')
        if (strncmp(at, word, length) == 0 && (at[length] == ',' || at[length] == '\0'))
            return true;
    return false;
}

/* The path of the process's group in a tree, from /proc/self/cgroup: "NUMBER:CONTROLLERS:PATH",
 * where version 2 has no controllers. */
static bool find_group(const char *groups, const struct tree *tree, char group[LINE_SIZE])
{
    FILE *file = fopen(groups, "re");
    char line[LINE_SIZE];
    bool found = false;

    while (file && !found && fgets(line, sizeof(line), file)) {
        char *controllers = strchr(line, ':'), *path = NULL;

        line[strcspn(line, "\n")] = '\0';
        if (controllers)
            path = strchr(++controllers, ':');
        if (!path)
            continue;
        *path++ = '\0';
        found = tree->controller ? has_word(controllers, tree->controller) : *controllers == '\0';
        if (found)
            memcpy(group, path, strlen(path) + 1);
    }
    if (file)
        (void)fclose(file);
    return found;
}

/* Where the tree is mounted, and which of its groups lies there, from a line of mountinfo
 * (proc(5)): "ID PARENT DEVICE ROOT POINT OPTIONS ... - TYPE SOURCE OPTIONS". */
static bool parse_mount(char *line, const struct tree *tree, const char **root, const char **point)
{
    char *fields[FIELDS_MAX], *rest = NULL;
    size_t count = 0, dash = 6;

    for (char *word = strtok_r(line, " \n", &rest); word && count < FIELDS_MAX;
         word = strtok_r(NULL, " \n", &rest))
        fields[count++] = word;
    while (dash < count && strcmp(fields[dash], "-") != 0)
        dash++;
    if (dash + 3 >= count || strcmp(fields[dash + 1], tree->type) != 0 ||
        (tree->controller && !has_word(fields[dash + 3], tree->controller)))
        return false;
    *root = fields[3];
    *point = fields[4];
    return true;
}

/* The least limit of the group and those above it, as far as they can be seen below `point`. */
static uint64_t group_limit(const char *point, const char *group, const char *name)
{
    char path[LINE_SIZE], file[LINE_SIZE + 64];
    uint64_t least = UINT64_MAX, limit;
    size_t top = strlen(point);

    if (snprintf(path, sizeof(path), "%s%s", point, group) >= (int)sizeof(path))
        return UINT64_MAX;
    for (;;) {
        (void)snprintf(file, sizeof(file), "%s/%s", path, name);
        limit = read_limit(file);
        least = limit < least ? limit : least;
        if (strlen(path) <= top)
            return least;
        *strrchr(path, '/') = '\0';
    }
}

/* A group as it is found below the mount of `root`: in a container a part of the tree may be
 * mounted, the group's own as a rule. */
static const char *below(const char *root, const char *group)
{
    size_t length = strcmp(root, "/") == 0 ? 0 : strlen(root);

    if (strncmp(group, root, length) != 0 || group[length] != '/' || group[length + 1] == '\0' ||
        strstr(group, "/.."))
        return "";
    return group + length;
}

static uint64_t tree_limit(const char *groups, const char *mounts, const struct tree *tree)
{
    char group[LINE_SIZE], line[LINE_SIZE];
    FILE *file = find_group(groups, tree, group) ? fopen(mounts, "re") : NULL;
    uint64_t least = UINT64_MAX, limit;
    const char *root, *point;

    while (file && fgets(line, sizeof(line), file)) {
        if (!parse_mount(line, tree, &root, &point))
            continue;
        limit = group_limit(point, below(root, group), tree->file);
        least = limit < least ? limit : least;
    }
    if (file)
        (void)fclose(file);
    return least;
}

uint64_t memory_limit(const char *groups, const char *mounts)
{
    uint64_t least = UINT64_MAX, limit;

    for (size_t i = 0; i < sizeof(trees) / sizeof(trees[0]); i++) {
        limit = tree_limit(groups, mounts, &trees[i]);
        least = limit < least ? limit : least;
    }
    return least;
}

uint64_t memory_size(void)
{
    uint64_t machine = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);
    uint64_t limit = memory_limit("/proc/self/cgroup", "/proc/self/mountinfo");

    return limit < machine ? limit : machine;
}
