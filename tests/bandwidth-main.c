/*
 * Prints how many bytes a second threads read and write together:
 *
 *   bandwidth MIB THREADS...
 *
 * MIB: of them each thread reads so many. A line for each number of threads. For tests/bench.
 */
#include <stdio.h>
#include <stdlib.h>

#include "bandwidth.h"

int main(int argc, char **argv)
{
    if (argc < 3)
        return 2;
    for (int i = 2; i < argc; i++) {
        unsigned threads = (unsigned)strtoul(argv[i], NULL, 10);
        double speed =
            threads > 0 ? bandwidth_measure(threads, strtoul(argv[1], NULL, 10) << 20) : 0;

        if (speed <= 0)
            return 1;
        printf("%.0f\n", speed);
    }
    return 0;
}
