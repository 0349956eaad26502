#include "quant/format/hf/weights.h"

#include <stdlib.h>
#include <string.h>

#include "quant/format/json_scan.h"

#define INDEX_NAME "model.safetensors.index.json"
#define INDEX_SIZE_MAX ((size_t)64 << 20)

/* One line of the index. */
struct mapped {
    const char *tensor;
    const char *shard;
};

struct reading {
    const struct hf_directory *directory;
    struct hf_weights *weights;
    struct defect *defect;
    const char **shards; /* names, sorted */
    size_t shard_count;
    struct mapped *map; /* of the index */
    size_t map_count, map_capacity;
    char *index; /* its text */
};

static int compare_texts(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static bool ends(const char *text, const char *end)
{
    size_t length = strlen(text), end_length = strlen(end);

    return length >= end_length && strcmp(text + length - end_length, end) == 0;
}

/* Sorts the names of shards and leaves one of each. */
static void sort_shards(struct reading *r)
{
    size_t kept = 0;

    if (r->shard_count > 0)
        qsort(r->shards, r->shard_count, sizeof(*r->shards), compare_texts);
    for (size_t i = 0; i < r->shard_count; i++)
        if (kept == 0 || strcmp(r->shards[kept - 1], r->shards[i]) != 0)
            r->shards[kept++] = r->shards[i];
    r->shard_count = kept;
}

/* ---- the index ---- */

/* A string of the index as a name: its quote, which has been read, makes room for the zero byte. */
static bool end_text(struct json_scan *scan, const char *text, size_t size)
{
    if (memchr(text, 0, size))
        return json_scan_fail(scan, "a zero byte in a name");
    scan->start[text + size - scan->start] = '\0';
    return true;
}

static int add_mapped(struct reading *r, const char *tensor, const char *shard)
{
    if (r->map_count == r->map_capacity) {
        size_t capacity = r->map_capacity ? 2 * r->map_capacity : 256;
        struct mapped *map = reallocarray(r->map, capacity, sizeof(*map));

        if (!map)
            return -ENOMEM;
        r->map = map;
        r->map_capacity = capacity;
    }
    r->map[r->map_count++] = (struct mapped){tensor, shard};
    return 0;
}

/* Its name leads nowhere but to a file of this directory. */
static int check_shard(struct reading *r, const char *tensor, const char *shard)
{
    if (strchr(shard, '/') || !ends(shard, ".safetensors"))
        return hf_blame(r->directory, INDEX_NAME, r->defect, EINVAL, DEFECT_NOWHERE,
                        "%.150s: no name of a shard: %.150s", tensor, shard);
    return 0;
}

static int read_map(struct reading *r, struct json_scan *scan)
{
    const char *tensor, *shard;
    size_t tensor_size, shard_size;
    int error = 0;

    if (!json_scan_open(scan, '{'))
        return 0;
    for (bool first = true; error == 0 && json_scan_more(scan, '}', first); first = false) {
        if (!json_scan_name(scan, &tensor, &tensor_size) ||
            !json_scan_string(scan, &shard, &shard_size) || !end_text(scan, tensor, tensor_size) ||
            !end_text(scan, shard, shard_size))
            break;
        error = check_shard(r, tensor, shard);
        if (error == 0)
            error = add_mapped(r, tensor, shard);
    }
    return error;
}

static int scan_index(struct reading *r, struct json_scan *scan)
{
    bool found = false;
    const char *name;
    size_t size;
    int error;

    (void)json_scan_open(scan, '{');
    for (bool first = true; json_scan_more(scan, '}', first); first = false) {
        if (!json_scan_name(scan, &name, &size))
            break;
        if (size != 10 || memcmp(name, "weight_map", 10) != 0) {
            if (!json_scan_skip(scan))
                break;
            continue;
        }
        if (found)
            (void)json_scan_fail(scan, "weight_map is there twice");
        found = true;
        error = read_map(r, scan);
        if (error < 0)
            return error;
    }
    if (!scan->fault && !found)
        (void)json_scan_fail(scan, "no weight_map");
    (void)json_scan_end(scan);
    return 0;
}

static int compare_mapped(const void *a, const void *b)
{
    return strcmp(((const struct mapped *)a)->tensor, ((const struct mapped *)b)->tensor);
}

static int read_index(struct reading *r)
{
    struct json_scan scan;
    size_t size;
    int error = hf_read_text(r->directory, INDEX_NAME, INDEX_SIZE_MAX, &r->index, &size, r->defect);

    if (error < 0)
        return error;
    json_scan_start(&scan, r->index, size);
    error = scan_index(r, &scan);
    if (error < 0)
        return error;
    if (scan.fault)
        return hf_blame(r->directory, INDEX_NAME, r->defect, EINVAL, json_scan_offset(&scan), "%s",
                        scan.fault);
    r->shards = reallocarray(NULL, r->map_count + 1, sizeof(*r->shards));
    if (!r->shards)
        return -ENOMEM;
    for (size_t i = 0; i < r->map_count; i++)
        r->shards[i] = r->map[i].shard;
    r->shard_count = r->map_count;
    sort_shards(r);
    if (r->map_count > 0)
        qsort(r->map, r->map_count, sizeof(*r->map), compare_mapped);
    for (size_t i = 1; i < r->map_count; i++)
        if (compare_mapped(&r->map[i - 1], &r->map[i]) == 0)
            return hf_blame(r->directory, INDEX_NAME, r->defect, EINVAL, DEFECT_NOWHERE,
                            "%.200s is there twice", r->map[i].tensor);
    return 0;
}

static int list_shards(struct reading *r)
{
    r->shards = reallocarray(NULL, r->directory->count + 1, sizeof(*r->shards));
    if (!r->shards)
        return -ENOMEM;
    for (size_t i = 0; i < r->directory->count; i++) {
        const char *name = r->directory->files[i].name;

        if (strncmp(name, "model", 5) == 0 && ends(name, ".safetensors"))
            r->shards[r->shard_count++] = name;
    }
    sort_shards(r);
    if (r->shard_count == 0)
        return defect_set(r->defect, ENODATA, DEFECT_NOWHERE, "no model*.safetensors");
    return 0;
}

/* The index and the shards have the same tensors; which shard has which does not matter. */
static int check_index(const struct reading *r)
{
    const struct hf_weights *weights = r->weights;

    for (size_t i = 0; i < r->map_count; i++)
        if (!hf_weights_find(weights, r->map[i].tensor))
            return hf_blame(r->directory, INDEX_NAME, r->defect, EINVAL, DEFECT_NOWHERE,
                            "no shard has %.200s", r->map[i].tensor);
    for (size_t i = 0; i < weights->count; i++) {
        const struct mapped key = {.tensor = weights->tensors[i].name};

        if (!bsearch(&key, r->map, r->map_count, sizeof(key), compare_mapped))
            return hf_blame(r->directory, INDEX_NAME, r->defect, EINVAL, DEFECT_NOWHERE,
                            "%.200s is not in it", key.tensor);
    }
    return 0;
}

/* ---- tensors ---- */

static int parse_shard(struct reading *r, const char *name, unsigned *file)
{
    const struct hf_file *found = hf_find(r->directory, name);
    struct hf_weights *weights = r->weights;
    struct defect why = {0};
    int error;

    if (!found)
        return defect_set(r->defect, ENODATA, DEFECT_NOWHERE, "%.200s: missing", name);
    *file = (unsigned)(found - r->directory->files);
    error = safetensors_parse(found->fd, found->size, &weights->safetensors[weights->shard_count],
                              &why);
    if (error < 0)
        return hf_blame(r->directory, name, r->defect, -error, why.offset, "%s", why.text);
    weights->shard_count++;
    return 0;
}

static void add_tensors(struct hf_weights *weights, const struct safetensors *shard, unsigned file)
{
    for (size_t i = 0; i < shard->count; i++) {
        const struct safetensors_tensor *from = &shard->tensors[i];
        struct hf_tensor *to = &weights->tensors[weights->count++];

        *to = (struct hf_tensor){
            .name = from->name,
            .dtype = from->dtype,
            .n_dims = from->n_dims,
            .file = file,
            .offset = from->offset,
            .size = from->size,
        };
        memcpy(to->shape, from->shape, sizeof(to->shape));
    }
}

struct named {
    const char *name;
    size_t at;
};

static int compare_named(const void *a, const void *b)
{
    const struct named *x = a, *y = b;
    int order = strcmp(x->name, y->name);

    return order != 0 ? order : (x->at > y->at) - (x->at < y->at);
}

/* Of one name the first place and the last data stay. `named` is sorted. */
static void drop_doubles(struct hf_weights *weights, const struct named *named, bool *dropped)
{
    size_t first = 0, kept = 0;

    for (size_t i = 1; i < weights->count; i++) {
        if (strcmp(named[i].name, named[first].name) != 0) {
            first = i;
            continue;
        }
        weights->tensors[named[first].at] = weights->tensors[named[i].at];
        dropped[named[i].at] = true;
    }
    for (size_t i = 0; i < weights->count; i++)
        if (!dropped[i])
            weights->tensors[kept++] = weights->tensors[i];
    weights->count = kept;
}

static void name_all(const struct hf_weights *weights, struct named *named)
{
    for (size_t i = 0; i < weights->count; i++)
        named[i] = (struct named){weights->tensors[i].name, i};
    if (weights->count > 0)
        qsort(named, weights->count, sizeof(*named), compare_named);
}

static int index_names(struct hf_weights *weights)
{
    size_t count = weights->count;
    struct named *named = reallocarray(NULL, count + 1, sizeof(*named));
    bool *dropped = calloc(count + 1, sizeof(*dropped));
    int error = -ENOMEM;

    weights->by_name = reallocarray(NULL, count + 1, sizeof(*weights->by_name));
    if (named && dropped && weights->by_name && count < UINT32_MAX) {
        name_all(weights, named);
        drop_doubles(weights, named, dropped);
        name_all(weights, named);
        for (size_t i = 0; i < weights->count; i++)
            weights->by_name[i] = (uint32_t)named[i].at;
        error = 0;
    }
    free(named);
    free(dropped);
    return error;
}

static int read_shards(struct reading *r)
{
    struct hf_weights *weights = r->weights;
    unsigned *files = reallocarray(NULL, r->shard_count + 1, sizeof(*files));
    size_t count = 0;
    int error = 0;

    weights->safetensors = calloc(r->shard_count + 1, sizeof(*weights->safetensors));
    if (!files || !weights->safetensors)
        error = -ENOMEM;
    for (size_t i = 0; i < r->shard_count && error == 0; i++) {
        error = parse_shard(r, r->shards[i], &files[i]);
        if (error == 0)
            count += weights->safetensors[i].count;
    }
    if (error == 0) {
        weights->tensors = reallocarray(NULL, count + 1, sizeof(*weights->tensors));
        error = weights->tensors ? 0 : -ENOMEM;
    }
    for (size_t i = 0; i < r->shard_count && error == 0; i++)
        add_tensors(weights, &weights->safetensors[i], files[i]);
    free(files);
    return error < 0 ? error : index_names(weights);
}

int hf_weights_read(const struct hf_directory *directory, struct hf_weights *weights,
                    struct defect *defect)
{
    struct reading r = {.directory = directory, .weights = weights, .defect = defect};
    bool indexed = hf_find(directory, INDEX_NAME) != NULL;
    int error;

    *weights = (struct hf_weights){0};
    error = indexed ? read_index(&r) : list_shards(&r);
    if (error == 0)
        error = read_shards(&r);
    if (error == 0 && indexed)
        error = check_index(&r);
    if (error == -ENOMEM)
        error = defect_set(defect, ENOMEM, DEFECT_NOWHERE, "%s", strerror(ENOMEM));
    if (error < 0)
        hf_weights_free(weights);
    free(r.shards);
    free(r.map);
    free(r.index);
    return error;
}

void hf_weights_free(struct hf_weights *weights)
{
    for (size_t i = 0; i < weights->shard_count; i++)
        safetensors_free(&weights->safetensors[i]);
    free(weights->safetensors);
    free(weights->tensors);
    free(weights->by_name);
    *weights = (struct hf_weights){0};
}

const struct hf_tensor *hf_weights_find(const struct hf_weights *weights, const char *name)
{
    size_t low = 0, high = weights->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct hf_tensor *tensor = &weights->tensors[weights->by_name[middle]];
        int order = strcmp(name, tensor->name);

        if (order == 0)
            return tensor;
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

uint64_t hf_tensor_elements(const struct hf_tensor *tensor)
{
    uint64_t count = 1;

    for (unsigned i = 0; i < tensor->n_dims; i++)
        count *= tensor->shape[i];
    return count;
}
