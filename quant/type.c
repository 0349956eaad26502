#include "quant/type.h"

#include <stdio.h>
#include <string.h>

#define KI 1024u
#define MI (1024u * 1024u)

/* Half floats of a block that scale it: none, one, or a scale and a minimum. */
#define NO_SCALE                                                                                   \
    0,                                                                                             \
    {                                                                                              \
        0                                                                                          \
    }
#define SCALE_AT(at)                                                                               \
    1,                                                                                             \
    {                                                                                              \
        at                                                                                         \
    }
#define SCALES_AT(first, second)                                                                   \
    2,                                                                                             \
    {                                                                                              \
        first, second                                                                              \
    }

/*
 * Block sizes are ggml's (0.27), fallbacks those of llama-quantize (recipe.md §4). A chunk is at
 * most about 1 MiB of output, and of the slow IQ types about 0.1 s of the scalar kernel. Kept is
 * what is read from an object in half the time, at most, that a conversion from a source in memory
 * takes (tests/bench "cache worth", with vector kernels).
 */
/* clang-format off */
static const struct type_info table[TYPE_COUNT] = {
    /*                 name       weights size  chunk    kept   fallback      quantized source scales */
    [TYPE_F32]     = {"f32",        1,   4, 256 * KI, false, TYPE_F32,    false, true,  NO_SCALE},
    [TYPE_F16]     = {"f16",        1,   2, 512 * KI, false, TYPE_F16,    false, true,  NO_SCALE},
    [TYPE_Q4_0]    = {"q4_0",      32,  18,   1 * MI, true,  TYPE_Q4_0,   true,  true,  SCALE_AT(0)},
    [TYPE_Q4_1]    = {"q4_1",      32,  20,   1 * MI, true,  TYPE_Q4_1,   true,  true,  SCALES_AT(0, 2)},
    [TYPE_Q5_0]    = {"q5_0",      32,  22,   1 * MI, true,  TYPE_Q5_0,   true,  true,  SCALE_AT(0)},
    [TYPE_Q5_1]    = {"q5_1",      32,  24,   1 * MI, true,  TYPE_Q5_1,   true,  true,  SCALES_AT(0, 2)},
    [TYPE_Q8_0]    = {"q8_0",      32,  34, 512 * KI, false, TYPE_Q8_0,   true,  true,  SCALE_AT(0)},
    [TYPE_Q8_1]    = {"q8_1",      32,  36,        0, false, TYPE_Q8_1,   true,  false, NO_SCALE},
    [TYPE_Q2_K]    = {"q2_k",     256,  84,   1 * MI, true,  TYPE_Q4_0,   true,  true,  SCALES_AT(80, 82)},
    [TYPE_Q3_K]    = {"q3_k",     256, 110,   1 * MI, true,  TYPE_Q4_0,   true,  true,  SCALE_AT(108)},
    [TYPE_Q4_K]    = {"q4_k",     256, 144,   1 * MI, true,  TYPE_Q5_0,   true,  true,  SCALES_AT(0, 2)},
    [TYPE_Q5_K]    = {"q5_k",     256, 176,   1 * MI, true,  TYPE_Q5_1,   true,  true,  SCALES_AT(0, 2)},
    [TYPE_Q6_K]    = {"q6_k",     256, 210,   1 * MI, true,  TYPE_Q8_0,   true,  true,  SCALE_AT(208)},
    [TYPE_Q8_K]    = {"q8_k",     256, 292,        0, false, TYPE_NONE,   true,  false, NO_SCALE},
    [TYPE_IQ2_XXS] = {"iq2_xxs",  256,  66, 128 * KI, true,  TYPE_IQ4_NL, true,  true,  SCALE_AT(0)},
    [TYPE_IQ2_XS]  = {"iq2_xs",   256,  74, 128 * KI, true,  TYPE_IQ4_NL, true,  true,  SCALE_AT(0)},
    [TYPE_IQ3_XXS] = {"iq3_xxs",  256,  98, 128 * KI, true,  TYPE_IQ4_NL, true,  true,  SCALE_AT(0)},
    [TYPE_IQ1_S]   = {"iq1_s",    256,  50, 128 * KI, true,  TYPE_IQ4_NL, true,  true,  SCALE_AT(0)},
    [TYPE_IQ4_NL]  = {"iq4_nl",    32,  18, 256 * KI, true,  TYPE_IQ4_NL, true,  true,  SCALE_AT(0)},
    [TYPE_IQ3_S]   = {"iq3_s",    256, 110, 128 * KI, true,  TYPE_IQ4_NL, true,  true,  SCALE_AT(0)},
    [TYPE_IQ2_S]   = {"iq2_s",    256,  82, 128 * KI, true,  TYPE_IQ4_NL, true,  true,  SCALE_AT(0)},
    [TYPE_IQ4_XS]  = {"iq4_xs",   256, 136, 256 * KI, true,  TYPE_IQ4_NL, true,  true,  SCALE_AT(0)},
    [TYPE_I8]      = {"i8",         1,   1,        0, false, TYPE_I8,     false, false, NO_SCALE},
    [TYPE_I16]     = {"i16",        1,   2,        0, false, TYPE_I16,    false, false, NO_SCALE},
    [TYPE_I32]     = {"i32",        1,   4,        0, false, TYPE_I32,    false, false, NO_SCALE},
    [TYPE_I64]     = {"i64",        1,   8,        0, false, TYPE_I64,    false, false, NO_SCALE},
    [TYPE_F64]     = {"f64",        1,   8,        0, false, TYPE_F64,    false, false, NO_SCALE},
    [TYPE_IQ1_M]   = {"iq1_m",    256,  56, 128 * KI, true,  TYPE_IQ4_NL, true,  true,  NO_SCALE},
    [TYPE_BF16]    = {"bf16",       1,   2, 512 * KI, false, TYPE_BF16,   false, true,  NO_SCALE},
    [TYPE_TQ1_0]   = {"tq1_0",    256,  54,   1 * MI, true,  TYPE_Q4_0,   true,  true,  SCALE_AT(52)},
    [TYPE_TQ2_0]   = {"tq2_0",    256,  66,   1 * MI, true,  TYPE_Q4_0,   true,  true,  SCALE_AT(64)},
    [TYPE_MXFP4]   = {"mxfp4",     32,  17,   1 * MI, true,  TYPE_MXFP4,  true,  true,  NO_SCALE},
    [TYPE_NVFP4]   = {"nvfp4",     64,  36,   1 * MI, true,  TYPE_NONE,   true,  true,  NO_SCALE},
    [TYPE_Q1_0]    = {"q1_0",     128,  18,   1 * MI, true,  TYPE_NONE,   true,  true,  SCALE_AT(0)},
    [TYPE_Q2_0]    = {"q2_0",      64,  18,   1 * MI, true,  TYPE_Q4_0,   true,  true,  SCALE_AT(0)},
};
/* clang-format on */

_Static_assert(TYPE_COUNT == 43, "a type of ggml is missing in the table");

const struct type_info *type_info(uint32_t number)
{
    return number < TYPE_COUNT && table[number].name ? &table[number] : NULL;
}

/* ASCII alone: the locale has no say in the names of types. */
static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool same_name(const char *name, const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if (name[i] == '\0' || name[i] != lower(text[i]))
            return false;
    return name[length] == '\0';
}

enum type type_find(const char *name, size_t length)
{
    for (int i = 0; i < TYPE_COUNT; i++)
        if (table[i].name && same_name(table[i].name, name, length))
            return (enum type)i;
    return TYPE_NONE;
}

void type_spell(enum type type, char text[TYPE_SPELT_SIZE])
{
    size_t length;

    (void)snprintf(text, TYPE_SPELT_SIZE, "%s", type_info((uint32_t)type)->name);
    length = strlen(text);
    if (length > 2 && strcmp(text + length - 2, "_k") == 0)
        text[length - 1] = 'K';
}

bool type_heeds_importance(enum type type)
{
    switch (type) {
    case TYPE_Q4_0:
    case TYPE_Q4_1:
    case TYPE_Q5_0:
    case TYPE_Q5_1:
    case TYPE_Q2_K:
    case TYPE_Q3_K:
    case TYPE_Q4_K:
    case TYPE_Q5_K:
    case TYPE_Q6_K:
    case TYPE_IQ1_S:
    case TYPE_IQ1_M:
    case TYPE_IQ2_XXS:
    case TYPE_IQ2_XS:
    case TYPE_IQ2_S:
    case TYPE_IQ3_XXS:
    case TYPE_IQ3_S:
    case TYPE_IQ4_NL:
    case TYPE_IQ4_XS:
        return true;
    default:
        return false;
    }
}

bool type_spans_row(enum type type)
{
    return type == TYPE_Q4_0 || type == TYPE_Q4_1 || type == TYPE_Q5_0 || type == TYPE_Q5_1;
}

bool type_size(enum type type, uint64_t weights, uint64_t *size)
{
    const struct type_info *info = type_info((uint32_t)type);

    if (!info || weights % info->block_weights != 0)
        return false;
    return !__builtin_mul_overflow(weights / info->block_weights, info->block_size, size);
}
