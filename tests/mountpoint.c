/* If this failed, a cache would be made where it must not be, or of two mounts that begin at once
 * on a cache which is not there yet one would be refused. */
#include "fs/mountpoint.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/check.h"

static char work[128];
static const char *made_meanwhile; /* by another process, while the way to it is looked at */

char *__real_realpath(const char *path, char *resolved);
char *__wrap_realpath(const char *path, char *resolved);

char *__wrap_realpath(const char *path, char *resolved)
{
    if (made_meanwhile)
        CHECK(mkdir(made_meanwhile, 0700) == 0);
    made_meanwhile = NULL;
    return __real_realpath(path, resolved);
}

static const char *in_work(const char *name)
{
    static char paths[8][256];
    static unsigned next;
    char *path = paths[next++ % 8];

    (void)snprintf(path, sizeof(paths[0]), "%s%s%s", work, *name ? "/" : "", name);
    return path;
}

static int check(const struct mountpoint *mountpoint, const char *name)
{
    char reason[MOUNTPOINT_REASON_SIZE];
    int r = mountpoint_check_cache(mountpoint, in_work(name), reason);

    CHECK((r < 0) == (reason[0] != '\0'));
    return r;
}

int main(void)
{
    const char *base = getenv("TMPDIR");
    char command[256];
    struct mountpoint mountpoint;

    (void)snprintf(work, sizeof(work), "%s/quantfs-mountpoint.XXXXXX", base ? base : "/tmp");
    CHECK(mkdtemp(work));
    CHECK(mkdir(in_work("models"), 0700) == 0 && mkdir(in_work("mnt"), 0700) == 0);
    CHECK(mkdir(in_work("there"), 0700) == 0);
    mountpoint = (struct mountpoint){
        .models = open(in_work("models"), O_PATH | O_DIRECTORY | O_CLOEXEC),
        .models_path = realpath(in_work("models"), NULL),
        .path = realpath(in_work("mnt"), NULL),
    };
    CHECK(mountpoint.models >= 0 && mountpoint.models_path && mountpoint.path);

    CHECK_EQ(check(&mountpoint, "there"), 0);
    CHECK_EQ(check(&mountpoint, "new"), 0);
    CHECK_EQ(check(&mountpoint, "new/below"), 0);
    CHECK_EQ(check(&mountpoint, "models/new"), -EINVAL);
    CHECK_EQ(check(&mountpoint, "mnt/new"), -EINVAL);
    CHECK_EQ(check(&mountpoint, ""), -EINVAL);
    made_meanwhile = in_work("new");
    CHECK_EQ(check(&mountpoint, "new"), 0);
    CHECK(access(in_work("new"), F_OK) == 0);
    CHECK_EQ(check(&mountpoint, "new"), 0);

    mountpoint_close(&mountpoint);
    (void)snprintf(command, sizeof(command), "rm -rf '%s'", work);
    CHECK(system(command) == 0);
    return 0;
}
