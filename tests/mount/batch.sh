#!/bin/bash
# If this failed, what a mount converts would take the processor from the programs beside it, or be starved by them.
. "$(dirname "$0")/lib.bash"
classes() { ps -L -o cls= -p "$daemon" | tr -d ' ' | sort | uniq -c; }
in_class() { classes | awk -v class="$1" '$2 == class { n = $1 } END { print n + 0 }'; }
start -o "cache=$work/cache"
expected source.gguf q4_k_m
same mnt/a@q4_k_m.gguf expected
# SCHED_BATCH: as many as convert at once, and those that wait for disks. An idle class would never let them go.
[ "$(in_class B)" -ge $(($(nproc) + 8)) ] || fail "threads of the class for batches: $(classes)"
equal "threads of the idle class" "$(in_class IDL)" 0
# Who talks to the kernel is in none of them.
[ "$(in_class TS)" -ge 2 ] || fail "threads of the normal class: $(classes)"
stop
