#include "cache/key.h"

#include <assert.h>
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#define SUBKEY_MAX 32

enum subkey { SUBKEY_FINGERPRINT, SUBKEY_NAME, SUBKEY_SEAL, SUBKEYS };

static const struct {
    const char *info;
    size_t size;
} subkey_info[SUBKEYS] = {
    [SUBKEY_FINGERPRINT] = {"quantfs cache 1 fingerprint", 16},
    [SUBKEY_NAME] = {"quantfs cache 1 name", 32},
    [SUBKEY_SEAL] = {"quantfs cache 1 seal", 32},
};

/* A context of OpenSSL that waits for its next use: making one costs more than a name. */
struct mac {
    EVP_MAC_CTX *context;
    enum subkey subkey;
    struct mac *next;
};

struct key {
    uint8_t secret[SECRET_SIZE];
    uint8_t subkeys[SUBKEYS][SUBKEY_MAX];
    EVP_MAC *gmac, *hmac;
    pthread_mutex_t lock;
    struct mac *idle[SUBKEYS]; /* under lock; as many as there were users at once */
};

/* ---- keys ---- */

static int derive(EVP_KDF *kdf, const uint8_t *secret, enum subkey subkey, uint8_t *out)
{
    EVP_KDF_CTX *context = EVP_KDF_CTX_new(kdf);
    char digest[] = "SHA256", info[64];
    uint8_t secret_copy[SECRET_SIZE];
    OSSL_PARAM params[4];
    int r = -EIO;

    /* OpenSSL's parameters are not const. */
    memcpy(secret_copy, secret, SECRET_SIZE);
    (void)snprintf(info, sizeof(info), "%s", subkey_info[subkey].info);
    params[0] = OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0);
    params[1] = OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, secret_copy, SECRET_SIZE);
    params[2] = OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, info, strlen(info));
    params[3] = OSSL_PARAM_construct_end();
    if (context && EVP_KDF_derive(context, out, subkey_info[subkey].size, params) == 1)
        r = 0;
    OPENSSL_cleanse(secret_copy, sizeof(secret_copy));
    EVP_KDF_CTX_free(context);
    return r;
}

int key_new(const uint8_t secret[SECRET_SIZE], struct key **out)
{
    struct key *key = calloc(1, sizeof(*key));
    EVP_KDF *kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
    int r = key && kdf ? 0 : -ENOMEM;

    if (key) {
        (void)pthread_mutex_init(&key->lock, NULL);
        memcpy(key->secret, secret, SECRET_SIZE);
        key->gmac = EVP_MAC_fetch(NULL, "GMAC", NULL);
        key->hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
        if (r == 0 && (!key->gmac || !key->hmac))
            r = -EIO;
    }
    for (enum subkey subkey = 0; r == 0 && subkey < SUBKEYS; subkey++)
        r = derive(kdf, secret, subkey, key->subkeys[subkey]);
    EVP_KDF_free(kdf);
    if (r < 0) {
        key_free(key);
        return r;
    }
    *out = key;
    return 0;
}

static void mac_free(struct mac *mac)
{
    if (mac)
        EVP_MAC_CTX_free(mac->context);
    free(mac);
}

void key_free(struct key *key)
{
    if (!key)
        return;
    for (enum subkey subkey = 0; subkey < SUBKEYS; subkey++)
        while (key->idle[subkey]) {
            struct mac *mac = key->idle[subkey];

            key->idle[subkey] = mac->next;
            mac_free(mac);
        }
    EVP_MAC_free(key->gmac);
    EVP_MAC_free(key->hmac);
    (void)pthread_mutex_destroy(&key->lock);
    OPENSSL_cleanse(key, sizeof(*key));
    free(key);
}

/* ---- digests ---- */

static struct mac *mac_new(struct key *key, enum subkey subkey)
{
    struct mac *mac = calloc(1, sizeof(*mac));
    char cipher[] = "AES-128-GCM", hash[] = "SHA256";
    OSSL_PARAM params[2] = {subkey == SUBKEY_FINGERPRINT
                                ? OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_CIPHER, cipher, 0)
                                : OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, hash, 0),
                            OSSL_PARAM_construct_end()};

    if (!mac)
        return NULL;
    mac->subkey = subkey;
    mac->context = EVP_MAC_CTX_new(subkey == SUBKEY_FINGERPRINT ? key->gmac : key->hmac);
    if (!mac->context || EVP_MAC_CTX_set_params(mac->context, params) != 1) {
        mac_free(mac);
        return NULL;
    }
    return mac;
}

static void digest_begin(struct digest *digest, struct key *key, enum subkey subkey)
{
    uint8_t iv[12] = {0};
    OSSL_PARAM params[2] = {OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_IV, iv, sizeof(iv)),
                            OSSL_PARAM_construct_end()};

    *digest = (struct digest){.key = key};
    (void)pthread_mutex_lock(&key->lock);
    digest->mac = key->idle[subkey];
    if (digest->mac)
        key->idle[subkey] = digest->mac->next;
    (void)pthread_mutex_unlock(&key->lock);
    if (!digest->mac)
        digest->mac = mac_new(key, subkey);
    if (!digest->mac) {
        digest->r = -ENOMEM;
        return;
    }
    /* The key is given each time: starting again without one is broken in OpenSSL before 3.0.3. */
    if (EVP_MAC_init(digest->mac->context, key->subkeys[subkey], subkey_info[subkey].size,
                     subkey == SUBKEY_FINGERPRINT ? params : NULL) != 1)
        digest->r = -EIO;
}

static void digest_add(struct digest *digest, const void *data, size_t size)
{
    if (digest->r == 0 && size > 0 && EVP_MAC_update(digest->mac->context, data, size) != 1)
        digest->r = -EIO;
}

static int digest_end(struct digest *digest, uint8_t *out, size_t size)
{
    struct key *key = digest->key;
    struct mac *mac = digest->mac;
    size_t length = 0;

    if (digest->r == 0 && (EVP_MAC_final(mac->context, out, &length, size) != 1 || length != size))
        digest->r = -EIO;
    digest->mac = NULL;
    if (digest->r < 0) {
        mac_free(mac);
        return digest->r;
    }
    (void)pthread_mutex_lock(&key->lock);
    mac->next = key->idle[mac->subkey];
    key->idle[mac->subkey] = mac;
    (void)pthread_mutex_unlock(&key->lock);
    return 0;
}

void fingerprint_begin(struct digest *digest, struct key *key)
{
    digest_begin(digest, key, SUBKEY_FINGERPRINT);
}

void fingerprint_add(struct digest *digest, const void *data, size_t size)
{
    digest_add(digest, data, size);
}

int fingerprint_end(struct digest *digest, struct fingerprint *fingerprint)
{
    return digest_end(digest, fingerprint->bytes, sizeof(fingerprint->bytes));
}

int fingerprint_make(struct key *key, const void *data, size_t size,
                     struct fingerprint *fingerprint)
{
    struct digest digest;

    fingerprint_begin(&digest, key);
    fingerprint_add(&digest, data, size);
    return fingerprint_end(&digest, fingerprint);
}

/* ---- names ---- */

static void add_field(struct digest *digest, const void *data, size_t size)
{
    uint64_t length = htole64(size);

    digest_add(digest, &length, sizeof(length));
    digest_add(digest, data, size);
}

void name_begin(struct digest *digest, struct key *key, const char *kind)
{
    digest_begin(digest, key, SUBKEY_NAME);
    name_add_number(digest, CACHE_FORMAT);
    add_field(digest, kind, strlen(kind));
}

void name_add(struct digest *digest, const void *data, size_t size)
{
    add_field(digest, data, size);
}

void name_add_number(struct digest *digest, uint64_t number)
{
    uint64_t bytes = htole64(number);

    add_field(digest, &bytes, sizeof(bytes));
}

int name_end(struct digest *digest, struct name *name)
{
    return digest_end(digest, name->bytes, sizeof(name->bytes));
}

void name_format(const struct name *name, char text[NAME_TEXT_SIZE])
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < sizeof(name->bytes); i++) {
        text[2 * i] = digits[name->bytes[i] >> 4];
        text[2 * i + 1] = digits[name->bytes[i] & 15];
    }
    text[NAME_TEXT_SIZE - 1] = '\0';
}

static int digit_value(char digit)
{
    if (digit >= '0' && digit <= '9')
        return digit - '0';
    return digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : -1;
}

int name_parse(const char *text, struct name *name)
{
    if (strlen(text) != NAME_TEXT_SIZE - 1)
        return -EINVAL;
    for (size_t i = 0; i < sizeof(name->bytes); i++) {
        int high = digit_value(text[2 * i]), low = digit_value(text[2 * i + 1]);

        if (high < 0 || low < 0)
            return -EINVAL;
        name->bytes[i] = (uint8_t)(high << 4 | low);
    }
    return 0;
}

bool name_equal(const struct name *a, const struct name *b)
{
    return memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0;
}

bool name_is_zero(const struct name *name)
{
    static const struct name zero;

    return name_equal(name, &zero);
}

/* ---- seals ---- */

int seal_make(struct key *key, const struct name *name, const void *header, size_t header_size,
              const struct fingerprint *stored, struct seal *seal)
{
    struct digest digest;

    digest_begin(&digest, key, SUBKEY_SEAL);
    add_field(&digest, name->bytes, sizeof(name->bytes));
    add_field(&digest, header, header_size);
    add_field(&digest, stored->bytes, sizeof(stored->bytes));
    return digest_end(&digest, seal->bytes, sizeof(seal->bytes));
}

bool seal_equal(const struct seal *a, const struct seal *b)
{
    return CRYPTO_memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0;
}

/* ---- the secret on disk ---- */

static int random_bytes(void *data, size_t size)
{
    assert(size <= 256); /* then getrandom() is never cut short by a signal */
    return getrandom(data, size, 0) == (ssize_t)size ? 0 : -EIO;
}

static int read_secret(int directory, uint8_t secret[SECRET_SIZE])
{
    uint8_t bytes[SECRET_SIZE + 1];
    struct stat st;
    ssize_t count;
    int fd, r = 0;

    fd = openat(directory, "secret", O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0)
        return errno == ELOOP ? -EBADMSG : -errno;
    if (fstat(fd, &st) < 0) {
        r = -errno;
        goto out;
    }
    count = S_ISREG(st.st_mode) ? pread(fd, bytes, sizeof(bytes), 0) : 0;
    if (count < 0)
        r = -errno;
    else if (count != SECRET_SIZE)
        r = -EBADMSG;
    else if (st.st_uid != geteuid() || (st.st_mode & 077) != 0)
        r = -EPERM;
    else
        memcpy(secret, bytes, SECRET_SIZE);
    OPENSSL_cleanse(bytes, sizeof(bytes));
out:
    (void)close(fd);
    return r;
}

/* -EEXIST: there is one already, whoever made it. */
static int write_secret(int directory, const uint8_t secret[SECRET_SIZE])
{
    uint64_t number = 0;
    char temporary[40];
    ssize_t written;
    int fd, r = random_bytes(&number, sizeof(number));

    if (r < 0)
        return r;
    (void)snprintf(temporary, sizeof(temporary), "tmp/%016llx", (unsigned long long)number);
    fd = openat(directory, temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return errno == EEXIST ? -EIO : -errno;
    written = write(fd, secret, SECRET_SIZE);
    if (written != SECRET_SIZE)
        r = written < 0 ? -errno : -EIO;
    else if (fsync(fd) < 0 || linkat(directory, temporary, directory, "secret", 0) < 0)
        r = -errno;
    (void)close(fd);
    (void)unlinkat(directory, temporary, 0);
    return r;
}

int key_open_existing(int directory, struct key **key)
{
    uint8_t secret[SECRET_SIZE];
    int r = read_secret(directory, secret);

    if (r == 0)
        r = key_new(secret, key);
    OPENSSL_cleanse(secret, sizeof(secret));
    return r;
}

int key_open(int directory, struct key **key)
{
    uint8_t secret[SECRET_SIZE];
    int r = key_open_existing(directory, key);

    if (r != -ENOENT)
        return r;
    r = random_bytes(secret, sizeof(secret));
    if (r == 0)
        r = write_secret(directory, secret);
    OPENSSL_cleanse(secret, sizeof(secret));
    /* What is on disk counts, also where we made it. */
    return r < 0 && r != -EEXIST ? r : key_open_existing(directory, key);
}

int key_adopt(int directory, const struct key *key)
{
    uint8_t secret[SECRET_SIZE];
    int r = read_secret(directory, secret);

    if (r == -ENOENT) {
        r = write_secret(directory, key->secret);
        if (r == 0 || r == -EEXIST)
            r = read_secret(directory, secret);
    }
    if (r == 0 && CRYPTO_memcmp(secret, key->secret, SECRET_SIZE) != 0)
        r = -EEXIST;
    OPENSSL_cleanse(secret, sizeof(secret));
    return r;
}
