#!/bin/bash
# If this failed, llama-server --models-dir would not list the variants of a mount.
. "$(dirname "$0")/../mount/lib.bash"
need_reference
start
libs=$reference_root/usr/lib/x86_64-linux-gnu
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
GGML_BACKEND_PATH=$libs/ggml/backends0/libggml-cpu-x64.so "$reference_root/usr/lib64/ld-linux-x86-64.so.2" --library-path "$libs:$libs/llama" \
    "$reference_root/usr/bin/llama-server" --models-dir mnt --host 127.0.0.1 --port "$port" >server.out 2>&1 </dev/null &
server=$!
ask() { python3 -c 'import sys, urllib.request; print(urllib.request.build_opener(urllib.request.ProxyHandler({})).open("http://127.0.0.1:%s/models" % sys.argv[1], timeout=5).read().decode())' "$port" >models.json 2>/dev/null; }
done_waiting() { ask || ended "$server"; }
until_true 60 done_waiting || true
[ -s models.json ] || { kill "$server" 2>/dev/null; fail "no answer: $(tail -n 5 server.out)"; }
kill "$server"
wait "$server" 2>/dev/null || true
python3 - <<'PYTHON'
import json
names = {m["id"] for m in json.load(open("models.json"))["data"]}
wanted = {"a", "a@q4_k_m", "a@q4_k_s", "a@q8_0"}
assert wanted <= names, "listed: %s" % sorted(names)
PYTHON
stop
