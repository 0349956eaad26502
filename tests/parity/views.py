"""Compares views, as quant/ makes them, with what the reference tool wrote (expected.tsv).

Used by `headers` and `files`. Rows about a wrong command line, and of sets of files, are counted
as skipped. Rows that differ on purpose:

align8, align64, align128,  The tool keeps general.alignment as a key but lays out at 32, and its own
kv-align                    loader refuses the file. We lay out as the key says; what is checked
                            instead is that our own reader takes the result.
ABORT and './src/' rows     The tool crashed; any clean refusal will do.
'llama_model_loader: ...'   The tool's loader speaks of the path it was given, as does `quantfs quantize`;
                            below the verbs only the refusal itself is compared.
"""
import hashlib
import os
import re
import shlex
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)

FILE_TYPES = set("""F32 F16 BF16 Q1_0 Q2_0 Q4_0 Q4_1 Q5_0 Q5_1 Q8_0 MXFP4_MOE Q2_K Q2_K_S Q3_K Q3_K_S Q3_K_M Q3_K_L Q4_K Q4_K_S Q4_K_M
    Q5_K Q5_K_S Q5_K_M Q6_K IQ1_S IQ1_M IQ2_XXS IQ2_XS IQ2_S IQ2_M IQ3_XXS IQ3_XS IQ3_S IQ3_M IQ4_NL IQ4_XS TQ1_0 TQ2_0 COPY
    0 1 2 3 7 8 9 10 11 12 13 14 15 16 17 18 25 30 32 36 37 38 40 41""".split())
FLAGS = {'--leave-output-tensor', '--pure', '--allow-requantize', '--keep-split'}
TYPE_OPTIONS = {'--output-tensor-type', '--token-embedding-type'}
TEXT_OPTIONS = {'--imatrix', '--include-weights', '--exclude-weights'}
RULE_OPTIONS = {'--tensor-type', '--tensor-type-file', '--prune-layers', '--override-kv'}
ALIGNED = {'align8': 8, 'align64': 64, 'align128': 128, 'kv-align': 64}  # by source, or by case
OF_WEIGHTS = re.compile(r"tensor '.*' has invalid data|quantized data validation failed")


def rows_of(name):
    with open(os.path.join(HERE, name), encoding='utf-8') as f:
        return [line.rstrip('\n').split('\t') for line in f if line.strip() and not line.startswith('#')]


def supported(case, expected):
    """Why this version cannot make the row, or None."""
    _, _, options, type_name, threads = case
    if expected[6] == 'USAGE' or not re.fullmatch(r'\d*', threads):
        return 'command line'
    if type_name.upper() not in FILE_TYPES:
        return 'command line'
    words = shlex.split(options)
    while words:
        word = words.pop(0)
        if word in TYPE_OPTIONS | TEXT_OPTIONS | RULE_OPTIONS:
            words.pop(0)
        elif word not in FLAGS:
            return 'option ' + word
    return None


def source_file(directory, name):
    path = os.path.join(directory, name)
    return name if os.path.exists(path) else name + '.gguf'


def dump(tool, directory, case, header, source=None, options=None, type_name=None, file=None):
    words = [tool] + (['--header'] if header else [])
    words += shlex.split(case[2]) if options is None else options
    words += [source or source_file(directory, case[1]), type_name or case[3]] + ([str(file)] if file else [])
    done = subprocess.run(words, cwd=directory, capture_output=True, timeout=300)
    return done.returncode, done.stdout, done.stderr.decode('utf-8', 'replace')


def same_refusal(code, text, message):
    """None, or what is wrong about how we failed."""
    if code != 1:
        return 'exit status %d, expected the error: %s' % (code, message)
    if message.startswith(('ABORT', './src/', 'exit status', 'llama_model_loader:', 'gguf_init_')):
        return None
    if not text.startswith(message):
        return 'said: %s, expected: %s' % (text.strip(), message)
    return None


def aligned(case):
    """The alignment that we obey and the tool does not, or None."""
    return ALIGNED.get(case[1]) or ALIGNED.get(case[0])


def check_aligned(tool, directory, case, header, code, data, text):
    alignment = aligned(case)
    if code != 0:
        return text.strip()
    at = int(re.search(r'header (\d+)', text).group(1))
    if at % alignment:
        return 'the header of %d bytes is not aligned to %d' % (at, alignment)
    if header:
        return None
    with tempfile.NamedTemporaryFile() as f:
        f.write(data)
        f.flush()
        code, again, text = dump(tool, directory, case, False, f.name, [], 'COPY')
    # a key that was appended here is one of the source there, before those that are appended
    same = again == data or (case[0] in ALIGNED and len(again) == len(data))
    if code != 0 or not same:
        return 'our own reader does not take it back: %s' % text.strip()
    return None


def check(tool, directory, case, rows, header):
    """None, or how the case differs. Its rows are the files that --keep-split gives, in order."""
    for file, row in enumerate(rows, 1):
        wrong = check_row(tool, directory, case, row, header, file if len(rows) > 1 else None)
        if wrong:
            return row[1] + ': ' + wrong
    if len(rows) > 1 and dump(tool, directory, case, True, file=len(rows) + 1)[0] == 0:
        return 'there are more files'
    return None


def check_row(tool, directory, case, expected, header, file):
    code, data, text = dump(tool, directory, case, header, file=file)
    if aligned(case):
        return check_aligned(tool, directory, case, header, code, data, text)
    if expected[3] == 'ERROR':
        if header and OF_WEIGHTS.match(expected[6]):
            return None if code == 0 else 'no header: ' + text.strip()
        return same_refusal(code, text, expected[6])
    if code != 0:
        return 'exit status %d: %s' % (code, text.strip())
    size, at = (int(n) for n in re.search(r'size (\d+) header (\d+)', text).groups())
    if size != int(expected[2]):
        return 'size %d, expected %s' % (size, expected[2])
    if at != int(expected[4]):
        return 'header of %d bytes, expected %s' % (at, expected[4])
    if hashlib.sha256(data[:at]).hexdigest() != expected[5]:
        return 'the header differs'
    if not header and (len(data) != size or hashlib.sha256(data).hexdigest() != expected[3]):
        return 'the header is right, the data differ'
    return None


def main(header):
    if len(sys.argv) < 2:
        sys.exit('usage: %s DUMP-VIEW [SOURCES [CASE...]]' % sys.argv[0])
    tool = os.path.abspath(sys.argv[1])
    if len(sys.argv) == 2:
        with tempfile.TemporaryDirectory() as directory:
            subprocess.run([sys.executable, os.path.join(HERE, 'gen.py'), directory], check=True,
                           stdout=subprocess.DEVNULL)
            return compare(tool, directory, header, [])
    return compare(tool, sys.argv[2], header, sys.argv[3:])


def compare(tool, directory, header, names):
    expected = {}
    for row in rows_of('expected.tsv'):
        expected.setdefault(row[0], []).append(row + [''] * (7 - len(row)))
    passed = failed = skipped = 0
    for case in rows_of('cases.tsv'):
        case += [''] * (5 - len(case))
        if names and case[0] not in names:
            continue
        rows = expected[case[0]]
        if supported(case, rows[0]) or rows[0][3] == 'DRY':
            skipped += 1
            continue
        wrong = check(tool, directory, case, rows, header)
        if wrong:
            failed += 1
            print('%s: %s' % (case[0], wrong))
        else:
            passed += 1
    print('%d passed, %d failed, %d skipped' % (passed, failed, skipped))
    return 1 if failed or not passed else 0
