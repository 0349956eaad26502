#include "fs/cores.h"

#include <sched.h>
#include <unistd.h>

#define CORES_MAX 1024

unsigned cores_count(int wanted)
{
    cpu_set_t set;
    long count = wanted;

    if (wanted <= 0)
        count = sched_getaffinity(0, sizeof(set), &set) == 0 ? CPU_COUNT(&set)
                                                             : sysconf(_SC_NPROCESSORS_ONLN);
    if (count < 1)
        return 1;
    return count > CORES_MAX ? CORES_MAX : (unsigned)count;
}
