/* If this failed, a word that mount(8) passes would stop a mount, or a wrong word would be taken in
 * silence. */
#include "fs/options.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "tests/check.h"

#define ARGUMENTS_MAX 16

static char messages[] = "/tmp/quantfs-test-options.XXXXXX";

/* Parses "quantfs" and the words given; the message, if any, is the whole of the file. */
static int parse(struct mount_options *options, char **words)
{
    const struct log_options log_options = {.path = messages};
    char program[] = "quantfs", *argv[ARGUMENTS_MAX] = {program};
    struct log *log;
    int argc = 1, r;

    for (; *words; words++) {
        CHECK(argc + 1 < ARGUMENTS_MAX);
        argv[argc++] = *words;
    }
    CHECK_EQ(truncate(messages, 0), 0);
    CHECK_EQ(log_open(&log_options, &log), 0);
    r = options_parse(argc, argv, log, options);
    log_close(log);
    return r;
}

static void read_messages(char *text, size_t size)
{
    FILE *file = fopen(messages, "r");
    size_t n;

    CHECK(file);
    n = fread(text, 1, size - 1, file);
    text[n] = '\0';
    (void)fclose(file);
}

#define WORDS(...) ((char *[]){__VA_ARGS__, NULL})

/* "MODELS MOUNTPOINT -o words" is taken without a word. */
static void take(struct mount_options *options, char *words)
{
    char text[4096];
    int r = parse(options, WORDS((char[]){"m"}, (char[]){"n"}, (char[]){"-o"}, words));

    read_messages(text, sizeof(text));
    CHECK_STR(text, "");
    CHECK_EQ(r, 0);
}

/* It is refused with a message of one line that has `part` in it. */
static void refuse(char **words, const char *part)
{
    struct mount_options options;
    char text[4096];

    CHECK_EQ(parse(&options, words), -EINVAL);
    options_free(&options);
    read_messages(text, sizeof(text));
    if (!strstr(text, part))
        fprintf(stderr, "no '%s' in: %s", part, text);
    CHECK(strstr(text, part));
    CHECK(strchr(text, '\n') == text + strlen(text) - 1);
}

static void refuse_words(char *words, const char *part)
{
    refuse(WORDS((char[]){"m"}, (char[]){"n"}, (char[]){"-o"}, words), part);
}

static void test_defaults(void)
{
    struct mount_options options;
    char text[VARIANT_TEXT_MAX];
    int r; /* the words must live longer than a check */

    r = parse(&options, WORDS((char[]){"m"}, (char[]){"n"}));
    CHECK_EQ(r, 0);
    CHECK_STR(options.models, "m");
    CHECK_STR(options.mountpoint, "n");
    CHECK(!options.foreground && !options.verbose && !options.debug && !options.noexec);
    CHECK(!options.allow_other && !options.default_permissions);
    CHECK(options.ttl == 1.0);
    CHECK_EQ(options.memory, 0);
    CHECK(!options.log_path && !options.contexts);
    CHECK(!options.no_cache && !options.cache_path && !options.trust_stat && !options.xattr);
    CHECK(!options.allow_requantize && !options.browse && options.layout == LAYOUT_TREE);
    CHECK(!options.cache_size.given && !options.cache_min_free.given);
    CHECK_EQ(options.variant_count, 3);
    variant_format(&options.variants[0], text, sizeof(text));
    CHECK_STR(text, "q4_k_m");
    options_free(&options);
}

static void test_places_and_letters(void)
{
    struct mount_options options;
    int r; /* the words must live longer than a check */

    r = parse(&options, WORDS((char[]){"-fv"}, (char[]){"m"}, (char[]){"-ottl=3"}, (char[]){"--"},
                              (char[]){"-n"}));
    CHECK_EQ(r, 0);
    CHECK_STR(options.models, "m");
    CHECK_STR(options.mountpoint, "-n");
    CHECK(options.foreground && options.verbose && !options.debug);
    CHECK(options.ttl == 3.0);
    options_free(&options);

    r = parse(&options, WORDS((char[]){"m"}, (char[]){"n"}, (char[]){"-d"}));
    CHECK_EQ(r, 0);
    CHECK(options.debug && options.foreground);
    options_free(&options);

    refuse(WORDS((char[]){"m"}), "MOUNTPOINT is missing");
    refuse(WORDS((char[]){"-f"}), "MODELS is missing");
    refuse(WORDS((char[]){"quantise"}, (char[]){"n"}, (char[]){"o"}), "'quantise' is no verb");
    refuse(WORDS((char[]){"m"}, (char[]){""}), "MOUNTPOINT is empty");
    refuse(WORDS((char[]){"m"}, (char[]){"n"}, (char[]){"-o"}), "'-o'");
    refuse(WORDS((char[]){"m"}, (char[]){"n"}, (char[]){"-x"}), "'-x'");
    refuse(WORDS((char[]){"m"}, (char[]){"n"}, (char[]){"-fx"}), "'-fx'");
    refuse(WORDS((char[]){"m"}, (char[]){"n"}, (char[]){"--foreground"}), "'--foreground'");
    refuse(WORDS((char[]){"m\n"}, (char[]){"n"}, (char[]){"o\033"}), "'o\\x1b'");
}

/* What mount(8), mount.fuse3, fstab and systemd pass. */
static void test_words_of_mount(void)
{
    struct mount_options options;

    take(&options, (char[]){"rw,nosuid,nodev,noatime,_netdev,nofail,user,x-systemd.automount,"
                            "allow_other"});
    CHECK(options.allow_other && options.default_permissions && !options.noexec);
    options_free(&options);
    take(&options, (char[]){"defaults,ro,suid,dev,exec,auto,nouser,async,atime,relatime"});
    options_free(&options);
    take(&options, (char[]){"sync,dirsync,lazytime,strictatime,nodiratime,noauto,users,owner,group,"
                            "silent,user=ada,comment=a b,fsname=x,subtype=y,X-mount.mkdir=0755"});
    options_free(&options);
    take(&options, (char[]){",,noexec,,ro,"});
    CHECK(options.noexec && !options.default_permissions);
    options_free(&options);
    take(&options, (char[]){"noexec,default_permissions,exec"});
    CHECK(!options.noexec && options.default_permissions && !options.allow_other);
    options_free(&options);
    take(&options, (char[]){"context=\"a:b:c:s0:c1,c2\",ro,fscontext=d"});
    CHECK_STR(options.contexts, "context=\"a:b:c:s0:c1,c2\",fscontext=d");
    options_free(&options);
    refuse_words((char[]){"ro,nonsense,rw"}, "unknown option 'nonsense'");
    refuse_words((char[]){"remount,ro"}, "unknown option 'remount'");
    refuse_words((char[]){"auto_unmount"}, "unknown option 'auto_unmount'");
    refuse_words((char[]){"allow_other=1"}, "unknown option 'allow_other=1'");
    refuse_words((char[]){"rox"}, "unknown option 'rox'");
    refuse_words((char[]){"comment"}, "unknown option 'comment'");
    refuse_words((char[]){"ttl1"}, "unknown option 'ttl1'");
}

static void test_numbers(void)
{
    static const struct {
        const char *text;
        uint64_t bytes;
    } sizes[] = {
        {"memory=20G", (uint64_t)20 << 30},   {"memory=512m", 512 << 20},
        {"memory=1048576", 1 << 20},          {"memory=2048K", 2 << 20},
        {"memory=1T", (uint64_t)1 << 40},     {"memory=512M,memory=2M", 2 << 20},
        {"memory=0001048577", (1 << 20) + 1},
    };
    static const char *const no_sizes[] = {
        "memory=",
        "memory=G",
        "memory=0",
        "memory=1",
        "memory=1048575",
        "memory=-20G",
        "memory=2X",
        "memory=2GB",
        "memory=2 G",
        "memory=0x200000",
        "memory=1e9",
        "memory= 2G",
        "memory=18446744073709551616",
        "memory=99999999T",
    };
    static const char *const no_times[] = {
        "ttl=",   "ttl=-1", "ttl=inf", "ttl=nan", "ttl=1e3",   "ttl=0x1",
        "ttl=1s", "ttl= 1", "ttl=.",   "ttl=1,5", "ttl=86401", "ttl=999999999999999999999",
    };
    struct mount_options options;
    char word[64];

    for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
        (void)snprintf(word, sizeof(word), "%s", sizes[i].text);
        take(&options, word);
        CHECK_EQ(options.memory, sizes[i].bytes);
        options_free(&options);
    }
    for (size_t i = 0; i < sizeof(no_sizes) / sizeof(*no_sizes); i++) {
        (void)snprintf(word, sizeof(word), "%s", no_sizes[i]);
        refuse_words(word, no_sizes[i]);
    }
    for (size_t i = 0; i < sizeof(no_times) / sizeof(*no_times); i++) {
        (void)snprintf(word, sizeof(word), "%s", no_times[i]);
        refuse_words(word, strcmp(no_times[i], "ttl=1,5") == 0 ? "'5'" : no_times[i]);
    }
    take(&options, (char[]){"ttl=0"});
    CHECK(options.ttl == 0.0);
    options_free(&options);
    take(&options, (char[]){"ttl=0.25"});
    CHECK(options.ttl == 0.25);
    options_free(&options);
    refuse_words((char[]){"memory"}, "'memory': it needs a value");
    refuse_words((char[]){"ttl"}, "'ttl': it needs a value");
}

static void test_log(void)
{
    struct mount_options options;

    take(&options, (char[]){"log=/a\\,b\\\\c\\d,ro"});
    CHECK_STR(options.log_path, "/a,b\\c\\d");
    options_free(&options);
    take(&options, (char[]){"log=/first,log=second"});
    CHECK_STR(options.log_path, "second");
    options_free(&options);
    refuse_words((char[]){"log="}, "log=");
    refuse_words((char[]){"log"}, "'log': it needs a value");
}

static void test_cache(void)
{
    static const char *const no_sizes[] = {
        "cache_size=",    "cache_size=0",      "cache_size=0%",      "cache_size=101%",
        "cache_size=20X", "cache_size=-1",     "cache_size=5 %",     "cache_size=99999999T",
        "cache_size=0K",  "cache_size=20GB",   "cache_size=1.5G",    "cache_min_free=",
        "cache_min_free", "cache_min_free=%5", "cache_min_free=1e3",
    };
    struct mount_options options;
    char word[64], here[4096], path[4200];

    take(&options, (char[]){"cache=/a\\,b/c,cache_size=20G,cache_min_free=10%,trust_stat,xattr,"
                            "allow_requantize,browse,layout=flat"});
    CHECK_STR(options.cache_path, "/a,b/c");
    CHECK(options.cache_size.given && options.cache_min_free.given);
    CHECK_EQ(options.cache_size.percent, 0);
    CHECK_EQ(options.cache_size.bytes, (uint64_t)20 << 30);
    CHECK_EQ(options.cache_min_free.percent, 10);
    CHECK(options.trust_stat && options.xattr && options.allow_requantize && !options.no_cache);
    CHECK(options.browse && options.layout == LAYOUT_FLAT);
    options_free(&options);
    take(&options, (char[]){"cache_size=10%,cache_min_free=0"});
    CHECK_EQ(options.cache_size.percent, 10);
    CHECK(options.cache_min_free.given);
    CHECK_EQ(options.cache_min_free.bytes, 0);
    options_free(&options);
    /* The last word counts. */
    take(&options, (char[]){"nocache,cache=/a,cache=/b"});
    CHECK_STR(options.cache_path, "/b");
    CHECK(!options.no_cache);
    options_free(&options);
    take(&options, (char[]){"cache=/a,nocache"});
    CHECK(options.no_cache);
    options_free(&options);
    /* The process changes its directory. */
    CHECK(getcwd(here, sizeof(here)));
    (void)snprintf(path, sizeof(path), "%s/some/where", strcmp(here, "/") == 0 ? "" : here);
    take(&options, (char[]){"cache=some/where"});
    CHECK_STR(options.cache_path, path);
    options_free(&options);
    for (size_t i = 0; i < sizeof(no_sizes) / sizeof(*no_sizes); i++) {
        (void)snprintf(word, sizeof(word), "%s", no_sizes[i]);
        refuse_words(word, no_sizes[i]);
    }
    refuse_words((char[]){"cache="}, "'cache='");
    take(&options, (char[]){"imatrix_dir=/a\\,b"});
    CHECK_STR(options.imatrix_path, "/a,b");
    options_free(&options);
    take(&options, (char[]){"imatrix_dir=c"});
    CHECK(options.imatrix_path[0] == '/' && strstr(options.imatrix_path, "/c"));
    options_free(&options);
    refuse_words((char[]){"imatrix_dir="}, "'imatrix_dir='");
    refuse_words((char[]){"imatrix_dir"}, "'imatrix_dir'");
    refuse_words((char[]){"cache"}, "'cache': it needs a value");
    refuse_words((char[]){"nocache=1"}, "unknown option 'nocache=1'");
    refuse_words((char[]){"xattr=1"}, "unknown option 'xattr=1'");
}

static void check_variants(char *words, const char *expected)
{
    struct mount_options options;
    char text[1024] = "";

    take(&options, words);
    for (size_t i = 0; i < options.variant_count; i++) {
        char one[VARIANT_TEXT_MAX];

        variant_format(&options.variants[i], one, sizeof(one));
        strcat(strcat(text, i ? ":" : ""), one);
    }
    options_free(&options);
    CHECK_STR(text, expected);
}

static void test_variants(void)
{
    char many[16 * 300] = "variants=";

    check_variants((char[]){"variants=q6_k"}, "q6_k");
    check_variants((char[]){"variants=Q8_0:q4_0+PURE:q4_k"}, "q8_0:q4_0+pure:q4_k_m");
    check_variants((char[]){"variants=q8_0:q4_k_m:Q8_0:q4_k"}, "q8_0:q4_k_m");
    check_variants((char[]){"variants=q4_k_m+output=q8_0+token-embd=f16"},
                   "q4_k_m+output=q8_0+token-embd=f16");
    check_variants((char[]){"variants=q6_k,variants=q8_0"}, "q8_0");
    check_variants((char[]){"variants="}, "");
    /* those with an importance matrix behind the others */
    check_variants((char[]){"variants=q2_k_s+imatrix:q6_k:q4_0+imatrix:q8_0"},
                   "q6_k:q8_0:q2_k_s+imatrix:q4_0+imatrix");
    refuse_words((char[]){"variants=q4_k_m:q9_9"}, "'q9_9'");
    refuse_words((char[]){"variants=q4_k_m::q8_0"}, "''");
    refuse_words((char[]){"variants=:q8_0"}, "''");
    refuse_words((char[]){"variants=q4_k_m+nonsense"}, "'q4_k_m+nonsense'");
    refuse_words((char[]){"variants=15"}, "'15'");
    for (int i = 0; i < 300; i++) /* the same one, said often, is one */
        strcat(many, i ? ":q8_0" : "q8_0");
    check_variants(many, "q8_0");
}

int main(void)
{
    int fd = mkstemp(messages);

    CHECK(fd >= 0);
    (void)close(fd);
    test_defaults();
    test_places_and_letters();
    test_words_of_mount();
    test_numbers();
    test_log();
    test_cache();
    test_variants();
    (void)unlink(messages);
    return 0;
}
