#!/bin/bash
# If this failed, every run would wait for the disk, or one with --sync would return before the model is on it.
. "$(dirname "$0")/lib.bash"
cat >count.c <<'C'
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
/* What is asked to be on the disk, one letter each: a file, a directory. */
int fsync(int fd)
{
    int log = open("synced", O_WRONLY | O_CREAT | O_APPEND, 0644);
    struct stat st;
    if (log < 0 || fstat(fd, &st) != 0 || write(log, S_ISDIR(st.st_mode) ? "d" : "f", 1) != 1)
        return -1;
    return close(log);
}
int fdatasync(int fd)
{
    return fsync(fd);
}
C
cc -shared -fPIC -o count.so count.c || skip "no compiler here"
run() { # WHAT EXPECTED OPTION... OUT
    local what=$1 expected=$2
    shift 2
    rm -f synced
    : >synced
    LD_PRELOAD=$work/count.so "$QUANTFS" quantize "${@:1:$#-1}" source.gguf "${!#}" Q4_K_M >/dev/null 2>err || fail "$what: $(cat err)"
    equal "$what" "$(cat synced)" "$expected"
}
run "a new file" "" new.gguf
run "one that was there" "" new.gguf
run "one that was there, with --sync" f --sync new.gguf
rm new.gguf
run "a new file, with --sync" fd --sync new.gguf
run "no file at all, with --sync" "" --sync /dev/null
same new.gguf <("$QUANTFS" quantize source.gguf /dev/stdout Q4_K_M 2>/dev/null)
