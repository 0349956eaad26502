#include "fs/options.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fs/cmd.h"

#define TTL_MAX 86400.0 /* a day */
#define MEMORY_MIN ((uint64_t)1 << 20)
#define VARIANTS_MAX 256

static const char default_variants[] = "q4_k_m:q4_k_s:q8_0";

/* Words of mount(8) and fstab(5) that a mount which is always ro,nosuid,nodev,noatime has or needs
 * no other answer to. What ends in '=' or '-' is a beginning. */
static const char *const ignored_words[] = {
    "defaults", "ro",         "rw",         "suid",       "nosuid",      "dev",
    "nodev",    "exec",       "sync",       "async",      "dirsync",     "atime",
    "noatime",  "relatime",   "diratime",   "norelatime", "strictatime", "nostrictatime",
    "lazytime", "nolazytime", "nodiratime", "auto",       "noauto",      "user",
    "nouser",   "users",      "owner",      "group",      "_netdev",     "nofail",
    "silent",   "loud",       "user=",      "helper=",    "uhelper=",    "comment=",
    "fsname=",  "subtype=",   "x-",         "X-",         NULL,
};

static const char *const context_words[] = {
    "context=", "fscontext=", "defcontext=", "rootcontext=", NULL,
};

static bool is_one_of(const char *const *words, const char *word)
{
    for (; *words; words++) {
        size_t length = strlen(*words);
        char last = (*words)[length - 1];

        if (last == '=' || last == '-' ? strncmp(*words, word, length) == 0
                                       : strcmp(*words, word) == 0)
            return true;
    }
    return false;
}

/* The text after "NAME=", or NULL if `word` is something else. */
static const char *value_of(const char *word, const char *name)
{
    size_t length = strlen(name);

    return strncmp(word, name, length) == 0 && word[length] == '=' ? word + length + 1 : NULL;
}

/* ---- values ---- */

/* Digits, perhaps with a fraction: no sign, no exponent, no "inf". */
static int parse_seconds(const char *text, double *seconds)
{
    size_t digits = strspn(text, "0123456789");
    size_t length = digits;

    if (text[length] == '.')
        length += 1 + strspn(text + length + 1, "0123456789");
    if (digits == 0 || text[length] != '\0')
        return -EINVAL;
    *seconds = strtod(text, NULL);
    return *seconds <= TTL_MAX ? 0 : -EINVAL;
}

/* Bytes, or a number with K, M, G or T (powers of 1024). */
static int parse_size(const char *text, uint64_t *size)
{
    static const char units[] = "KMGT";
    const char *unit;
    uint64_t value = 0;

    if (!isdigit((unsigned char)*text))
        return -EINVAL;
    for (; isdigit((unsigned char)*text); text++)
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, (uint64_t)(*text - '0'), &value))
            return -EINVAL;
    if (*text) {
        unit = strchr(units, toupper((unsigned char)*text));
        if (!unit || text[1] != '\0')
            return -EINVAL;
        for (; unit >= units; unit--)
            if (__builtin_mul_overflow(value, (uint64_t)1024, &value))
                return -EINVAL;
    }
    *size = value;
    return value >= MEMORY_MIN ? 0 : -EINVAL;
}

static int rank_of(const struct variant *variant)
{
    return variant->mix[0] ? 2 : variant->imatrix ? 1 : 0;
}

/* Into the order of struct listing_config; those of one kind stay in theirs. */
static void sort_variants(struct mount_options *options)
{
    struct variant *variants = options->variants, moved;
    size_t to;

    for (size_t i = 1; i < options->variant_count; i++) {
        moved = variants[i];
        for (to = i; to > 0 && rank_of(&variants[to - 1]) > rank_of(&moved); to--)
            variants[to] = variants[to - 1];
        variants[to] = moved;
    }
}

/* NAME.mix, with its ending, so that what is mistyped is none. */
static bool is_mix(const char *text, size_t length, struct variant *variant)
{
    return length > 4 && memcmp(text + length - 4, ".mix", 4) == 0 &&
           variant_parse_mix(text, length - 4, variant);
}

/* Replaces the list by A:B:...; one that is said twice is listed once. */
static int parse_variants(const char *text, struct log *terminal, struct mount_options *options)
{
    options->variant_count = 0;
    for (const char *at = text; *at; at += *at == ':') {
        size_t length = strcspn(at, ":");
        struct variant *variant = &options->variants[options->variant_count];
        char canonical[VARIANT_TEXT_MAX], other[VARIANT_TEXT_MAX];
        bool twice = false;

        if (options->variant_count == VARIANTS_MAX) {
            log_line(terminal, LOG_LEVEL_ERROR, "-o variants=: more than %d", VARIANTS_MAX);
            return -EINVAL;
        }
        if (variant_parse(at, length, variant) < 0 && !is_mix(at, length, variant)) {
            log_line(terminal, LOG_LEVEL_ERROR,
                     "-o variants=: no such variant in this version: '%.*s'",
                     length > 200 ? 200 : (int)length, at);
            return -EINVAL;
        }
        variant_format(variant, canonical, sizeof(canonical));
        for (size_t i = 0; i < options->variant_count; i++) {
            variant_format(&options->variants[i], other, sizeof(other));
            twice = twice || strcmp(canonical, other) == 0;
        }
        if (!twice)
            options->variant_count++;
        at += length;
    }
    sort_variants(options);
    return 0;
}

static int replace(char **text, const char *with)
{
    char *copy = strdup(with);

    if (!copy)
        return -ENOMEM;
    free(*text);
    *text = copy;
    return 0;
}

static int add_context(struct mount_options *options, const char *word)
{
    size_t before = options->contexts ? strlen(options->contexts) + 1 : 0;
    char *text = realloc(options->contexts, before + strlen(word) + 1);

    if (!text)
        return -ENOMEM;
    if (before > 0)
        text[before - 1] = ',';
    strcpy(text + before, word);
    options->contexts = text;
    return 0;
}

/* A place that outlives a change of the directory. */
static int set_place(const char *value, char **place)
{
    char *directory = *value == '/' ? strdup("") : getcwd(NULL, 0);
    char *path = NULL;
    int r = directory ? 0 : -errno;

    if (r == 0 && asprintf(&path, "%s%s%s", directory, *directory ? "/" : "", value) < 0)
        r = -ENOMEM;
    free(directory);
    if (r < 0)
        return r;
    free(*place);
    *place = path;
    return 0;
}

/* As of cache_size_parse(), but that nothing at all is no size of a cache. */
static int parse_cache_size(const char *text, struct cache_size *size)
{
    int r = cache_size_parse(text, size);

    return r == 0 && size->percent == 0 && size->bytes == 0 ? -EINVAL : r;
}

/* ---- words of -o ---- */

static int refuse(struct log *terminal, const char *word, const char *needs)
{
    log_line(terminal, LOG_LEVEL_ERROR, "option '%s': %s", word, needs);
    return -EINVAL;
}

static bool needs_value(const char *word)
{
    static const char *const names[] = {"variants",   "ttl",   "layout",     "memory",
                                        "log",        "cache", "cache_size", "cache_min_free",
                                        "imatrix_dir"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (strcmp(word, names[i]) == 0)
            return true;
    return false;
}

/* 1: it is none of the cache's. */
static int parse_cache_value(const char *word, struct log *terminal, struct mount_options *options)
{
    const char *value = value_of(word, "cache");
    int r;

    if (value && *value == '\0')
        return refuse(terminal, word, "a directory is meant, such as cache=/var/cache/quantfs");
    if (value) {
        r = set_place(value, &options->cache_path);
        if (r == 0)
            options->no_cache = false;
        return r == 0 || r == -ENOMEM ? r : refuse(terminal, word, strerror(-r));
    }
    value = value_of(word, "cache_size");
    if (value)
        return parse_cache_size(value, &options->cache_size) == 0
                   ? 0
                   : refuse(terminal, word,
                            "a size is meant, such as cache_size=20G or cache_size=10%; nocache is "
                            "none at all");
    value = value_of(word, "cache_min_free");
    if (value)
        return cache_size_parse(value, &options->cache_min_free) == 0
                   ? 0
                   : refuse(terminal, word,
                            "a size is meant, such as cache_min_free=20G or cache_min_free=5%");
    return 1;
}

static int parse_value(const char *word, struct log *terminal, struct mount_options *options)
{
    struct variant variant;
    const char *value;
    int r = parse_cache_value(word, terminal, options);

    if (r <= 0)
        return r;

    value = value_of(word, "variants");
    if (value)
        return parse_variants(value, terminal, options);
    value = value_of(word, "layout");
    if (value)
        return layout_parse(value, &options->layout)
                   ? 0
                   : refuse(terminal, word, "tree, dirs, flat or lmstudio is meant");
    value = value_of(word, "ttl");
    if (value)
        return parse_seconds(value, &options->ttl) == 0
                   ? 0
                   : refuse(terminal, word, "seconds are meant, such as ttl=1 or ttl=0.5");
    value = value_of(word, "memory");
    if (value)
        return parse_size(value, &options->memory) == 0
                   ? 0
                   : refuse(terminal, word, "a size is meant, such as memory=256M or memory=2G");
    value = value_of(word, "imatrix_dir");
    if (value && *value == '\0')
        return refuse(terminal, word, "a directory is meant, such as imatrix_dir=/srv/imatrix");
    if (value) {
        r = set_place(value, &options->imatrix_path);
        return r == 0 || r == -ENOMEM ? r : refuse(terminal, word, strerror(-r));
    }
    value = value_of(word, "log");
    if (value)
        return *value ? replace(&options->log_path, value)
                      : refuse(terminal, word, "a file is meant, such as log=/tmp/quantfs.log");
    if (needs_value(word))
        return refuse(terminal, word, "it needs a value, written with '='");
    log_line(terminal, LOG_LEVEL_ERROR, "unknown option '%s'%s", word,
             variant_parse(word, strlen(word), &variant) == 0
                 ? "; several variants are written with a colon: variants=q4_k_m:q8_0"
                 : "");
    return -EINVAL;
}

static int parse_word(const char *word, struct log *terminal, struct mount_options *options)
{
    if (*word == '\0')
        return 0;
    if (strcmp(word, "allow_other") == 0)
        options->allow_other = options->default_permissions = true;
    else if (strcmp(word, "default_permissions") == 0)
        options->default_permissions = true;
    else if (strcmp(word, "nocache") == 0)
        options->no_cache = true;
    else if (strcmp(word, "trust_stat") == 0)
        options->trust_stat = true;
    else if (strcmp(word, "allow_requantize") == 0)
        options->allow_requantize = true;
    else if (strcmp(word, "xattr") == 0)
        options->xattr = true;
    else if (strcmp(word, "browse") == 0)
        options->browse = true;
    else if (strcmp(word, "noexec") == 0 || strcmp(word, "exec") == 0)
        options->noexec = *word == 'n';
    else if (is_one_of(context_words, word))
        return add_context(options, word);
    else if (!is_one_of(ignored_words, word))
        return parse_value(word, terminal, options);
    return 0;
}

/* Splits at commas; a backslash takes a comma or a backslash literally, quotes keep commas (SELinux
 * contexts are written so, and mount(8) hands them on as they are). */
static int parse_words(const char *text, struct log *terminal, struct mount_options *options)
{
    char *word = malloc(strlen(text) + 1);
    bool quoted = false;
    size_t used = 0;
    int r = 0;

    if (!word)
        return -ENOMEM;
    for (const char *at = text; r == 0; at++) {
        if (*at == '\0' || (*at == ',' && !quoted)) {
            word[used] = '\0';
            used = 0;
            r = parse_word(word, terminal, options);
            if (*at == '\0')
                break;
            continue;
        }
        if (*at == '\\' && (at[1] == ',' || at[1] == '\\'))
            at++;
        else if (*at == '"')
            quoted = !quoted;
        word[used++] = *at;
    }
    free(word);
    return r;
}

/* ---- the command line ---- */

/* A word that begins with '-': "-fv", "-o WORDS", "-oWORDS". */
static int parse_dash(int argc, char **argv, int *at, struct log *terminal,
                      struct mount_options *options)
{
    for (const char *letter = argv[*at] + 1; *letter; letter++) {
        switch (*letter) {
        case 'f':
            options->foreground = true;
            break;
        case 'v':
            options->verbose = true;
            break;
        case 'd':
            options->debug = options->foreground = true;
            break;
        case 'o':
            if (letter[1])
                return parse_words(letter + 1, terminal, options);
            if (*at + 1 == argc)
                return refuse(terminal, "-o", "it needs a value");
            return parse_words(argv[++*at], terminal, options);
        default:
            log_line(terminal, LOG_LEVEL_ERROR, "unknown option '%s'; see quantfs --help",
                     argv[*at]);
            return -EINVAL;
        }
    }
    return 0;
}

static int parse_place(const char *word, struct log *terminal, struct mount_options *options)
{
    if (*word == '\0') {
        log_line(terminal, LOG_LEVEL_ERROR, "%s is empty",
                 options->models ? "MOUNTPOINT" : "MODELS");
        return -EINVAL;
    }
    if (!options->models) {
        options->models = word;
    } else if (!options->mountpoint) {
        options->mountpoint = word;
    } else {
        log_line(terminal, LOG_LEVEL_ERROR,
                 "'%s' is one word too many after MODELS and MOUNTPOINT ('%s' is no verb: those "
                 "are " CMD_VERBS ")",
                 word, options->models);
        return -EINVAL;
    }
    return 0;
}

int options_parse(int argc, char **argv, struct log *terminal, struct mount_options *options)
{
    bool dashes = true; /* no "--" yet */
    int r;

    *options = (struct mount_options){.ttl = 1};
    options->variants = calloc(VARIANTS_MAX, sizeof(*options->variants));
    if (!options->variants)
        return -ENOMEM;
    r = parse_variants(default_variants, terminal, options);
    for (int at = 1; at < argc && r == 0; at++) {
        if (dashes && strcmp(argv[at], "--") == 0)
            dashes = false;
        else if (dashes && argv[at][0] == '-' && argv[at][1])
            r = parse_dash(argc, argv, &at, terminal, options);
        else
            r = parse_place(argv[at], terminal, options);
    }
    if (r < 0)
        return r;
    if (options->mountpoint)
        return 0;
    log_line(terminal, LOG_LEVEL_ERROR,
             "%s is missing: quantfs MODELS MOUNTPOINT [-o options] [-f] [-v] [-d]; see quantfs "
             "--help",
             options->models ? "MOUNTPOINT" : "MODELS");
    return -EINVAL;
}

void options_free(struct mount_options *options)
{
    free(options->log_path);
    free(options->cache_path);
    free(options->imatrix_path);
    free(options->contexts);
    free(options->variants);
}
