#include "fs/layout.h"

#include <stdio.h>
#include <string.h>

#include "fs/directory.h"
#include "fs/hash.h"

#define INODE_TOP ((uint64_t)1 << 63)

static const char *const names[] = {
    [LAYOUT_TREE] = "tree",
    [LAYOUT_DIRS] = "dirs",
    [LAYOUT_FLAT] = "flat",
    [LAYOUT_LMSTUDIO] = "lmstudio",
};

bool layout_parse(const char *text, enum layout *layout)
{
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcmp(text, names[i]) == 0) {
            *layout = (enum layout)i;
            return true;
        }
    }
    return false;
}

/* models--ORG--NAME as a part of the path. */
static bool place_of_hub(const char *directory, char place[PATH_MAX])
{
    struct directory_repository found;

    for (const char *part = directory; *part; part += strcspn(part, "/"), part += *part == '/') {
        if (!directory_is_repository(part, strcspn(part, "/"), &found))
            continue;
        (void)snprintf(place, PATH_MAX, "%.*s/%.*s", (int)found.org_length, found.org,
                       (int)found.name_length, found.name);
        return true;
    }
    return false;
}

/* PUBLISHER/MODEL. */
static bool place_of_studio(const char *directory, const char *stem, size_t stem_length,
                            char place[PATH_MAX])
{
    const char *slash = strchr(directory, '/');
    char *model;

    if (place_of_hub(directory, place))
        return true;
    if (!slash) {
        bool root = *directory == '\0';

        (void)snprintf(place, PATH_MAX, "local/%.*s", root ? (int)stem_length : PATH_MAX,
                       root ? stem : directory);
        return true;
    }
    if (strlen(slash + 1) > NAME_MAX)
        return false;
    (void)snprintf(place, PATH_MAX, "%s", directory);
    model = place + (slash - directory) + 1;
    for (; *model; model++)
        if (*model == '/')
            *model = '-';
    return true;
}

bool layout_place(enum layout layout, const char *directory, const char *stem, size_t stem_length,
                  char place[PATH_MAX])
{
    if (layout == LAYOUT_LMSTUDIO)
        return place_of_studio(directory, stem, stem_length, place);
    place[0] = '\0';
    return true;
}

bool layout_next(const char *place, const char *directory, const char **name, size_t *length)
{
    size_t skip = strlen(directory);

    if (strncmp(place, directory, skip) != 0)
        return false;
    if (skip > 0 && place[skip] != '\0' && place[skip] != '/')
        return false;
    *name = place + skip + (skip > 0 && place[skip] == '/');
    *length = strcspn(*name, "/");
    return true;
}

bool layout_has_groups(enum layout layout, const char *directory)
{
    return layout == LAYOUT_LMSTUDIO && !strchr(directory, '/');
}

static size_t depth_of(const char *path)
{
    size_t depth = 0;

    for (; *path; path++)
        depth += *path == '/';
    return depth;
}

int layout_compare(const char *path, const char *other)
{
    size_t depth = depth_of(path), other_depth = depth_of(other);

    return depth != other_depth ? (depth < other_depth ? -1 : 1) : strcmp(path, other);
}

uint64_t layout_inode(const char *directory, const char *name)
{
    return hash_text(hash_text(hash_text(HASH_START, directory), "/"), name) | INODE_TOP;
}
