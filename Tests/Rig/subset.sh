#!/bin/bash
# subset.sh PROGRAM   The part of the rig without a kernel of its own: hidraw's behaviour, udev and hotplug, in seconds.
#
# A FUSE file replaces the node (hidfile.c), a tree of files /sys and udev's database, and messages in udevd's format
# hotplug events, all in namespaces of this script; libudev and the bridge are the real ones. Needs root (or
# user namespaces) and /dev/fuse. Exit status 77: not possible on this machine.
set -u
program=$(realpath "$1")
here=$(dirname "$(realpath "$0")")
if [ -z "${IN_SUBSET:-}" ]; then
  [ -c /dev/fuse ] || { echo "subset: skipped: there is no /dev/fuse"; exit 77; }
  spaces=(--mount --net --propagation private)
  [ "$(id -u)" = 0 ] || spaces+=(--user --map-root-user)
  unshare "${spaces[@]}" true 2>/dev/null || { echo "subset: skipped: namespaces cannot be created here"; exit 77; }
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
cc -O1 -Wall -Wextra -o "$fake/hidread" "$here/hidread.c" || fail "hidread.c does not build"
mkdir -p /run/udev
trap 'kill "${pids[@]}" 2>/dev/null; wait 2>/dev/null; umount -l "$fake/node" "$fake" 2>/dev/null; rm -f /dev/hidraw[0-9]*; rm -rf "$work"' EXIT

# tree RECORDING COUNT: udev's database of so many devices, none of them connected
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
plug_in() { # the nodes appear, and udev sends events
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

# Eleven devices at once. All reports that the nodes delivered must have arrived, by count and by their sequence numbers. A
# read through FUSE costs any reader 0.1 ms and more, and on a busy machine also the plainest one in C loses reports: after a
# loss its result is printed, and the next lower rate is tried.
seconds=${SOAK_SECONDS:-10}
memory() { awk '/VmRSS/ { print $2 }' /proc/$bridge/status; }
total() { # total NAME: of the eleven
  "$program" devices --json | grep '"SOAK' | grep -oE "\"$1\":[0-9]+" | cut -d: -f2 | awk '{ sum += $1 } END { print sum + 0 }'
}
record() { # record RATE: of each device, in the tree of eleven
  "$program" emulate valve-index --serial SOAK --rate "$1" --duration $((seconds + 30)) --out "$work/b.hid" >"$work/make.log" 2>&1
  tree "$work/b.hid" 11
}
plain() { # plain RATE: what the plain reader loses
  record "$1"
  "$fake/hidfile" "$fake/node" "$recording" "$count" >"$work/node.log" &
  local plain=$!
  eventually test -e "$fake/node/hidraw10" || fail "no node"
  "$fake/hidread" 3 "$fake"/node/hidraw{0..10} >"$work/plain.log" || fail "the plain reader does not read"
  kill -TERM "$plain"
  wait "$plain"
  cat "$work/node.log"
}
for rate in ${SOAK_RATE:-500 250 100 50}; do
  record "$rate"
  before=$(total reports)
  lost_before=$(total lost_samples)
  plug_in
  check "eleven stream" eventually counts 11 'SOAK.* streaming'
  kib=$(memory)
  sleep "$seconds"
  grown=$(($(memory) - kib))
  pull
  check "all are gone" eventually counts 11 'SOAK.* lost'
  come=$(($(total reports) - before))
  lost=$(($(total lost_samples) - lost_before))
  given=$(sed -n 's/^\([0-9]*\) reports given.*/\1/p' "$work/node.log")
  check "$given reports were given, $come have arrived" test "$come" = "$given"
  check "none of them is wrong" test "$(total decode_errors)" = 0
  check "memory grew by $grown KiB" test "$grown" -le 2048
  echo "subset: at $rate a second each: $come reports of eleven devices, $lost lost"
  [ "$lost" = 0 ] && break
  echo "subset: a plain reader: $(plain "$rate")"
done
check "none is lost" test "$lost" = 0
check "they streamed" test "$come" -ge $((seconds * 11 * rate / 2))
kill -TERM $bridge
wait $bridge
check "SIGTERM ends the bridge with 0" test $? = 0
passed
