#!/bin/bash
# If this failed, Ctrl-C would leave half a model behind, or the shell would not see that it was Ctrl-C.
. "$(dirname "$0")/lib.bash"

# Standard output is a pipe with room for some progress lines: the run cannot end before the signal, but has written by then.
python3 - "$QUANTFS" "$tests" <<'PYTHON'
import fcntl, os, resource, signal, subprocess, sys, time

ROOM = 12 * len("[   1/  20]\n") # the first write comes with the eighth line at the latest
BEFORE = 5000000 # bytes of a file that exists

def begin(out, source, options, signals):
    reader, writer = os.pipe()
    size = fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)
    os.write(writer, b"x" * (size - ROOM))
    child = subprocess.Popen([sys.argv[1], "quantize", *options, source, out, "Q8_0", "2"], stdout=writer, stderr=subprocess.DEVNULL,
                             preexec_fn=signals)
    limit = time.monotonic() + 30
    while not 0 < written(child.pid, out) < BEFORE:
        assert child.poll() is None, "it ended by itself"
        assert time.monotonic() < limit, "nothing was ever written"
        time.sleep(0.01)
    return child, reader, writer

def run(out, sig, source="source.gguf", options=()):
    child, reader, writer = begin(out, source, options, default_signals)
    child.send_signal(sig)
    status = child.wait(30)
    assert status == -sig, "ended with %d, not by signal %d" % (status, sig)
    os.close(reader)
    os.close(writer)

def default_signals():
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.signal(signal.SIGQUIT, signal.SIG_DFL)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))

def written(pid, out):
    here = os.getcwd() + "/"
    for fd in os.listdir("/proc/%d/fd" % pid):
        try:
            target = os.readlink("/proc/%d/fd/%s" % (pid, fd))
        except OSError:
            continue
        if target == here + out or (target.startswith(here) and ("deleted" in target or ".quantfs-" in target)):
            return os.stat("/proc/%d/fd/%s" % (pid, fd)).st_size
    return 0

for sig in signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT:
    run("new.gguf", sig)
    left = sorted(os.listdir("."))
    assert left == ["source.gguf"], "left behind: %s" % left
    with open("old.gguf", "wb") as file:
        file.write(b"x" * BEFORE)
    inode = os.stat("old.gguf").st_ino
    run("old.gguf", sig)
    assert (os.stat("old.gguf").st_ino, os.stat("old.gguf").st_size) == (inode, 0), "not the same inode, empty"
    os.unlink("old.gguf")

# What was ignored for it, by nohup or by a shell, it ignores.
child, reader, writer = begin("new.gguf", "source.gguf", (), lambda: (signal.signal(signal.SIGINT, signal.SIG_IGN),
                                                                       signal.signal(signal.SIGHUP, signal.SIG_IGN)))
child.send_signal(signal.SIGINT)
child.send_signal(signal.SIGHUP)
os.close(writer)
while os.read(reader, 4096):
    pass
assert child.wait(30) == 0, "ended with %d though the signals were ignored" % child.returncode
os.close(reader)
subprocess.run([sys.argv[1], "quantize", "source.gguf", "expected.gguf", "Q8_0"], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
with open("new.gguf", "rb") as new, open("expected.gguf", "rb") as expected:
    assert new.read() == expected.read(), "another file"
os.unlink("new.gguf")
os.unlink("expected.gguf")

# The files of a set: the first one is whole by then, the second is not.
subprocess.run([sys.argv[2] + "/make-big-model", "--width", "256", "--ff", "512", "--heads", "4", "--layers", "2", "--vocab", "4000", "--split",
                         "9,12", "set.gguf"], check=True)
before = sorted(os.listdir("."))
for sig in signal.SIGINT, signal.SIGTERM:
    run("new.gguf", sig, "set-00001-of-00002.gguf", ["--keep-split"])
    left = sorted(os.listdir("."))
    assert left == before, "left behind: %s" % left
PYTHON
