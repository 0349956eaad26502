/*
 * Writes a view, or its header alone, to standard output: by one thread, without engine or mount,
 * so that what the parity scripts compare is quant/ and nothing else.
 *
 *     dump-view [--header] [--pure] [--leave-output-tensor] [--allow-requantize] [--keep-split]
 *               [--imatrix FILE] [--include-weights PART]... [--exclude-weights PART]...
 *               [--tensor-type NAME=TYPE]... [--tensor-type-file FILE]... [--prune-layers N,N...]
 *               [--override-kv KEY=TYPE:VALUE]...
 *               [--output-tensor-type TYPE] [--token-embedding-type TYPE] SOURCE FILE-TYPE [FILE]
 *
 * FILE: which one of the files of --keep-split, from 1 on.
 *
 * On failure: one line on standard error that begins with the reference tool's message where it
 * has one, exit status 1; 2 for wrong use.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fs/cmd_rules.h"
#include "quant/convert.h"
#include "quant/kernel/kernel.h"

struct request {
    struct variant variant;
    struct rules rules; /* the variant's */
    const char *source;
    unsigned shard;
    bool header;
    const char *imatrix;
    const char *include[8], *exclude[8];
    size_t include_count, exclude_count;
};

static int open_file(void *context, const char *name)
{
    int fd = openat(AT_FDCWD, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

    (void)context;
    return fd < 0 ? -errno : fd;
}

static int find_ftype(const char *text, struct variant *variant)
{
    char *end;
    unsigned long number;

    variant->ftype = ftype_find(text, strlen(text));
    if (!variant->ftype && *text >= '0' && *text <= '9') {
        number = strtoul(text, &end, 10);
        if (*end == '\0' && number <= UINT32_MAX)
            variant->ftype = ftype_by_number((uint32_t)number);
    }
    return variant->ftype ? 0 : -EINVAL;
}

/* An option with a text behind it. False: it is none of these. */
static bool read_text_option(char **argv, struct request *request)
{
    if (strcmp(argv[0], "--imatrix") == 0)
        request->imatrix = argv[1];
    else if (strcmp(argv[0], "--include-weights") == 0 && request->include_count < 8)
        request->include[request->include_count++] = argv[1];
    else if (strcmp(argv[0], "--exclude-weights") == 0 && request->exclude_count < 8)
        request->exclude[request->exclude_count++] = argv[1];
    else
        return false;
    return true;
}

static int read_options(int argc, char **argv, struct request *request)
{
    struct variant *variant = &request->variant;
    enum type *type;
    int i = 1;

    variant->rules = &request->rules;
    variant->output_type = variant->token_embd_type = TYPE_NONE;
    for (; i < argc && argv[i][0] == '-' && argv[i][1] == '-'; i++) {
        type = NULL;
        if (strcmp(argv[i], "--header") == 0)
            request->header = true;
        else if (strcmp(argv[i], "--pure") == 0)
            variant->pure = true;
        else if (strcmp(argv[i], "--keep-split") == 0)
            variant->keep_split = true;
        else if (strcmp(argv[i], "--leave-output-tensor") == 0)
            variant->leave_output = true;
        else if (strcmp(argv[i], "--output-tensor-type") == 0)
            type = &variant->output_type;
        else if (strcmp(argv[i], "--token-embedding-type") == 0)
            type = &variant->token_embd_type;
        else if (strcmp(argv[i], "--allow-requantize") == 0)
            variant->requantize = true;
        else if (i + 1 < argc && read_text_option(argv + i, request))
            i++;
        else if (cmd_rules_is_option(argv[i]) && i + 1 < argc) {
            if (cmd_rules_parse(&request->rules, argv[i], argv[i + 1]) < 0)
                return -EINVAL;
            i++;
        } else
            return -EINVAL;
        if (!type)
            continue;
        if (++i == argc)
            return -EINVAL;
        *type = type_find(argv[i], strlen(argv[i]));
        if (*type == TYPE_NONE)
            return -EINVAL;
    }
    if (argc - i != 2 && argc - i != 3)
        return -EINVAL;
    if (argc - i == 3) {
        request->shard = (unsigned)strtoul(argv[i + 2], NULL, 10);
        if (request->shard == 0)
            return -EINVAL;
        request->shard--;
    }
    request->source = argv[i];
    variant->imatrix = request->imatrix != NULL;
    return find_ftype(argv[i + 1], variant);
}

static int write_out(const void *data, size_t size)
{
    return fwrite(data, 1, size, stdout) == size ? 0 : -EIO;
}

/* The importance matrix that was asked for becomes the source's. */
static int read_imatrix(const struct request *request, struct source *source, struct defect *defect)
{
    struct imatrix *imatrix = NULL;
    struct version version;
    struct stat st;
    int fd, r;

    if (!request->imatrix)
        return 0;
    fd = open(request->imatrix, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) < 0)
        return -errno;
    version = version_of(&st);
    r = imatrix_read(fd, version.size, &imatrix, defect);
    if (r < 0) {
        (void)close(fd);
        return defect_set(defect, -r, DEFECT_NOWHERE,
                          r == -ENOKEY ? "load_imatrix: missing imatrix metadata in file %s"
                                       : "load_imatrix: failed to load imatrix from '%s'",
                          request->imatrix);
    }
    (void)snprintf(imatrix->file, sizeof(imatrix->file), "%s", request->imatrix);
    imatrix_select(imatrix, request->include, request->include_count, request->exclude,
                   request->exclude_count);
    r = source_set_imatrix(source, imatrix, &version, fd, false);
    return r < 0 ? r : imatrix_check(imatrix, defect);
}

/* All but chunks, in small parts. */
static int write_piece(const struct view *view, const struct piece *piece)
{
    const size_t part_size = 1 << 16;
    uint8_t *part;
    size_t size, done = 0;
    int r = 0;

    if (piece->kind == PIECE_PATCH)
        return write_out(piece->patch, piece->size);
    part = calloc(1, part_size);
    if (!part)
        return -ENOMEM;
    for (; done < piece->size && r == 0; done += size) {
        size = piece->size - done < part_size ? piece->size - done : part_size;
        if (piece->kind == PIECE_COPY)
            r = source_read(view->source, piece->copy.shard, piece->copy.offset + done, part, size);
        if (r == 0)
            r = write_out(part, size);
    }
    free(part);
    return r;
}

static int write_chunk(const struct kernel_set *kernels, const struct view *view,
                       const struct piece *piece, struct defect *defect)
{
    struct chunk chunk = view_chunk(view, piece->chunk.tensor, piece->chunk.index);
    uint8_t *data = malloc(chunk.source_size), *result = malloc(chunk.size);
    int r = -ENOMEM;

    if (!data || !result)
        goto out;
    r = convert_load(view, piece->chunk.tensor, &chunk, data);
    if (r == 0)
        r = convert_run(kernels, view, piece->chunk.tensor, &chunk, data, result, defect);
    if (r == 0)
        r = write_out(result + piece->chunk.skip, piece->size);
out:
    free(data);
    free(result);
    return r;
}

/* The tool looks at every tensor, also at those that it only copies. */
static int check_copied(const struct kernel_set *kernels, const struct view *view,
                        struct defect *defect)
{
    const struct source_tensor *tensor;
    uint8_t *data;
    int r = 0;

    for (size_t i = 0; i < view->extent_count && r == 0; i++) {
        tensor = view->extents[i].tensor;
        if (view->extents[i].chunk_count > 0 || tensor->size == 0)
            continue;
        data = malloc(tensor->size); /* test models are small */
        if (!data)
            return -ENOMEM;
        r = source_read(view->source, tensor->shard, tensor->offset, data, tensor->size);
        if (r == 0)
            r = convert_check(kernels, tensor, 0, data, tensor->size, defect);
        free(data);
    }
    return r;
}

static int write_view(const struct view *view, bool header, struct defect *defect)
{
    uint64_t offset = 0, end = header ? view->header_size : view->size;
    struct kernel_set kernels;
    struct piece pieces[16];
    size_t count;
    int r = 0;

    if (!header) {
        r = kernel_select(getenv("QUANTFS_CPU"), &kernels);
        if (r == 0)
            r = check_copied(&kernels, view, defect);
    }
    while (offset < end && r == 0) {
        count = view_map(view, offset, end - offset, pieces, 16);
        for (size_t i = 0; i < count && r == 0; i++) {
            if (pieces[i].kind == PIECE_CHUNK)
                r = write_chunk(&kernels, view, &pieces[i], defect);
            else
                r = write_piece(view, &pieces[i]);
            offset += pieces[i].size;
        }
    }
    return r;
}

int main(int argc, char **argv)
{
    struct request request = {0};
    struct source *source = NULL;
    struct arch_facts facts;
    struct recipe *recipe = NULL;
    struct view *view = NULL;
    struct defect defect = {0};
    int r = read_options(argc, argv, &request);

    if (r < 0) {
        fprintf(stderr, "usage: dump-view [--header] [OPTIONS] SOURCE FILE-TYPE [FILE]\n");
        return 2;
    }
    r = source_open(open_file, NULL, request.source, &source, &defect);
    if (r == 0)
        r = arch_check_as(source, &request.rules, &facts, &defect);
    if (r == 0)
        r = read_imatrix(&request, source, &defect);
    if (r == 0)
        r = recipe_make(source, &facts, &request.variant, &recipe, &defect);
    if (r == 0)
        r = request.shard < recipe->shard_count
                ? view_make_shard(source, recipe, request.shard, &view, &defect)
                : defect_set(&defect, EINVAL, DEFECT_NOWHERE, "there are %u files",
                             recipe->shard_count);
    if (r == 0)
        r = write_view(view, request.header, &defect);
    if (r == 0 && fflush(stdout) != 0)
        r = -EIO;
    if (r == 0)
        fprintf(stderr, "size %llu header %llu\n", (unsigned long long)view->size,
                (unsigned long long)view->header_size);
    else
        fprintf(stderr, "%s\n", defect.text[0] ? defect.text : strerror(-r));
    view_free(view);
    recipe_free(recipe);
    source_close(source);
    rules_free(&request.rules);
    return r < 0;
}
