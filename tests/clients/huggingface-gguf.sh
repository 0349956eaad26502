#!/bin/bash
# If this failed, npm's @huggingface/gguf (model pages, editors) would not read a variant.
. "$(dirname "$0")/../mount/lib.bash"
command -v npm >/dev/null && command -v node >/dev/null || skip "no npm"
mkdir package
(cd package && npm install --silent --no-audit --no-fund --cache "$work/npm" @huggingface/gguf@0.4 >/dev/null 2>../npm.err) || skip "npm cannot fetch @huggingface/gguf: $(tail -n 1 npm.err)"
start
expected source.gguf Q4_K_M
cat >package/read.mjs <<'JS'
import { gguf } from "@huggingface/gguf";
const r = await gguf(process.argv[2], { allowLocalFile: true });
console.log(JSON.stringify([r.metadata, r.tensorInfos], (k, v) => typeof v === "bigint" ? v.toString() : v));
JS
node package/read.mjs "$work/expected" >from-file 2>err || fail "it does not read the file: $(tail -n 3 err)"
grep -q blk.1.ffn_down.weight from-file || fail "not what was expected: $(head -c 300 from-file)"
node package/read.mjs "$work/mnt/a@q4_k_m.gguf" >from-view 2>err || fail "it does not read the view: $(tail -n 3 err)"
cmp from-file from-view || fail "it reads other values from the view"
stop
