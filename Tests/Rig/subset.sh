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
mkdir "$fake"/node
ip link set lo up
cc -O1 -o "$fake/hidfile" "$here/hidfile.c" $(pkg-config --cflags --libs fuse3) || fail "hidfile.c does not build"
mkdir -p /run/udev
trap 'kill "${pids[@]}" 2>/dev/null; wait 2>/dev/null; umount -l "$fake/node" "$fake" 2>/dev/null; rm -f /dev/hidraw[0-9]*; rm -rf "$work"' EXIT

# tree RECORDING COUNT: what udev knows of so many devices, none of which is plugged in
tree() {
  recording=$1
  count=$2
  umount /sys /run/udev 2>/dev/null
  rm -rf "$fake"/{sys,run,links}
  mkdir "$fake"/{sys,run,links}
  /usr/bin/python3 "$here/fakeudev.py" tree "$fake/sys" "$fake/run" "$recording" "$count" || fail "no tree"
  mv "$fake"/sys/class/hidraw/hidraw* "$fake/links"
  mount --bind "$fake/sys" /sys
  mount --bind "$fake/run" /run/udev
}
plug_in() { # the nodes appear, and udev tells
  "$fake/hidfile" "$fake/node" "$recording" "$count" >"$work/node.log" &
  device=$!
  pids+=($device)
  eventually test -e "$fake/node/hidraw0" || fail "no node"
  for ((number = 0; number < count; number++)); do ln -sf "$fake/node/hidraw$number" "/dev/hidraw$number"; done
  mv "$fake"/links/* "$fake/sys/class/hidraw/"
  /usr/bin/python3 "$here/fakeudev.py" send add "$recording" "$count"
}
pull() {
  kill -TERM "$device"
  sleep 0.2
  rm -f /dev/hidraw[0-9]*
  mv "$fake"/sys/class/hidraw/* "$fake/links"
  /usr/bin/python3 "$here/fakeudev.py" send remove "$recording" "$count"
  wait "$device"
}

"$program" emulate oculus-dk2 --serial DK2-A --duration 60 --out "$work/a.hid" >"$work/make.log" 2>&1
tree "$work/a.hid" 1
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
pull
check "and gone" eventually shows 'DK2-A .* lost'

# Eleven at 500 reports a second each (a read through FUSE costs 0.1 ms, whoever reads): what the nodes gave out must all
# have come, as the numbers in the reports tell.
rate=${SOAK_RATE:-500}
seconds=${SOAK_SECONDS:-10}
"$program" emulate valve-index --serial SOAK --rate "$rate" --duration $((seconds + 30)) --out "$work/b.hid" >"$work/make.log" 2>&1
tree "$work/b.hid" 11
plug_in
check "eleven stream" eventually counts 11 'SOAK.* streaming'
sleep 2
memory() { awk '/VmRSS/ { print $2 }' /proc/$bridge/status; }
total() { # total NAME: of the eleven
  "$program" devices --json | grep '"SOAK' | grep -oE "\"$1\":[0-9]+" | cut -d: -f2 | awk '{ sum += $1 } END { print sum }'
}
kib=$(memory)
before=$(total reports)
start=$(date +%s%N)
sleep "$seconds"
passed=$(($(date +%s%N) - start))
come=$(($(total reports) - before))
check "$rate a second each: $come in $((passed / 1000000)) ms" test "$come" -ge $((passed / 1000000 * 11 * rate * 98 / 100000))
lost=$(total lost_samples)
bad=$(total decode_errors)
check "none is lost: $lost, $bad wrong" test "$((lost + bad))" = 0
check "memory: $kib KiB before, $(memory) after" test "$(memory)" -le $((kib + 2048))
echo "subset: $come reports of eleven devices in $seconds s, $lost lost; memory $kib -> $(memory) KiB"
pull
cat "$work/node.log"
kill -TERM $bridge
wait $bridge
check "SIGTERM ends the bridge with 0" test $? = 0
passed
