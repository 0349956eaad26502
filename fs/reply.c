#include "fs/reply.h"

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

/* As many parts as an answer may have. */
#define PARTS_MAX 32

static bool in_memory(const struct part *parts, int count)
{
    for (int i = 0; i < count; i++) {
        if (!parts[i].data)
            return false;
    }
    return true;
}

static void reply_memory(fuse_req_t req, const struct part *parts, int count)
{
    struct iovec iov[PARTS_MAX];

    for (int i = 0; i < count; i++)
        iov[i] =
            (struct iovec){.iov_base = (void *)(uintptr_t)parts[i].data, .iov_len = parts[i].size};
    (void)fuse_reply_iov(req, iov, count);
}

/* Files are spliced where libfuse can. */
static void reply_files(fuse_req_t req, const struct part *parts, int count)
{
    union {
        struct fuse_bufvec vector;
        char room[sizeof(struct fuse_bufvec) + PARTS_MAX * sizeof(struct fuse_buf)];
    } out = {.vector = {.count = (size_t)count}};

    for (int i = 0; i < count; i++) {
        /* buf[] is declared with one element, though it has as many as count says. */
        struct fuse_buf *buf =
            (struct fuse_buf *)(void *)(out.room + offsetof(struct fuse_bufvec, buf)) + i;

        *buf = (struct fuse_buf){.size = parts[i].size};
        if (parts[i].data) {
            buf->mem = (void *)(uintptr_t)parts[i].data;
        } else {
            buf->flags = FUSE_BUF_IS_FD | FUSE_BUF_FD_SEEK;
            buf->fd = parts[i].fd;
            buf->pos = (off_t)parts[i].offset;
        }
    }
    (void)fuse_reply_data(req, &out.vector, 0);
}

/* A lost reply is the kernel's: whoever asked is gone. libfuse has let go of the request. */
void reply_read(fuse_req_t req, int r, const struct part *parts, int count)
{
    assert(r <= 0 && (r == 0 || count == 0) && count <= PARTS_MAX);
    if (r < 0)
        (void)fuse_reply_err(req, -r);
    else if (count == 0)
        (void)fuse_reply_buf(req, NULL, 0);
    else if (in_memory(parts, count))
        reply_memory(req, parts, count);
    else
        reply_files(req, parts, count);
}
