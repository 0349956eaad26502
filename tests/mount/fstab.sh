#!/bin/bash
# If this failed, mount(8), fstab and systemd could not mount it with the options that they always pass.
. "$(dirname "$0")/lib.bash"
need_root
[ -x /sbin/mount.fuse3 ] || [ -x /sbin/mount.fuse ] || skip "no mount.fuse"
# mount(8) hands no PATH on, so the program must be where the shell looks by itself; in a namespace of the test's own it is.
if [ -z "${QUANTFS_INSIDE:-}" ]; then
    "$tests/apart" true 2>/dev/null || skip "no mount namespace"
    QUANTFS_INSIDE=yes "$tests/apart" bash "$tests/mount/fstab.sh"
    exit
fi
mount --make-rprivate /
mount -t tmpfs tmpfs /usr/local/sbin
ln -s "$QUANTFS" /usr/local/sbin/quantfs
expected source.gguf Q4_K_M
options=rw,nosuid,nodev,noatime,_netdev,nofail,user,x-systemd.automount,allow_other
mount -t fuse.quantfs -o $options "$work/models" "$work/mnt" 2>err || fail "mount: $(cat err)"
equal "its kind" "$(kind_of_mount mnt)" fuse.quantfs
same mnt/a@q4_k_m.gguf expected
grep -q " $work/mnt [^ ]*nosuid" /proc/self/mountinfo && grep -q " $work/mnt [^ ]*nodev" /proc/self/mountinfo || fail "flags are lost: $(grep "$work/mnt" /proc/self/mountinfo)"
grep "$work/mnt" /proc/self/mountinfo | grep -q default_permissions || fail "allow_other without default_permissions"
umount mnt
not_mounted mnt || fail "still mounted"
# Our own options travel the same way, from where there is no home directory, too; an unknown word is named.
env -i PATH="$PATH" mount -t fuse.quantfs -o "ro,noauto,variants=q6_k,cache=$work/cache" "$work/models" "$work/mnt"
equal "variants" "$(variants mnt)" a@q6_k.gguf
[ -f cache/secret ] || fail "no cache"
umount mnt
mount -t fuse.quantfs -o ro,nonsense "$work/models" "$work/mnt" 2>err && fail "an unknown word is taken"
grep -q nonsense err || fail "the unknown word is not named: $(cat err)"
not_mounted mnt || fail "mounted all the same"
# The helper's way of calling, and systemd's.
quantfs "$work/models" "$work/mnt" -o rw,nosuid,nodev,noatime,_netdev,nofail,x-systemd.automount,allow_other
same mnt/a@q4_k_m.gguf expected
umount mnt
# The line that the README gives, at boot, when nobody has a home.
grep -E '^ +/srv/models ' "$tests/../README.md" | sed -e "s|/srv/models|$work/models|;s|/srv/variants|$work/mnt|;s|/var/cache/quantfs|$work/kept|" >fstab
equal "lines for fstab in the README" "$(wc -l <fstab)" 1
for round in 1 2; do # what is mounted is left alone
    env -i "$(command -v mount)" -T "$work/fstab" -a 2>err || fail "mount -a, round $round: $(cat err)"
    equal "mounts" "$(grep -c " $work/mnt " /proc/self/mountinfo)" 1
done
same mnt/a@q4_k_m.gguf expected
[ -f kept/CACHEDIR.TAG ] || fail "no cache: $(ls -A)"
umount mnt
