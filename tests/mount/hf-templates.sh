#!/bin/bash
# If this failed, chat templates that stand in files beside a tokenizer would not be in the model's header, or a change of one would not be seen.
. "$(dirname "$0")/lib.bash"
"$tests/hf/gen.py" made llama32
mv made/*/* models/
L=models/Llama-3.2-1B-Instruct
# The tokenizer's config goes before files.
has() { head -c 65536 "mnt/$(basename $L)@bf16.gguf" | grep -a -e "$1" >/dev/null; }
python3 - $L/tokenizer_config.json <<'PYTHON'
import json, sys
with open(sys.argv[1]) as file:
    config = json.load(file)
del config["chat_template"]
with open(sys.argv[1], "w") as file:
    json.dump(config, file)
PYTHON
printf 'the usual one' >$L/chat_template.jinja
mkdir $L/additional_chat_templates
printf 'for retrieval' >$L/additional_chat_templates/rag.jinja
printf 'for nobody' >$L/additional_chat_templates/rag.txt
mkdir $L/additional_chat_templates/folder.jinja
start
has 'tokenizer\.chat_template\.rag' && has 'for retrieval' && has 'the usual one' || fail "a template is missing"
! has 'for nobody' && ! has 'folder' || fail "what is no template is there"
same mnt/Llama-3.2-1B-Instruct/additional_chat_templates/rag.jinja $L/additional_chat_templates/rag.jinja
# Another version of it is another file.
printf 'for another' >$L/additional_chat_templates/rag.jinja
until_true 5 has 'for another' || fail "a changed template is not seen"
! has 'for retrieval' || fail "the old template is still there"
