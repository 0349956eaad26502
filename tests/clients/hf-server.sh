#!/bin/bash
# If this failed, llama-server would not see with the projector that stands beside a Hugging Face directory's variants in a mount, or not
# rank with what the mount makes of a reranker.
. "$(dirname "$0")/../mount/lib.bash"
need_reference
libs=$reference_root/usr/lib/x86_64-linux-gnu
# Of the cases with a projector these have a tokenizer and sizes that the program can see with.
"$tests/hf/gen.py" made glm4v lfm2vl mm_smolvlm qwen3_rerank qwen3_rerank_card || fail "no models"
for path in made/*/*; do mv "$path" models/; done
cat >ask.py <<'PYTHON'
"""ask.py PORT health | rerank | text | picture: prints what the server says of it, in a word or number"""
import base64, json, struct, sys, urllib.request, zlib

def png(size):
    rows = b"".join(b"\0" + bytes((x * 7 + y * 13 + color * 50) % 256 for x in range(size) for color in range(3)) for y in range(size))
    chunk = lambda kind, data: struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", size, size, 8, 2, 0, 0, 0)) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")

def post(path, what):
    request = None
    if what:
        request = json.dumps(what).encode()
    request = urllib.request.Request("http://127.0.0.1:%s/%s" % (sys.argv[1], path), request, {"Content-Type": "application/json"})
    return json.load(urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=60))

if sys.argv[2] == "health":
    print(post("health", None)["status"])
elif sys.argv[2] == "rerank":
    answer = post("v1/rerank", {"query": "the test", "documents": ["hello", "world", "and a third"]})
    print(len({result["index"] for result in answer["results"] if 0 <= result["relevance_score"] <= 1}))
else:
    parts = [{"type": "text", "text": "what"}]
    if sys.argv[2] == "picture":
        parts.append({"type": "image_url", "image_url": {"url": "data:image/png;base64," + base64.b64encode(png(32)).decode()}})
    answer = post("v1/chat/completions", {"messages": [{"role": "user", "content": parts}], "max_tokens": 2, "temperature": 0, "seed": 1})
    assert answer["usage"]["completion_tokens"] == 2, answer
    print(answer["usage"]["prompt_tokens"])
PYTHON
ask() { python3 ask.py "$port" "$1"; }
up() { [ "$(ask health 2>/dev/null)" = ok ]; }
up_or_ended() { up || ended "$server"; }
serve() {
    port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
    GGML_BACKEND_PATH=$libs/ggml/backends0/libggml-cpu-x64.so "$reference_root/usr/lib64/ld-linux-x86-64.so.2" --library-path "$libs:$libs/llama" \
        "$reference_root/usr/bin/llama-server" "$@" --host 127.0.0.1 --port "$port" -c 2048 -np 1 -t 2 --no-warmup >server.out 2>&1 </dev/null &
    server=$!
    until_true 60 up_or_ended || true
    up || { kill "$server" 2>/dev/null; fail "llama-server $*: $(grep ' E ' server.out | head -n 3)"; }
}
end_server() {
    kill "$server"
    wait "$server" 2>/dev/null || true
}
start
for pair in "GLM-4.1V-9B-Thinking f16" "GLM-4.1V-9B-Thinking q8_0" "LFM2-VL-450M q8_0" "SmolVLM-256M-Instruct f16"; do
    read -r name type <<<"$pair"
    [ -d "models/$name" ] || fail "no model $name: $(ls models)"
    serve -m "mnt/$name@q8_0.gguf" --mmproj "mnt/$name@mmproj-$type.gguf" --chat-template chatml
    words=$(ask text) || { kill "$server"; fail "$name does not answer: $(tail -n 3 server.out)"; }
    seen=$(ask picture) || { kill "$server"; fail "$name does not see with its projector as $type: $(tail -n 3 server.out)"; }
    end_server
    [ "$seen" -gt "$words" ] || fail "$name: a picture is $seen tokens, words alone $words"
done
for name in Qwen3-Reranker-0.6B Judge-4B; do
    reference llama-quantize "mnt/$name@f16.gguf" tool.gguf q8_0 1 >/dev/null 2>err || fail "llama-quantize: $(tail -n 2 err)"
    same "mnt/$name@q8_0+from=f16.gguf" tool.gguf
    serve -m "mnt/$name@q8_0.gguf" --reranking
    equal "documents that $name ranks" "$(ask rerank || tail -n 3 server.out)" 3
    end_server
done
stop
