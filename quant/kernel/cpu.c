#include "quant/kernel/cpu.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#ifdef HAVE_X86_SETS
#include <cpuid.h>
#endif

static const char *const names[CPU_SET_COUNT] = {
    [CPU_SCALAR] = "scalar",
#ifdef HAVE_X86_SETS
    [CPU_AVX2] = "avx2",
    [CPU_AVX512] = "avx512",
#elif defined(HAVE_NEON_SET)
    [CPU_NEON] = "neon",
#endif
};

const char *cpu_set_name(enum cpu_set set)
{
    return names[set];
}

#ifdef HAVE_X86_SETS

/* All of `bits`? */
static bool has(uint32_t flags, uint32_t bits)
{
    return (flags & bits) == bits;
}

/* Which registers the system saves when it changes tasks: those of others may not be used. */
static uint32_t saved_registers(void)
{
    uint32_t low, high;

    __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return low;
}

/*
 * What the machine offers, from the narrowest set up. A compiler may use whatever belongs to a
 * level of x86-64, so all of it is asked for, not only what the set's name says.
 */
static enum cpu_set widest(void)
{
    const uint32_t saved_ymm = 0x06, saved_zmm = 0xe6; /* with those that hold masks */
    const uint32_t level_3 = bit_SSE3 | bit_SSSE3 | bit_FMA | bit_CMPXCHG16B | bit_SSE4_1 |
                             bit_SSE4_2 | bit_MOVBE | bit_POPCNT | bit_OSXSAVE | bit_AVX | bit_F16C;
    const uint32_t level_3_more = bit_BMI | bit_AVX2 | bit_BMI2;
    const uint32_t level_4 =
        bit_AVX512F | bit_AVX512DQ | bit_AVX512CD | bit_AVX512BW | bit_AVX512VL;
    uint32_t a, b, c, d, more;

    if (!__get_cpuid(1, &a, &b, &c, &d) || !has(c, level_3) || !has(saved_registers(), saved_ymm))
        return CPU_SCALAR;
    if (!__get_cpuid_count(7, 0, &a, &more, &c, &d) || !has(more, level_3_more))
        return CPU_SCALAR;
    if (!__get_cpuid(0x80000001, &a, &b, &c, &d) || !has(c, bit_LAHF_LM | bit_LZCNT))
        return CPU_SCALAR;
    return has(more, level_4) && has(saved_registers(), saved_zmm) ? CPU_AVX512 : CPU_AVX2;
}

#else

/* No machine of this architecture has more or less. */
static enum cpu_set widest(void)
{
    return CPU_SET_COUNT - 1;
}

#endif

int cpu_select(const char *wish, enum cpu_set *set)
{
    enum cpu_set most = widest();

    if (!wish) {
        *set = most;
        return 0;
    }
    for (int i = 0; i <= (int)most; i++)
        if (strcmp(wish, names[i]) == 0) {
            *set = (enum cpu_set)i;
            return 0;
        }
    return -EINVAL;
}
