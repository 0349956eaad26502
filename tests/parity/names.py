"""What a row of cases.tsv is called in a mount. Used by `live` and by tests/mount/parity-models.sh."""
import re
import shlex

FLAGS = {'--pure': '+pure', '--leave-output-tensor': '+leave-output', '--allow-requantize': ''}
KNOWN = {'output', 'prune', 'pure', 'leave-output', 'token-embd', 'imatrix', 'ollama'}  # no pattern can be called so in a name
TYPE_OPTIONS = {'--output-tensor-type': 'output', '--token-embedding-type': 'token-embd'}


def name_of(case):
    """STEM@VARIANT.gguf, or None where the mount has no name for what the row asks.

    --allow-requantize is no part of it but an option of the mount."""
    words, text, patterns = shlex.split(case[2]), case[3].lower(), ''
    if text.isdigit():
        return None
    while words:
        word = words.pop(0)
        if word in FLAGS:
            text += FLAGS[word]
        elif word == '--tensor-type':
            pattern, _, of = words.pop(0).partition('=')
            if not pattern or '=' in of or pattern.lower() in KNOWN:
                return None
            patterns += '+%s=%s' % (re.sub('[+%@/]', lambda m: '%%%02x' % ord(m.group()), pattern).lower(), of.lower())
        elif word == '--prune-layers':
            text += '+prune=' + words.pop(0)
        elif word in TYPE_OPTIONS:
            text += '+%s=%s' % (TYPE_OPTIONS[word], words.pop(0).lower())
        else:
            return None
    text += patterns
    stem = case[1][:-5] if case[1].endswith('.gguf') else case[1]
    at = stem.find('-00001-of-')
    return '%s@%s.gguf' % (stem if at < 0 else stem[:at], text)
