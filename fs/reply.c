#include "fs/reply.h"

#include <assert.h>
#include <stddef.h>

/* A lost reply is the kernel's: whoever asked is gone. libfuse has let go of the request. */
void reply_read(fuse_req_t req, int r, const struct iovec *iov, int count)
{
    assert(r <= 0 && (r == 0 || count == 0));
    if (r < 0)
        (void)fuse_reply_err(req, -r);
    else if (count == 0)
        (void)fuse_reply_buf(req, NULL, 0);
    else
        (void)fuse_reply_iov(req, iov, count);
}
