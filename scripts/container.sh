#!/bin/bash
# container.sh ROOT   Boots the systemd of a root file system in namespaces of its own, as `unshare --pid --fork` starts it.
#
#   unshare --pid --fork --kill-child --mount --cgroup --uts --ipc --net scripts/container.sh ROOT
#
# New mounts cover ROOT's /proc, /sys, /dev, /run and /tmp; files that services write elsewhere stay. The network is a
# loopback of its own.
set -euo pipefail
root=$1
mount --make-rprivate /
mount --bind "$root" "$root"
cd "$root"
mount -t proc proc proc
mount -t sysfs -o ro sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
mount -t tmpfs -o mode=755 tmpfs dev
while read -r name major minor; do mknod -m 666 "dev/$name" c "$major" "$minor"; done <<X
null 1 3
zero 1 5
full 1 7
random 1 8
urandom 1 9
tty 5 0
X
mkdir dev/pts dev/shm
mount -t devpts -o newinstance,ptmxmode=666 devpts dev/pts
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
for number in 0:stdin 1:stdout 2:stderr; do ln -s "fd/${number%:*}" "dev/${number#*:}"; done
for folder in dev/shm run tmp; do mount -t tmpfs tmpfs "$folder"; done
ip link set lo up
mkdir -p .outside
pivot_root . .outside
umount -l /.outside
exec env -i container=test PATH=/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 /lib/systemd/systemd --system \
  --unit=multi-user.target
