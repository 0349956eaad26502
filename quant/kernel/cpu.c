#include "quant/kernel/cpu.h"

#include <errno.h>
#include <string.h>

static const char *const names[CPU_SET_COUNT] = {
    [CPU_SCALAR] = "scalar",
};

const char *cpu_set_name(enum cpu_set set)
{
    return names[set];
}

/* What the machine offers. Wider sets are asked for here, from the narrowest up. */
static enum cpu_set widest(void)
{
    return CPU_SCALAR;
}

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
