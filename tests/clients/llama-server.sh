#!/bin/bash
# If this failed, llama-server --models-dir would not list the variants of a mount, or of a flat one not those of models in folders.
. "$(dirname "$0")/../mount/lib.bash"
need_reference
libs=$reference_root/usr/lib/x86_64-linux-gnu
ask() { python3 -c 'import sys, urllib.request; print(urllib.request.build_opener(urllib.request.ProxyHandler({})).open("http://127.0.0.1:%s/models" % sys.argv[1], timeout=5).read().decode())' "$port" >models.json 2>/dev/null; }
done_waiting() { ask || ended "$server"; }
# serve OPTIONS: the names that the server lists of a mount with them, in the file names
serve() {
    start "$@"
    rm -f models.json
    port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
    GGML_BACKEND_PATH=$libs/ggml/backends0/libggml-cpu-x64.so "$reference_root/usr/lib64/ld-linux-x86-64.so.2" --library-path "$libs:$libs/llama" \
        "$reference_root/usr/bin/llama-server" --models-dir mnt --host 127.0.0.1 --port "$port" >server.out 2>&1 </dev/null &
    server=$!
    until_true 60 done_waiting || true
    [ -s models.json ] || { kill "$server" 2>/dev/null; fail "no answer: $(tail -n 5 server.out)"; }
    kill "$server"
    wait "$server" 2>/dev/null || true
    python3 -c 'import json; print(*sorted(m["id"] for m in json.load(open("models.json"))["data"]), sep="\n")' >names
    stop
}
serve -v
for name in a a@q4_k_m a@q4_k_s a@q8_0; do grep -qxF "$name" names || fail "$name is not listed: $(cat names)"; done
mkdir models/sub models/sub/deeper
cp source.gguf models/sub/b.gguf
cp source.gguf models/sub/deeper/c.gguf
serve -o layout=flat,variants=q8_0
equal "models of a flat mount" "$(grep -xE '[abc].*|sub.*' names | paste -sd' ')" "a@q8_0 b@q8_0 c@q8_0"
serve -o layout=dirs,variants=q8_0
for name in a a@q8_0.gguf; do grep -qxF "$name" names || fail "$name is not listed: $(cat names)"; done
