#!/bin/bash
# If this failed, a download under way, or a directory that cannot be used, would have variants, or nobody would be told why it has none.
. "$(dirname "$0")/lib.bash"
"$tests/hf/gen.py" made llama32 mixtral
mv made/*/* models/
L=models/Llama-3.2-1B-Instruct M=models/Mixtral-8x7B-Instruct-v0.1
have() { [ "$(cd mnt && shopt -s nullglob && echo "$1"@*)" ]; }
have_none() { ! have "$1" && absent "mnt/$1@q8_0.gguf" && absent "mnt/$1@bf16.gguf"; }
cp -r $L models/cut
truncate -s -1 models/cut/model.safetensors
cp -r $L models/hostile
printf '\377\377\377\377\377\377\377\177{}' >models/hostile/model.safetensors
cp -r $L models/unknown
sed -i 's/"LlamaForCausalLM"/"NobodyForCausalLM"/' models/unknown/config.json
cp -r $L models/outside
printf '{"weight_map":{"model.norm.weight":"../Llama-3.2-1B-Instruct/model.safetensors"}}' >models/outside/model.safetensors.index.json
mkdir models/no-weights models/no-config
cp $L/config.json models/no-weights
cp $L/model.safetensors models/no-config
# Of a model in shards one is missing.
cp -r $L models/sharded
python3 - models/sharded <<'PYTHON'
import json, os, struct, sys
with open(sys.argv[1] + "/model.safetensors", "rb") as file:
    header = json.loads(file.read(struct.unpack("<Q", file.read(8))[0]))
    data = file.read()
names, weights = sorted(n for n in header if n != "__metadata__"), {}
for number, part in enumerate((names[::2], names[1::2])):
    shard, out, at = "model-0000%d-of-00002.safetensors" % (number + 1), {}, 0
    for name in part:
        begin, end = header[name]["data_offsets"]
        out[name] = dict(header[name], data_offsets=[at, at + end - begin])
        at, weights[name] = at + end - begin, shard
    text = json.dumps(out).encode()
    with open(os.path.join(sys.argv[1], shard), "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + b"".join(data[slice(*header[n]["data_offsets"])] for n in part))
with open(sys.argv[1] + "/model.safetensors.index.json", "w") as file:
    json.dump({"metadata": {}, "weight_map": weights}, file)
os.unlink(sys.argv[1] + "/model.safetensors")
PYTHON
mv models/sharded/model-00002-of-00002.safetensors aside
start -v
for name in cut hostile unknown outside no-weights no-config sharded; do
    have_none $name || fail "$name has variants: $(ls mnt)"
done
have Llama-3.2-1B-Instruct || fail "no variants at all"
equal "lines about a file that is cut" "$(lines 'models/cut: model.safetensors: ' 'the file ends here')" 1
equal "lines about a missing shard" "$(lines 'models/sharded: model-00002-of-00002.safetensors: missing')" 1
equal "lines about a hostile file" "$(lines 'models/hostile: model.safetensors: byte 0: a header of 9223372036854775807 bytes')" 1
equal "lines about an index that leads out" "$(lines 'models/outside: model.safetensors.index.json: model.norm.weight: no name of a shard: ../')" 1
equal "lines about an unknown architecture" "$(lines 'models/unknown: architecture NobodyForCausalLM is not supported (supported: ')" 1
for name in no-weights no-config; do equal "lines about $name" "$(lines $name)" 0; done
refuses "$QUANTFS" recipe models/unknown q4_k_m
grep -q 'architecture NobodyForCausalLM is not supported (supported: .*LlamaForCausalLM' err || fail "recipe: $(cat err)"
refuses "$QUANTFS" quantize models/sharded out.gguf q8_0
grep -q 'model-00002-of-00002.safetensors: missing' err || fail "quantize: $(cat err)"
absent out.gguf || fail "quantize leaves something behind"
# The last shard comes: another directory than the converter's by its name, so only what stands in it is compared.
mv aside models/sharded/model-00002-of-00002.safetensors
until_true 5 present mnt/sharded@bf16.gguf || fail "the whole directory has no variants"
"$QUANTFS" recipe $L bf16 | cut -f 1-4 | sort >one
"$QUANTFS" recipe models/sharded bf16 | cut -f 1-4 | sort >other
same one other
# A change of any file that counts is another version; of any other it is none.
wait_old models/sharded/* $M/*
whole=$(size mnt/sharded@bf16.gguf) before=$(inode mnt/sharded@bf16.gguf)
exec 5<mnt/sharded@bf16.gguf
equal "the start" "$(head_of 5 | cut -c1-8)" 47475546
touch models/sharded/notes.txt
equal "the inode number beside a new file" "$(inode mnt/sharded@bf16.gguf)" "$before"
touch models/sharded/tokenizer_config.json
equal "the end after a change" "$(tail_of 5 "$whole")" ESTALE
exec 5<&-
until_true 5 eval '[ "$(inode mnt/sharded@bf16.gguf)" != '"$before"' ]' || fail "the inode number stays"
equal "mtime" "$(stat -c %y mnt/sharded@bf16.gguf)" "$(stat -c %y models/sharded/tokenizer_config.json)"
rm models/sharded/config.json
until_true 5 absent mnt/sharded@bf16.gguf || fail "a variant without config.json"
stop
