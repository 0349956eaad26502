#!/bin/bash
# If this failed, help would not fit a screen or go to the wrong stream, or a mistyped verb would not be told.
. "$(dirname "$0")/lib.bash"
"$QUANTFS" --help >out 2>err
equal "standard error of --help" "$(cat err)" ""
[ "$(wc -l <out)" -le 24 ] || fail "--help has $(wc -l <out) lines"
[ "$(awk '{ if (length > longest) longest = length } END { print longest }' out)" -le 80 ] || fail "--help has lines beyond 80 columns"
for word in quantize recipe MOUNTPOINT variants= ttl= memory= log= allow_other -f -v -d --version; do
    grep -qF -- "$word" out || fail "--help does not name $word"
done
for verb in quantize recipe types cache; do
    "$QUANTFS" $verb --help >out 2>err || [ $verb = quantize ] || fail "exit status of $verb --help" # the tool's is 1
    grep -q "^usage: quantfs $verb" out || fail "$verb --help: $(cat out err)"
    [ "$(awk '{ if (length > longest) longest = length } END { print longest }' out)" -le 80 ] || fail "$verb --help has lines beyond 80 columns"
    ! grep -q ' $' out || fail "$verb --help has blanks at ends of lines"
done
"$QUANTFS" --version >out
[ "$(wc -l <out)" -eq 1 ] && grep -qE '^quantfs [0-9.]+ \(.*llama-quantize [0-9.]+\)$' out || fail "--version: $(cat out)"
refuses "$QUANTFS"
equal "standard output without a word" "$(cat out)" ""
grep -q ^usage: err || fail "no usage without a word"
refuses "$QUANTFS" quantise source.gguf out.gguf Q8_0
grep -qF "'quantise'" err || fail "the mistyped verb is not named: $(cat err)"
refuses "$QUANTFS" cahce trim 20G
for word in "'cahce'" quantize recipe types cache; do
    grep -qF "$word" err || fail "no word of $word: $(cat err)"
done
refuses "$QUANTFS" typse .
for word in typse quantize recipe types cache; do
    grep -qF "$word" err || fail "no word of $word: $(cat err)"
done
refuses "$QUANTFS" recipes source.gguf
grep -qF recipes err || fail "the mistyped verb is not named: $(cat err)"
refuses "$QUANTFS" --hlep
grep -qF -- "'--hlep'" err || fail "the mistyped option is not named: $(cat err)"
# By the other name it is that verb alone, whatever the words.
ln -s "$QUANTFS" llama-quantize
./llama-quantize source.gguf out.gguf Q8_0 2>/dev/null >/dev/null
"$QUANTFS" quantize source.gguf expected.gguf Q8_0 2>/dev/null >/dev/null
same out.gguf expected.gguf
refuses ./llama-quantize recipe q8_0
refuses ./llama-quantize --version
