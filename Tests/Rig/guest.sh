# The guest's first process; run.sh puts the values of rig and out before it.
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
if [ "${1:-}" != inside ]; then
  mount -t proc proc /proc
  mount -t sysfs sysfs /sys
  mountpoint -q /dev || mount -t devtmpfs dev /dev
  # Memory over the host's files. udev ignores processes in a chroot, hence a new root.
  mount -t tmpfs -o size=75% memory /mnt
  mkdir /mnt/upper /mnt/work /mnt/root
  mount -t overlay -o lowerdir=/,upperdir=/mnt/upper,workdir=/mnt/work overlay /mnt/root
  for folder in proc sys dev; do mount --move /$folder /mnt/root/$folder; done
  cd /mnt/root && mkdir -p .host && pivot_root . .host
  exec chroot . /bin/bash "$rig/init" inside </dev/null >/dev/kmsg 2>&1
fi
mkdir -p /dev/pts /dev/shm
mount -t devpts -o gid=5,mode=620,ptmxmode=666 devpts /dev/pts
mount -t tmpfs shm /dev/shm
mount -t tmpfs run /run
mkdir -p /run/lock
ln -sfn /proc/self/fd /dev/fd
ln -sfn fd/0 /dev/stdin
ln -sfn fd/1 /dev/stdout
ln -sfn fd/2 /dev/stderr
for folder in "$rig" "$out"; do
  mkdir -p "$folder"
  mount -t hostfs -o "$folder" none "$folder"
done
mount -t configfs configfs /sys/kernel/config
mount -t debugfs debugfs /sys/kernel/debug
ip link set lo up || busybox ifconfig lo 127.0.0.1 up
# The virtual camera exists from the start; a command connects it by binding the driver again.
vivid=/sys/bus/platform/drivers/vivid
[ ! -e $vivid/vivid.0 ] || echo vivid.0 >$vivid/unbind
mkdir -p /run/udev
/lib/systemd/systemd-udevd --daemon
udevadm trigger --action=add --subsystem-match=usb --subsystem-match=sound --subsystem-match=misc
udevadm settle --timeout=20
stty -F /dev/tty0 raw -echo
# Through a pipe, so that the command has no terminal.
mkfifo /run/rig-console
cat /run/rig-console >/dev/tty0 &
printer=$!
(
  exec >/run/rig-console 2>&1
  . "$rig/environment"
  exec setsid bash "$rig/command"
)
status=$?
# A remaining process may hold the pipe.
for _ in 1 2 3 4 5 6 7 8 9 10; do
  kill -0 $printer 2>/dev/null || break
  sleep 0.1
done
echo $status >"$rig/status"
sync -f "$rig/status"
umount -l "$rig"
busybox poweroff -f || poweroff -ff
