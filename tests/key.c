/* If this failed, two machines with one secret would disagree about a name, two things would share
 * one, or a secret that is damaged, readable by others or made twice would be used. */
#include "cache/key.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/check.h"

static char work[128];

static int make_directory(const char *name)
{
    char path[256];
    int fd;

    (void)snprintf(path, sizeof(path), "%s/%s", work, name);
    CHECK(mkdir(path, 0700) == 0);
    fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    CHECK(fd >= 0 && mkdirat(fd, "tmp", 0700) == 0);
    return fd;
}

static void write_file(int directory, const char *name, const void *data, size_t size, mode_t mode)
{
    int fd = openat(directory, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    CHECK(fd >= 0 && write(fd, data, size) == (ssize_t)size);
    CHECK(fchmod(fd, mode) == 0 && close(fd) == 0);
}

static struct key *test_key(void)
{
    uint8_t secret[SECRET_SIZE];
    struct key *key;

    for (int i = 0; i < SECRET_SIZE; i++)
        secret[i] = (uint8_t)i;
    CHECK_EQ(key_new(secret, &key), 0);
    return key;
}

static void fill(uint8_t *data, size_t size)
{
    for (size_t i = 0; i < size; i++)
        data[i] = (uint8_t)(i * 7 + 3);
}

static struct name make_name(struct key *key, const char *kind, const char *a, const char *b)
{
    struct digest digest;
    struct name name;

    name_begin(&digest, key, kind);
    if (a)
        name_add(&digest, a, strlen(a));
    if (b)
        name_add(&digest, b, strlen(b));
    CHECK_EQ(name_end(&digest, &name), 0);
    return name;
}

/* The expected values come from Python's hmac and from `openssl mac`, by the text of key.h. */
static void test_known_answers(void)
{
    struct key *key = test_key();
    struct fingerprint fingerprint;
    char text[NAME_TEXT_SIZE];
    struct digest digest;
    uint8_t data[1000];
    struct name name;
    struct seal seal;

    name_begin(&digest, key, "object");
    name_add(&digest, "abc", 3);
    name_add(&digest, NULL, 0);
    name_add_number(&digest, 7);
    CHECK_EQ(name_end(&digest, &name), 0);
    name_format(&name, text);
    CHECK_STR(text, "4b375429b5042a1a4269e6861da36f8fdfccf41d71fe1f1697c9b5174255fb99");

    fill(data, sizeof(data));
    CHECK_EQ(fingerprint_make(key, data, sizeof(data), &fingerprint), 0);
    CHECK(memcmp(fingerprint.bytes,
                 "\xDF\xBE\x61\xAC\xB0\xA4\xEF\x2B\x9F\xE1\x92\xD5\x16\x5D\x67\xF1", 16) == 0);

    CHECK_EQ(seal_make(key, &name, "header", 6, &fingerprint, &seal), 0);
    memcpy(name.bytes, seal.bytes, sizeof(name.bytes));
    name_format(&name, text);
    CHECK_STR(text, "973056aff5126cd161337cb565a6dc4cc2293939d67f0d9af48881e897b71bb8");
    key_free(key);
}

static void test_names_differ(void)
{
    struct key *key = test_key();
    struct name names[8];

    names[0] = make_name(key, "object", "ab", "c");
    names[1] = make_name(key, "object", "a", "bc");
    names[2] = make_name(key, "object", "abc", NULL);
    names[3] = make_name(key, "object", "abc", "");
    names[4] = make_name(key, "manifest", "ab", "c");
    names[5] = make_name(key, "object", NULL, NULL);
    names[6] = make_name(key, "objectab", "c", NULL);
    names[7] = make_name(key, "", "object", NULL);
    for (int i = 0; i < 8; i++) {
        CHECK(!name_is_zero(&names[i]));
        for (int j = 0; j < i; j++)
            CHECK(!name_equal(&names[i], &names[j]));
    }
    names[1] = make_name(key, "object", "ab", "c");
    CHECK(name_equal(&names[0], &names[1]));
    key_free(key);
}

static void test_name_text(void)
{
    struct key *key = test_key();
    struct name name = make_name(key, "object", "x", NULL), parsed;
    char text[NAME_TEXT_SIZE + 1];

    name_format(&name, text);
    CHECK_EQ(strlen(text), 64);
    CHECK(name_parse(text, &parsed) == 0 && name_equal(&name, &parsed));
    for (int i = 0; i < 64; i++) {
        char kept = text[i];
        static const char bad[] = "gAF/:`@ ";

        for (const char *c = bad; *c; c++) {
            text[i] = *c;
            CHECK_EQ(name_parse(text, &parsed), -EINVAL);
        }
        text[i] = kept;
    }
    CHECK_EQ(name_parse(text + 1, &parsed), -EINVAL);
    CHECK_EQ(name_parse("", &parsed), -EINVAL);
    text[64] = '0';
    text[65] = '\0';
    CHECK_EQ(name_parse(text, &parsed), -EINVAL);
    key_free(key);
}

/* However it is cut, the same bytes have the same fingerprint; any other have another. */
static void test_fingerprint(void)
{
    struct key *key = test_key();
    struct fingerprint whole, other;
    struct digest digest;
    uint8_t data[300];

    fill(data, sizeof(data));
    CHECK_EQ(fingerprint_make(key, data, sizeof(data), &whole), 0);
    for (size_t cut = 0; cut <= sizeof(data); cut++) {
        fingerprint_begin(&digest, key);
        fingerprint_add(&digest, data, cut);
        fingerprint_add(&digest, data + cut, sizeof(data) - cut);
        CHECK_EQ(fingerprint_end(&digest, &other), 0);
        CHECK(memcmp(&whole, &other, sizeof(whole)) == 0);
    }
    for (size_t bit = 0; bit < 8 * sizeof(data); bit++) {
        data[bit / 8] ^= (uint8_t)(1 << bit % 8);
        CHECK_EQ(fingerprint_make(key, data, sizeof(data), &other), 0);
        CHECK(memcmp(&whole, &other, sizeof(whole)) != 0);
        data[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    data[0] = 0;
    CHECK_EQ(fingerprint_make(key, data, 0, &whole), 0);
    CHECK_EQ(fingerprint_make(key, data, 1, &other), 0);
    CHECK(memcmp(&whole, &other, sizeof(whole)) != 0);
    key_free(key);
}

static void check_entries(int directory, const char *path, nlink_t links)
{
    struct stat st;

    CHECK(fstatat(directory, "secret", &st, 0) == 0);
    CHECK_EQ(st.st_size, SECRET_SIZE);
    CHECK_EQ(st.st_mode & 07777, 0600);
    CHECK_EQ(st.st_nlink, links);
    CHECK(unlinkat(directory, path, AT_REMOVEDIR) == 0); /* it is empty */
}

static void test_secret_is_kept(void)
{
    int directory = make_directory("kept"), other = make_directory("other");
    struct key *first, *second, *third;
    struct name a, b, c;

    CHECK_EQ(key_open_existing(directory, &first), -ENOENT);
    CHECK_EQ(key_open(directory, &first), 0);
    CHECK_EQ(key_open_existing(directory, &second), 0);
    CHECK_EQ(key_open(other, &third), 0);
    a = make_name(first, "object", "a", NULL);
    b = make_name(second, "object", "a", NULL);
    c = make_name(third, "object", "a", NULL);
    CHECK(name_equal(&a, &b));
    CHECK(!name_equal(&a, &c));
    CHECK_EQ(key_adopt(other, first), -EEXIST);
    CHECK_EQ(key_adopt(directory, first), 0);
    CHECK(unlinkat(other, "secret", 0) == 0);
    CHECK_EQ(key_adopt(other, first), 0);
    key_free(third);
    CHECK_EQ(key_open_existing(other, &third), 0);
    c = make_name(third, "object", "a", NULL);
    CHECK(name_equal(&a, &c));
    check_entries(directory, "tmp", 1);
    check_entries(other, "tmp", 1);
    key_free(first);
    key_free(second);
    key_free(third);
    (void)close(directory);
    (void)close(other);
}

static void test_bad_secrets(void)
{
    int directory = make_directory("bad");
    uint8_t bytes[64] = {1};
    struct key *key;

    for (size_t size = 0; size <= sizeof(bytes); size++) {
        write_file(directory, "secret", bytes, size, 0600);
        CHECK_EQ(key_open(directory, &key), size == SECRET_SIZE ? 0 : -EBADMSG);
        if (size == SECRET_SIZE)
            key_free(key);
    }
    write_file(directory, "secret", bytes, SECRET_SIZE, 0640);
    CHECK_EQ(key_open(directory, &key), -EPERM);
    write_file(directory, "secret", bytes, SECRET_SIZE, 0602);
    CHECK_EQ(key_open(directory, &key), -EPERM);
    if (geteuid() == 0) {
        write_file(directory, "secret", bytes, SECRET_SIZE, 0600);
        CHECK(fchownat(directory, "secret", 12345, 12345, 0) == 0);
        CHECK_EQ(key_open(directory, &key), -EPERM);
    }
    CHECK(unlinkat(directory, "secret", 0) == 0);
    write_file(directory, "elsewhere", bytes, SECRET_SIZE, 0600);
    CHECK(symlinkat("elsewhere", directory, "secret") == 0);
    CHECK_EQ(key_open(directory, &key), -EBADMSG);
    CHECK(unlinkat(directory, "secret", 0) == 0 && mkfifoat(directory, "secret", 0600) == 0);
    CHECK_EQ(key_open(directory, &key), -EBADMSG);
    CHECK(unlinkat(directory, "secret", 0) == 0 && mkdirat(directory, "secret", 0700) == 0);
    CHECK_EQ(key_open(directory, &key), -EBADMSG);
    CHECK(unlinkat(directory, "secret", AT_REMOVEDIR) == 0);
    CHECK(unlinkat(directory, "tmp", AT_REMOVEDIR) == 0);
    CHECK_EQ(key_open(directory, &key), -ENOENT);
    (void)close(directory);
}

/* Processes that start on an empty directory at once all end with one secret. */
static void test_race(void)
{
    enum { PROCESSES = 8, ROUNDS = 30 };
    int fds[2];

    CHECK(pipe(fds) == 0);
    for (int round = 0; round < ROUNDS; round++) {
        struct name names[PROCESSES];
        char name[16];
        int directory, start[2], status;

        (void)snprintf(name, sizeof(name), "race%d", round);
        directory = make_directory(name);
        CHECK(pipe(start) == 0);
        for (int i = 0; i < PROCESSES; i++) {
            pid_t child = fork();

            CHECK(child >= 0);
            if (child == 0) {
                struct key *key;
                struct name made;
                char byte;

                (void)close(start[1]);
                CHECK(read(start[0], &byte, 1) == 0); /* until the parent closes it: all at once */
                CHECK_EQ(key_open(directory, &key), 0);
                made = make_name(key, "object", "a", NULL);
                CHECK(write(fds[1], &made, sizeof(made)) == sizeof(made));
                _exit(0);
            }
        }
        (void)close(start[0]);
        (void)close(start[1]);
        for (int i = 0; i < PROCESSES; i++)
            CHECK(read(fds[0], &names[i], sizeof(names[i])) == sizeof(names[i]));
        for (int i = 0; i < PROCESSES; i++) {
            CHECK(wait(&status) > 0 && status == 0);
            CHECK(name_equal(&names[0], &names[i]));
        }
        check_entries(directory, "tmp", 1);
        (void)close(directory);
    }
    (void)close(fds[0]);
    (void)close(fds[1]);
}

struct user {
    pthread_t thread;
    struct key *key;
    int number;
};

static void *use_key(void *context)
{
    struct user *user = context;
    uint8_t data[2000];
    char text[16];

    fill(data, sizeof(data));
    for (int i = 0; i < 300; i++) {
        struct fingerprint a, b;
        struct name name, again;

        (void)snprintf(text, sizeof(text), "%d", user->number);
        name = make_name(user->key, "object", text, "x");
        CHECK_EQ(fingerprint_make(user->key, data + user->number, 1000, &a), 0);
        again = make_name(user->key, "object", text, "x");
        CHECK_EQ(fingerprint_make(user->key, data + user->number, 1000, &b), 0);
        CHECK(name_equal(&name, &again) && memcmp(&a, &b, sizeof(a)) == 0);
    }
    return NULL;
}

static void test_threads(void)
{
    struct key *key = test_key();
    struct user users[6];

    for (int i = 0; i < 6; i++) {
        users[i] = (struct user){.key = key, .number = i};
        CHECK(pthread_create(&users[i].thread, NULL, use_key, &users[i]) == 0);
    }
    for (int i = 0; i < 6; i++)
        CHECK(pthread_join(users[i].thread, NULL) == 0);
    key_free(key);
}

int main(void)
{
    const char *base = getenv("TMPDIR");
    char command[256];

    (void)snprintf(work, sizeof(work), "%s/quantfs-key.XXXXXX", base ? base : "/tmp");
    CHECK(mkdtemp(work));
    test_known_answers();
    test_names_differ();
    test_name_text();
    test_fingerprint();
    test_secret_is_kept();
    test_bad_secrets();
    test_race();
    test_threads();
    (void)snprintf(command, sizeof(command), "rm -rf '%s'", work);
    CHECK(system(command) == 0);
    return 0;
}
