#include "fs/reply.h"

#include <assert.h>
#include <stdint.h>
#include <sys/uio.h>

/* As many parts as an answer may have. */
#define PARTS_MAX 32

static void reply_parts(fuse_req_t req, const struct part *parts, int count)
{
    struct iovec iov[PARTS_MAX];

    for (int i = 0; i < count; i++)
        iov[i] =
            (struct iovec){.iov_base = (void *)(uintptr_t)parts[i].data, .iov_len = parts[i].size};
    (void)fuse_reply_iov(req, iov, count);
}

/* A lost reply is the kernel's: whoever asked is gone. libfuse has let go of the request. */
void reply_read(fuse_req_t req, int r, const struct part *parts, int count)
{
    assert(r <= 0 && (r == 0 || count == 0) && count <= PARTS_MAX);
    if (r < 0)
        (void)fuse_reply_err(req, -r);
    else if (count == 0)
        (void)fuse_reply_buf(req, NULL, 0);
    else
        reply_parts(req, parts, count);
}
