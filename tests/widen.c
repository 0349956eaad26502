/*
 * If this fails, a quantized source is read as other weights than the reference tool reads.
 *
 *   test-widen
 */
#include "check.h"
#include "quant/kernel/cpu.h"
#include "quant/kernel/kernel.h"
#include "widen-case.h"
#include "widen-golden.h"

enum {
    GUARD = 16, /* floats behind a result */
};

static float result[WIDEN_WEIGHTS + GUARD];

/* Widens blocks that lie at an odd address, and sees that nothing behind the result is written. */
static void run(const struct kernel_set *set, enum type type, const uint8_t *blocks)
{
    uint8_t odd[WIDEN_BYTES + 1];
    size_t count = widen_count(type);

    memcpy(odd + 1, blocks, WIDEN_BYTES);
    memset(result, 0xa5, sizeof(result));
    set->widen[type](result, odd + 1, count);
    for (size_t i = 0; i < GUARD * sizeof(float); i++)
        CHECK_EQ(((const uint8_t *)(result + count))[i], 0xa5);
}

static void check_golden(const struct kernel_set *set, unsigned type, unsigned kind)
{
    static uint8_t blocks[WIDEN_BYTES];

    widen_blocks(widen_type(type), kind, WIDEN_SEED, blocks);
    run(set, widen_type(type), blocks);
    if (widen_hash(0, result, widen_count(widen_type(type))) == golden[kind][type])
        return;
    fprintf(stderr, "%s, %s, %s: not what the reference library makes\n", set->name,
            type_info((uint32_t)widen_type(type))->name, widen_kind_name(kind));
    exit(1);
}

/* Blocks are independent: a part of them gives the same as all. */
static void check_part(const struct kernel_set *set, enum type type)
{
    static uint8_t blocks[WIDEN_BYTES];
    static float all[WIDEN_WEIGHTS];
    const struct type_info *info = type_info((uint32_t)type);
    size_t count = widen_count(type);

    widen_blocks(type, 1, WIDEN_SEED, blocks);
    run(set, type, blocks);
    memcpy(all, result, count * sizeof(*all));
    set->widen[type](result, blocks + info->block_size, info->block_weights);
    CHECK(memcmp(result, all + info->block_weights, info->block_weights * sizeof(*all)) == 0);
}

int main(void)
{
    struct kernel_set set;

    for (int i = 0; i < CPU_SET_COUNT; i++) {
        if (kernel_select(cpu_set_name((enum cpu_set)i), &set) < 0) {
            printf("skipped: this machine has no %s\n", cpu_set_name((enum cpu_set)i));
            continue;
        }
        for (unsigned type = 0; type < WIDEN_TYPES; type++) {
            for (unsigned kind = 0; kind < WIDEN_KINDS; kind++)
                check_golden(&set, type, kind);
            check_part(&set, widen_type(type));
        }
    }
    return 0;
}
