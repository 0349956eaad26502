#include "fs/folder.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fs/recipe_text.h"
#include "quant/recipe.h"

#define INODE_TOP ((uint64_t)1 << 63)

/* A path in a Modelfile is one from its own place. */
static const char modelfile[] = "FROM ./" FOLDER_MODEL "\n";

static const struct {
    const char *name;
    enum facet_kind kind;
} entries[] = {
    {FOLDER_MODEL, FACET_WHOLE}, {"recipe.tsv", FACET_RECIPE}, {"Modelfile", FACET_MODELFILE},
    {"tensors", FACET_TENSORS},  {"shards", FACET_SHARDS},
};

#define ENTRY_COUNT (sizeof(entries) / sizeof(entries[0]))

/* ---- what --keep-split gives ---- */

/* How many files; 0: it cannot be had, or is the model's one file. As recipe_make() says. */
static unsigned count_shards(const struct view *view)
{
    unsigned count = source_shard_count(view->source), end = 0, found = 0;
    bool *full = calloc(count, sizeof(*full));

    for (size_t i = 0; full && i < view->extent_count; i++) {
        unsigned shard = view->extents[i].tensor->shard;

        found += shard > 0 && !full[shard];
        full[shard] = true;
        end = shard >= end ? shard + 1 : end;
    }
    free(full);
    return count > 1 && end > 0 && found == end - 1 ? end : 0;
}

static bool shard_item(const struct view *view, size_t index, struct folder_item *item)
{
    unsigned count = count_shards(view);

    if (index >= count)
        return false;
    *item = (struct folder_item){.facet = {FACET_SHARD, (uint32_t)index}};
    (void)snprintf(item->name, sizeof(item->name), "model-%05zu-of-%05u.gguf", index + 1, count);
    return true;
}

/* ---- tensors ---- */

static size_t escape(const char *name, char *text, size_t size)
{
    size_t used = 0;

    for (const char *at = name; *at && used + 4 < size; at++) {
        unsigned char c = (unsigned char)*at;
        bool plain = c > ' ' && c < 0x7f && c != '/' && c != '%' && !(c == '.' && at == name);

        used += (size_t)snprintf(text + used, size - used, plain ? "%c" : "%%%02X", c);
    }
    return used;
}

static bool tensor_item(const struct view *view, size_t index, struct folder_item *item)
{
    const struct extent *extent;
    size_t length;

    if (index >= view->extent_count)
        return false;
    extent = &view->extents[index];
    *item = (struct folder_item){
        .facet = {FACET_TENSOR, (uint32_t)index}, .sized = true, .size = extent->size};
    /* A tensor's name has less than 64 bytes. */
    length = escape(extent->tensor->name, item->name, sizeof(item->name) - 16);
    (void)snprintf(item->name + length, sizeof(item->name) - length, ".%s",
                   type_info(extent->type)->name);
    return true;
}

/* ---- the folder ---- */

static void set_size(const struct view *view, struct folder_item *item)
{
    char *text = NULL;
    size_t size;

    item->sized = true;
    if (item->facet.kind == FACET_WHOLE) {
        item->size = view->size;
    } else if (item->facet.kind == FACET_MODELFILE) {
        item->size = sizeof(modelfile) - 1;
    } else if (item->facet.kind == FACET_RECIPE) {
        item->sized = recipe_text(view, &text, &size) == 0;
        item->size = item->sized ? size : 0;
        free(text);
    }
}

static bool entry_item(const struct view *view, size_t index, struct folder_item *item)
{
    if (index >= ENTRY_COUNT ||
        (entries[index].kind == FACET_SHARDS && count_shards(view) == 0)) /* the last one */
        return false;
    *item = (struct folder_item){.facet.kind = entries[index].kind};
    (void)snprintf(item->name, sizeof(item->name), "%s", entries[index].name);
    set_size(view, item);
    return true;
}

bool folder_item(const struct tree_node *folder, const struct view *view, size_t index,
                 struct folder_item *item)
{
    switch (folder->facet.kind) {
    case FACET_WRAP:
        if (index > 0)
            return false;
        *item = (struct folder_item){.sized = true, .size = view->size};
        (void)snprintf(item->name, sizeof(item->name), "%s", folder->name);
        return true;
    case FACET_FOLDER:
        return entry_item(view, index, item);
    case FACET_TENSORS:
        return tensor_item(view, index, item);
    case FACET_SHARDS:
        return shard_item(view, index, item);
    default:
        return false;
    }
}

bool folder_may_have(const struct tree_node *folder, const char *name)
{
    if (folder->facet.kind == FACET_WRAP)
        return strcmp(name, folder->name) == 0;
    if (folder->facet.kind != FACET_FOLDER)
        return strchr(name, '.') != NULL;
    for (size_t i = 0; i < ENTRY_COUNT; i++)
        if (strcmp(name, entries[i].name) == 0)
            return true;
    return false;
}

bool folder_find(const struct tree_node *folder, const struct view *view, const char *name,
                 struct folder_item *item)
{
    if (!folder_may_have(folder, name))
        return false;
    for (size_t i = 0; i < ENTRY_COUNT && folder->facet.kind == FACET_FOLDER; i++)
        if (strcmp(name, entries[i].name) == 0)
            return entry_item(view, i, item);
    for (size_t i = 0; folder_item(folder, view, i, item); i++)
        if (strcmp(name, item->name) == 0)
            return true;
    return false;
}

/* ---- attributes ---- */

static uint64_t mix(uint64_t x)
{
    x ^= x >> 33;
    x *= 0xff51afd7ed558ccdu;
    x ^= x >> 33;
    return x;
}

void folder_attr(struct tree_attr *attr, struct facet facet)
{
    if (facet.kind == FACET_WHOLE)
        return;
    attr->inode = mix(mix(attr->inode) ^ ((uint64_t)facet.kind << 32 | facet.index)) | INODE_TOP;
    if (facet_is_folder(facet)) {
        attr->mode |= (attr->mode & 0444) >> 2; /* who may read may pass */
        attr->size = 0;
    }
}

/* ---- bytes ---- */

static int make_text(const struct view *whole, struct facet facet, struct view **view)
{
    char *text = NULL;
    size_t size = sizeof(modelfile) - 1;
    int r = 0;

    if (facet.kind == FACET_RECIPE)
        r = recipe_text(whole, &text, &size);
    else
        text = strdup(modelfile);
    if (r < 0 || !text)
        return -ENOMEM;
    return view_make_bytes(whole->source, (uint8_t *)text, size, view);
}

static int make_shard(const struct source *source, const struct arch_facts *facts,
                      const struct variant *variant, unsigned shard, struct view **view)
{
    struct defect defect = {.offset = DEFECT_NOWHERE};
    struct variant kept = *variant;
    struct recipe *recipe = NULL;
    int r;

    kept.keep_split = true;
    r = recipe_make(source, facts, &kept, &recipe, &defect);
    if (r == 0)
        r = shard < recipe->shard_count ? view_make_shard(source, recipe, shard, view, &defect)
                                        : -ENOENT;
    recipe_free(recipe);
    return r == -EINVAL || r == -ENOTSUP ? -ENOENT : r;
}

int folder_view(const struct source *source, const struct arch_facts *facts,
                const struct variant *variant, const struct view *whole, struct facet facet,
                struct view **view)
{
    switch (facet.kind) {
    case FACET_RECIPE:
    case FACET_MODELFILE:
        return make_text(whole, facet, view);
    case FACET_TENSOR:
        return facet.index < whole->extent_count ? view_make_extent(whole, facet.index, view)
                                                 : -ENOENT;
    case FACET_SHARD:
        return make_shard(source, facts, variant, facet.index, view);
    default:
        return -ENOENT;
    }
}
