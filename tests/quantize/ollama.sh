#!/bin/bash
# If this failed, Ollama's "create --quantize" could not use quantfs in the place of llama-quantize.
. "$(dirname "$0")/lib.bash"

"$QUANTFS" quantize source.gguf expected.gguf Q4_K_M >/dev/null 2>&1
ln -s "$QUANTFS" llama-quantize
# It creates OUT, keeps it open, reads progress from a pipe on standard output, and reads the result through what it kept.
python3 - <<'PYTHON'
import re, subprocess, tempfile

with tempfile.NamedTemporaryFile(dir=".", prefix="quantized-", suffix=".gguf") as out:
    child = subprocess.Popen(["./llama-quantize", "--allow-requantize", "source.gguf", out.name, "Q4_K_M"],
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    stdout, stderr = child.communicate(timeout=60)
    assert child.returncode == 0, stderr
    steps = [tuple(map(int, step)) for step in re.findall(r"\[\s*(\d+)\s*/\s*(\d+)\s*\]", stdout)]
    assert steps == [(i, 21) for i in range(1, 22)], steps
    assert out.read() == open("expected.gguf", "rb").read(), "the descriptor reads something else"
PYTHON
