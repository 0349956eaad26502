#!/bin/bash
# If this failed, `quantize --allow-requantize` would write other bytes, or say something else, than llama-quantize does.
. "$(dirname "$0")/lib.bash"

# TYPE.gguf for each: a matrix of random blocks whose scales are small numbers. whole.gguf: one matrix of each type.
# zero-TYPE.gguf: types that there are no weights of. huge.gguf: an MXFP4 whose weights are too large for floats.
python3 - <<'PYTHON'
import random, struct
# number, weights and bytes of a block, where its half floats are
TYPES = {"q4_0": (2, 32, 18, 0), "q4_1": (3, 32, 20, 0, 2), "q5_0": (6, 32, 22, 0), "q5_1": (7, 32, 24, 0, 2), "q8_0": (8, 32, 34, 0),
         "q2_k": (10, 256, 84, 80, 82), "q3_k": (11, 256, 110, 108), "q4_k": (12, 256, 144, 0, 2), "q5_k": (13, 256, 176, 0, 2),
         "q6_k": (14, 256, 210, 208), "iq4_nl": (20, 32, 18, 0), "iq4_xs": (23, 256, 136, 0), "tq1_0": (34, 256, 54, 52),
         "tq2_0": (35, 256, 66, 64), "mxfp4": (39, 32, 17), "nvfp4": (40, 64, 36), "q1_0": (41, 128, 18, 0), "q2_0": (42, 64, 18, 0),
         "iq1_s": (19, 256, 50, 0), "iq1_m": (29, 256, 56), "iq2_xxs": (16, 256, 66, 0), "iq2_xs": (17, 256, 74, 0), "iq2_s": (22, 256, 82, 0),
         "iq3_xxs": (18, 256, 98, 0), "iq3_s": (21, 256, 110, 0)}
ODD = {"q8_1": (9, 32, 36), "q8_k": (15, 256, 292), "i8": (24, 1, 1), "f64": (28, 1, 8)}
WIDTH, ROWS = 512, 48
random.seed(5)

def blocks(kind):
    number, weights, size, *scales = TYPES[kind]
    out = bytearray(random.randbytes(WIDTH * ROWS // weights * size))
    for at in range(0, len(out), size):
        for scale in scales:
            struct.pack_into("<e", out, at + scale, random.uniform(-0.01, 0.01))
        if kind == "mxfp4":
            out[at] = random.randrange(100, 120)
        if kind == "iq1_m":  # a quarter of its scale in the upper half of each of the last words; 0x1c00 to 0x1cff
            for i, quarter in enumerate((random.randrange(16), random.randrange(16), 0xc, 0x1)):
                out[at + 49 + 2 * i] = out[at + 49 + 2 * i] & 15 | quarter << 4
    return bytes(out)

def text(value):
    return struct.pack("<Q", len(value)) + value.encode()

def key(name, value):
    if isinstance(value, str):
        return text(name) + struct.pack("<I", 8) + text(value)
    return text(name) + (struct.pack("<If", 6, value) if isinstance(value, float) else struct.pack("<II", 4, value))

def write(path, tensors):
    keys = [key("general.architecture", "llama")]
    for name, value in (("block_count", 1), ("context_length", 64), ("embedding_length", WIDTH), ("feed_forward_length", 512), ("attention.head_count", 8),
                        ("rope.dimension_count", 64), ("attention.layer_norm_rms_epsilon", 1e-5)):
        keys.append(key("llama." + name, value))
    infos, data = b"", b""
    for name, number, content in tensors:
        infos += text(name) + struct.pack("<IQQIQ", 2, WIDTH, ROWS, number, len(data))
        data += content + bytes(-len(content) % 32)
    head = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(keys)) + b"".join(keys) + infos
    open(path, "wb").write(head + bytes(-len(head) % 32) + data)

for kind in TYPES:
    write(kind + ".gguf", [("blk.0.ffn_up.weight", TYPES[kind][0], blocks(kind))])
write("whole.gguf", [("blk.0.%s.weight" % kind, TYPES[kind][0], blocks(kind)) for kind in TYPES])
for kind, (number, weights, size) in ODD.items():
    write("zero-%s.gguf" % kind, [("blk.0.ffn_up.weight", number, bytes(WIDTH * ROWS // weights * size))])
huge = bytearray(blocks("mxfp4"))
huge[17] = 254
huge[18:34] = b"\x77" * 16
write("huge.gguf", [("blk.0.ffn_up.weight", 39, bytes(huge))])
open("types", "w").write("\n".join(TYPES) + "\n")
PYTHON

last() { tail -n 1 "$1" | grep -v '^llama_quantize: failed to quantize model from' || tail -n 2 "$1" | head -n 1; }
words() { last "$1" | sed 's/.*llama_model_quantize: failed/failed/'; }

# Without the option each is refused, and said to be so.
while read -r type; do
    refuses "$QUANTFS" quantize "$type.gguf" out.gguf F32
    spelt=${type/_k/_K}
    equal "the message for $type" "$(words err)" "failed to quantize: requantizing from type $spelt is disabled"
    grep -q allow_requantize err || fail "the message does not name the option"
    [ ! -e out.gguf ] || fail "a file is left"
done <types

# A dry run converts nothing, so it needs no permission.
"$QUANTFS" quantize --dry-run q8_0.gguf Q4_0 >/dev/null 2>err || fail "a dry run: $(cat err)"
grep -q 'type =   q8_0, size = .* (q4_0)' err || fail "a dry run says: $(cat err)"

# The weights, then the ways there are to round them.
need_reference
compare() { # SOURCE TYPE [OPTION...]
    local source=$1 type=$2 theirs=0 ours=0
    shift 2
    rm -f theirs.gguf ours.gguf
    reference llama-quantize --allow-requantize "$@" "$source" theirs.gguf "$type" >/dev/null 2>theirs || theirs=$?
    "$QUANTFS" quantize --allow-requantize "$@" "$source" ours.gguf "$type" >/dev/null 2>ours || ours=$?
    equal "exit status of $source as $type" "$ours" "$theirs"
    if [ "$theirs" -eq 0 ]; then same ours.gguf theirs.gguf; else equal "the message for $source as $type" "$(words ours)" "$(words theirs)"; fi
}
while read -r type; do
    compare "$type.gguf" F32
    compare "$type.gguf" F16
    compare "$type.gguf" Q8_0
    compare "$type.gguf" Q4_K --pure
done <types
for type in Q4_K_M Q3_K_L IQ4_XS TQ1_0 Q5_1 BF16 COPY; do compare whole.gguf "$type"; done
compare whole.gguf Q6_K --output-tensor-type nvfp4
compare huge.gguf F32
compare huge.gguf Q8_0
for type in q8_1 q8_k i8 f64; do
    compare "zero-$type.gguf" Q4_0
    compare "zero-$type.gguf" COPY
done
