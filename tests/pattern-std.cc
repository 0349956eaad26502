/*
 * If this fails, a pattern matches other tensors than the reference tool's std::regex has it, or is
 * refused where that is not, or the other way round.
 *
 *     test-pattern-std [PAIRS [SEED]]
 *
 * Patterns are made from the grammar and from parts of tensor names, some with a mistake.
 */
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>
#include <regex>
#include <string>

extern "C" {
#include "quant/pattern.h"
}

namespace
{

constexpr uint64_t steps_max = 100000;

std::mt19937_64 source;

size_t below(size_t limit)
{
    return source() % limit;
}

template <size_t count> const char *one_of(const char *const (&texts)[count])
{
    return texts[below(count)];
}

/* --- names --------------------------------------------------------------------------------------
 */

const char *const whole[] = {
    "token_embd.weight",
    "per_layer_token_embd.weight",
    "output.weight",
    "output_norm.weight",
    "rope_freqs.weight",
    "v.patch_embd.weight",
    "mm.0.weight",
    "enc.blk.3.attn_q.weight",
    "cls.output.weight",
    "a b",
    "",
    "ABC.blk.Q.weight",
};

const char *const of_layer[] = {
    "attn_q.weight",         "attn_k.weight",          "attn_v.weight",
    "attn_qkv.weight",       "attn_output.weight",     "attn_norm.weight",
    "attn_q_a.weight",       "attn_q_b.weight",        "attn_kv_a_mqa.weight",
    "attn_kv_b.weight",      "attn_k_b.weight",        "attn_v_b.weight",
    "attn_sinks.weight",     "ffn_up.weight",          "ffn_gate.weight",
    "ffn_down.weight",       "ffn_up_exps.weight",     "ffn_gate_exps.weight",
    "ffn_down_exps.weight",  "ffn_up_shexp.weight",    "ffn_gate_shexp.weight",
    "ffn_down_shexp.weight", "ffn_gate_inp.weight",    "ffn_norm.weight",
    "ssm_in.weight",         "ssm_out.weight",         "ssm_dt.bias",
    "nextn.eh_proj.weight",  "indexer.attn_k.weight",  "exp_probs_b.bias",
    "time_mix_w1.weight",    "ffn_latent_down.weight",
};

std::string make_name()
{
    std::string name;

    if (below(6) == 0)
        name = one_of(whole);
    else
        name = "blk." + std::to_string(below(100)) + "." + one_of(of_layer);
    if (below(30) == 0)
        name.insert(below(name.size() + 1), 1, "\n\r\t \xe9\xff-[_^"[below(10)]);
    return name;
}

/* --- patterns -----------------------------------------------------------------------------------
 */

const char *const parts[] = {
    "blk",    "blk\\.", "\\.",   "attn", "attn_",     "ffn",        "ffn_", "_exps",  "exps",
    "weight", "q",      "k",     "v",    "down",      "up",         "gate", "output", "norm",
    "0",      "1",      "2",     "3",    "\\.weight", "token_embd", "_",    "e",      "t",
    "w",      "embd",   "shexp", "bias", "-",         "]",          "}",    ",",      ":",
    "/",      "\\_",    "\\-",   "\\/",  "\\e",       "\\^",        "\\$",  "\\*",    "\\(",
    "\\[",    "\\t",    "\\n",   " ",    "\xe9",      "a b",
};
const char *const classes[] = {"\\d", "\\w", "\\s", "\\D", "\\W", "\\S", "."};
const char *const in_brackets[] = {
    "a",   "q",   "k",         "v",         "0-9",       "a-z", "0-3",       "_",   ".",
    "\\d", "\\w", "\\D",       "\\.",       "[:digit:]", "\\-", "-",         "^",   "[:alpha:]",
    "a-f", "\\]", "[:space:]", "[:alnum:]", "[",         "|",   "*",         "(",   "\\S",
    "x-",  "!-/", "[:d:]",     "[:punct:]", "[:upper:]", "\\n", "[:blank:]", "\\b",
};
const char *const counts[] = {"*",   "+",    "?",     "*",     "+",   "?",
                              "{2}", "{1,}", "{0,2}", "{1,3}", "{0}", "{3,}"};

std::string make_pattern(unsigned depth, bool ahead);

std::string make_bracket()
{
    std::string text = below(3) == 0 ? "[^" : "[";

    for (size_t count = below(5); count > 0; count--)
        text += one_of(in_brackets);
    return text + "]";
}

std::string make_atom(unsigned depth, bool ahead)
{
    size_t kind = below(depth > 0 ? 20 : 14);

    if (kind < 8)
        return one_of(parts);
    if (kind < 12)
        return one_of(classes);
    if (kind < 14)
        return make_bracket();
    if (kind < 17)
        return "(" + make_pattern(depth - 1, ahead) + ")";
    if (kind < 19)
        return "(?:" + make_pattern(depth - 1, ahead) + ")";
    return (below(2) ? "(?=" : "(?!") + make_pattern(depth - 1, true) + ")";
}

std::string make_term(unsigned depth, bool ahead)
{
    std::string text;

    if (below(25) == 0 && !ahead)
        return one_of({"^", "\\b", "\\B", "^"});
    if (below(25) == 0)
        return "$";
    text = make_atom(depth, ahead);
    if (text.compare(0, 3, "(?=") == 0 || text.compare(0, 3, "(?!") == 0)
        return text;
    if (below(3) == 0) {
        text += one_of(counts);
        if (below(4) == 0)
            text += "?";
    }
    return text;
}

std::string make_pattern(unsigned depth, bool ahead)
{
    std::string text;
    size_t alternatives = below(4) == 0 ? 1 + below(3) : 1;

    for (size_t i = 0; i < alternatives; i++) {
        if (i > 0)
            text += "|";
        for (size_t count = below(5); count > 0; count--)
            text += make_term(depth, ahead);
    }
    return text;
}

void break_pattern(std::string &text)
{
    static const char rubbish[] = "()[]{}*+?|\\^$.-,:=!019abdswcxu";

    for (size_t count = 1 + below(2); count > 0; count--) {
        size_t at = below(text.size() + 1);

        if (below(2) == 0 && at < text.size())
            text.erase(at, 1);
        else
            text.insert(at, 1, rubbish[below(sizeof(rubbish) - 1)]);
    }
}

/* --- the comparison -----------------------------------------------------------------------------
 */

struct tally {
    size_t pairs, found, patterns, invalid, refused, costly;
};

[[noreturn]] void fail(const std::string &pattern, const std::string &name, const char *what)
{
    std::fprintf(stderr, "pattern '%s', name '%s': %s\n", pattern.c_str(), name.c_str(), what);
    std::exit(1);
}

/* std::regex tries every way there is: a pattern with many is asked about short names only. */
size_t longest_name(const std::string &pattern)
{
    size_t repetitions = 0, groups = 0;

    for (size_t i = 0; i < pattern.size(); i++) {
        bool repeats = std::strchr("*+?{", pattern[i]) != nullptr;

        repetitions += repeats;
        groups += repeats && i > 0 && pattern[i - 1] == ')';
    }
    if (groups > 1 || repetitions > 7)
        return 5;
    if (groups > 0 || repetitions > 5)
        return 7;
    return repetitions > 3 ? 14 : 64;
}

void compare(struct pattern *ours, const std::regex &theirs, const std::string &pattern,
             struct tally &tally, size_t names)
{
    size_t longest = longest_name(pattern);

    for (size_t i = 0; i < names; i++) {
        std::string name = make_name();
        if (name.size() > longest)
            name = name.substr(below(name.size() - longest + 1), longest);
        uint64_t steps = steps_max;
        int found = pattern_search(ours, name.data(), name.size(), &steps);

        if (found == -E2BIG) {
            tally.costly++;
            continue;
        }
        if (found < 0)
            fail(pattern, name, "an error");
        if (std::regex_search(name, theirs) != (found == 1))
            fail(pattern, name, found ? "only we find it" : "only std::regex finds it");
        tally.pairs++;
        tally.found += found == 1;
    }
}

/* In a process of its own, which is given up after a second: there std::regex may take days. */
void compare_apart(struct pattern *ours, const std::regex &theirs, const std::string &pattern,
                   struct tally &tally, size_t names)
{
    pid_t child = fork();
    int status = 0;

    if (child == 0) {
        alarm(1);
        compare(ours, theirs, pattern, tally, names);
        _exit(0);
    }
    if (child < 0 || waitpid(child, &status, 0) != child)
        fail(pattern, "", "no process");
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM)
        tally.costly += names;
    else if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        fail(pattern, "", "see above");
    else
        tally.pairs += names;
}

void try_pattern(const std::string &text, struct tally &tally, size_t names)
{
    struct defect defect = {};
    struct pattern *pattern = nullptr;
    int checked = pattern_check(text.data(), text.size(), &defect);
    int r = pattern_compile(text.data(), text.size(), &pattern, &defect);

    tally.patterns++;
    if (r != checked)
        fail(text, "", "checked and compiled, it is not the same");
    if (r == -ENOTSUP) {
        tally.refused++;
        return;
    }
    try {
        std::regex theirs(text);

        if (r < 0)
            fail(text, "", defect.text);
        if (longest_name(text) < 7)
            compare_apart(pattern, theirs, text, tally, names);
        else
            compare(pattern, theirs, text, tally, names);
    } catch (const std::regex_error &error) {
        if (r == 0)
            fail(text, "", error.what());
        tally.invalid++;
    }
    pattern_free(pattern);
}

} /* namespace */

int main(int argc, char **argv)
{
    size_t pairs = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 5000;
    uint64_t seed = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 1;
    struct tally tally = {};

    std::printf("seed %llu\n", (unsigned long long)seed);
    source.seed(seed);
    while (tally.pairs < pairs) {
        std::string text = make_pattern(3, false);

        if (below(5) == 0)
            break_pattern(text);
        try_pattern(text, tally, 10);
    }
    std::printf(
        "%zu pairs, %zu found; %zu patterns, %zu invalid, %zu refused; %zu pairs too costly\n",
        tally.pairs, tally.found, tally.patterns, tally.invalid, tally.refused, tally.costly);
    return tally.found > tally.pairs / 20 && tally.invalid > 0 ? 0 : 1;
}
