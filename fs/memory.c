#include "fs/memory.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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

/* The least limit of a control group and those above it (version 2: one tree for all). */
static uint64_t group_limit(char *group)
{
    char path[PATH_MAX];
    uint64_t least = UINT64_MAX, limit;
    char *slash;

    do {
        if (snprintf(path, sizeof(path), "/sys/fs/cgroup%s/memory.max", group) >= (int)sizeof(path))
            break;
        limit = read_limit(path);
        least = limit < least ? limit : least;
        slash = strrchr(group, '/');
        if (slash)
            *slash = '\0';
    } while (slash);
    return least;
}

uint64_t memory_size(void)
{
    uint64_t machine = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE), limit;
    FILE *file = fopen("/proc/self/cgroup", "re");
    char line[PATH_MAX];

    while (file && fgets(line, sizeof(line), file)) {
        line[strcspn(line, "\n")] = '\0';
        if (strncmp(line, "0::", 3) != 0)
            continue;
        limit = group_limit(line + 3);
        machine = limit < machine ? limit : machine;
    }
    if (file)
        (void)fclose(file);
    return machine;
}
