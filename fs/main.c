#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "config.h"
#include "fs/cmd.h"
#include "fs/mount.h"

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}

/* Fits a screen of 24 lines. */
static void print_help(FILE *stream)
{
    (void)fprintf(
        stream, "usage: quantfs MODELS MOUNTPOINT [-o options] [-f] [-v] [-d]\n"
                "       quantfs quantize [options] SOURCE [OUT.gguf] TYPE [NTHREADS]\n"
                "       quantfs recipe SOURCE VARIANT | quantfs types [MODEL]\n"
                "       quantfs cache stats|verify|trim SIZE|clear [DIR]\n"
                "       quantfs --help | --version\n\n"
                "Mounts a directory of GGUF models and shows, beside each full-precision one, its\n"
                "quantized variants, such as model@q4_k_m.gguf: byte for byte what llama-quantize\n"
                "writes. Unmount: fusermount3 -u MOUNTPOINT\n\n"
                "  -f                  stay in the foreground; the log goes to standard error\n"
                "  -v, -d              log more; libfuse's own trace, which implies -f\n"
                "  -o variants=A:B     the variants that a listing shows (q4_k_m:q4_k_s:q8_0)\n"
                "  -o ttl=SECONDS      how long the kernel may keep names and attributes (1)\n"
                "  -o memory=SIZE      bound of the buffers, such as 256M (56M + 8M a core)\n"
                "  -o cache=DIR        where tensors are kept (~/.cache/quantfs); or -o nocache\n"
                "  -o cache_size=SIZE  bound of the cache, such as 20G or 10%% (10%%)\n"
                "  -o layout=LAYOUT    tree, dirs, flat or lmstudio, for who scans folders\n"
                "  -o browse           list the folders of variants: recipe, tensors, Modelfile\n"
                "  -o imatrix_dir=DIR  where importance matrices are looked for, too\n"
                "  -o log=FILE         write the log there instead of to syslog\n"
                "  -o allow_other      let other users in\n\n"
                "All options: man quantfs. quantize, recipe, types, cache have a --help.\n");
}

/* Or a file that we open would become standard output, and be written to as such. */
static void open_streams(void)
{
    int fd;

    do
        fd = open("/dev/null", O_RDWR);
    while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd > STDERR_FILENO)
        (void)close(fd);
}

int main(int argc, char **argv)
{
    open_streams();
    if (argc > 0 && strcmp(base_name(argv[0]), "llama-quantize") == 0)
        return cmd_quantize("llama-quantize", argc, argv);
    if (argc < 2) {
        print_help(stderr);
        return 1;
    }
    if (strcmp(argv[1], "quantize") == 0)
        return cmd_quantize("quantfs quantize", argc - 1, argv + 1);
    if (strcmp(argv[1], "recipe") == 0)
        return cmd_recipe("quantfs recipe", argc - 1, argv + 1);
    if (strcmp(argv[1], "types") == 0)
        return cmd_types("quantfs types", argc - 1, argv + 1);
    if (strcmp(argv[1], "cache") == 0)
        return cmd_cache("quantfs cache", argc - 1, argv + 1);
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
        print_help(stdout);
        return fflush(stdout) == 0 ? 0 : 1;
    }
    if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-V") == 0) {
        (void)printf("quantfs %s (bytes of llama-quantize %s)\n", QUANTFS_VERSION,
                     REFERENCE_VERSION);
        return fflush(stdout) == 0 ? 0 : 1;
    }
    return cmd_mount(argc, argv);
}
