#!/bin/bash
# If this failed, Ctrl-C would leave half a model behind, or the shell would not see that it was Ctrl-C.
. "$(dirname "$0")/lib.bash"

# Standard output is a pipe that is full: the first progress line waits there, so the run cannot end before the signal.
python3 - "$QUANTFS" <<'PYTHON'
import fcntl, os, signal, subprocess, sys, time

def run(out, sig):
    reader, writer = os.pipe()
    flags = fcntl.fcntl(writer, fcntl.F_GETFL)
    fcntl.fcntl(writer, fcntl.F_SETFL, flags | os.O_NONBLOCK)
    try:
        while True:
            os.write(writer, b"x" * 4096)
    except BlockingIOError:
        pass
    try:
        while True:
            os.write(writer, b"x")
    except BlockingIOError:
        pass
    fcntl.fcntl(writer, fcntl.F_SETFL, flags)
    child = subprocess.Popen([sys.argv[1], "quantize", "source.gguf", out, "Q8_0"], stdout=writer, stderr=subprocess.DEVNULL,
                             preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
    limit = time.monotonic() + 30
    while not opened(child.pid, out):
        assert child.poll() is None, "it ended by itself"
        assert time.monotonic() < limit, "the output was never opened"
        time.sleep(0.01)
    child.send_signal(sig)
    status = child.wait(30)
    assert status == -sig, "ended with %d, not by signal %d" % (status, sig)
    os.close(reader)
    os.close(writer)

def opened(pid, out):
    here = os.getcwd() + "/"
    for fd in os.listdir("/proc/%d/fd" % pid):
        try:
            target = os.readlink("/proc/%d/fd/%s" % (pid, fd))
        except OSError:
            continue
        if target == here + out or (target.startswith(here) and ("deleted" in target or ".quantfs-" in target)):
            return True
    return False

for sig in signal.SIGINT, signal.SIGTERM, signal.SIGHUP:
    run("new.gguf", sig)
    left = sorted(os.listdir("."))
    assert left == ["source.gguf"], "left behind: %s" % left
    with open("old.gguf", "wb") as file:
        file.write(b"x" * 5000000)
    inode = os.stat("old.gguf").st_ino
    run("old.gguf", sig)
    assert (os.stat("old.gguf").st_ino, os.stat("old.gguf").st_size) == (inode, 0), "not the same inode, empty"
    os.unlink("old.gguf")
PYTHON
