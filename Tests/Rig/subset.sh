#!/bin/bash
# subset.sh PROGRAM   What of the rig needs no kernel of its own: hidraw's manners, udev and hotplug, in seconds.
#
# A FUSE file stands for the node (hidfile.c), a tree of files for /sys and udev's database, and messages as udevd sends
# them for plugging, all in namespaces of this script's own; libudev and the bridge are the real ones. Needs root (or
# user namespaces) and /dev/fuse. Exit code 77: this machine can't.
set -u
program=$(realpath "$1")
here=$(dirname "$(realpath "$0")")
if [ -z "${IN_SUBSET:-}" ]; then
  [ -c /dev/fuse ] || { echo "subset: skipped: there is no /dev/fuse"; exit 77; }
  spaces=(--mount --net --propagation private)
  [ "$(id -u)" = 0 ] || spaces+=(--user --map-root-user)
  unshare "${spaces[@]}" true 2>/dev/null || { echo "subset: skipped: namespaces can't be made here"; exit 77; }
  IN_SUBSET=1 exec unshare "${spaces[@]}" "$0" "$program"
fi
export program SYSTEMD_DEVICE_VERIFY_SYSFS=0
. "$here/scenario.sh"
fake=$work/fake
mkdir "$fake"
mount -t tmpfs none "$fake"
mkdir "$fake"/{sys,run,node}
ip link set lo up
cc -O1 -o "$fake/hidfile" "$here/hidfile.c" $(pkg-config --cflags --libs fuse3) || fail "hidfile.c does not build"
"$program" emulate oculus-dk2 --serial DK2-A --duration 60 --out "$work/a.hid" >"$work/make.log" 2>&1
/usr/bin/python3 "$here/fakeudev.py" tree "$fake/sys" "$fake/run" "$work/a.hid" || fail "no tree"
mv "$fake/sys/class/hidraw/hidraw9" "$fake/link"
mkdir -p /run/udev
mount --bind "$fake/sys" /sys
mount --bind "$fake/run" /run/udev
trap 'kill "${pids[@]}" 2>/dev/null; wait 2>/dev/null; umount -l "$fake/node" "$fake" 2>/dev/null; rm -f /dev/hidraw9; rm -rf "$work"' EXIT

plug_in() { # plug_in [REPORTS]: the node appears, and udev tells
  "$fake/hidfile" "$fake/node" "$work/a.hid" &
  device=$!
  pids+=($device)
  eventually test -e "$fake/node/hidraw9" || fail "no node"
  ln -sf "$fake/node/hidraw9" /dev/hidraw9
  mv "$fake/link" "$fake/sys/class/hidraw/hidraw9"
  /usr/bin/python3 "$here/fakeudev.py" send add "$work/a.hid"
}
pull() {
  kill -TERM "$device"
  sleep 0.2
  rm -f /dev/hidraw9
  mv "$fake/sys/class/hidraw/hidraw9" "$fake/link"
  /usr/bin/python3 "$here/fakeudev.py" send remove "$work/a.hid"
  wait "$device"
}

start_bridge
plug_in
check "plugged in, it streams" eventually shows '^1 .* DK2-A +hardware +streaming'
"$program" watch --json --role head --count 500 >"$work/poses" 2>"$work/watch.log"
check "poses come" test "$(grep -c orientation "$work/poses")" = 500
"$program" devices --json >"$work/devices.json"
check "no report is lost" grep -q '"lost_samples":0,' "$work/devices.json"
check "and none is wrong" grep -q '"decode_errors":0,' "$work/devices.json"
pull
check "pulled out, it is lost" eventually shows 'DK2-A .* lost'
plug_in
check "plugged in again, it is the same and the head" eventually shows '^1 +head .* DK2-A +hardware +streaming'
check "and there once" counts 1 DK2-A
pull
plug_in
check "and a third time" eventually shows '^1 .* DK2-A +hardware +streaming'
kill -TERM $bridge
wait $bridge
check "SIGTERM ends the bridge with 0" test $? = 0
passed
