#!/bin/bash
# Game controllers through SDL2: a kernel pad, motion of a pad without a description, never one pad twice.
. "$(dirname "$0")/../scenario.sh"
here=$(dirname "$(realpath "$0")")/..

start_bridge --controllers
/usr/bin/python3 "$here/pad.py" 60 &
pad=$!
pids+=($pad)
check "a pad that only the kernel knows is a device" eventually shows 'Game pad .* streaming'
"$program" assign --press left_hand --timeout 20 >"$work/assign.log" 2>&1
check "its button can give it a role" grep -q 'left_hand' "$work/assign.log"
check "which it has" shows '^[0-9]+ +left_hand +Game pad'
plug usb sony-dualsense a4:53:85:00:00:11
check "a pad that we read ourselves is there" eventually shows 'Sony DualSense .* streaming'
sleep 3
check "and there once" counts 2 ' hardware '
kill $pad
check "unplugged, the pad is lost" eventually shows 'Game pad .* lost'
kill -TERM $bridge
wait $bridge
check "SIGTERM ends the bridge with 0" test $? = 0
kill "$plugged"

# Without a description SDL reads the pad, with its motion sensors. A family of the same name replaces the shipped one; its
# vendor is nobody's.
mkdir "$work/devices"
sed 's/vendor: 0x054c/vendor: 0xfffe/' devices/sony-dualsense.yaml >"$work/devices/sony-dualsense.yaml"
start_bridge --controllers --descriptions "$work/devices"
# On a busy machine SDL 2.26 may find the kernel's event device before the pad's own, and then has no motion data: such
# a pad is a game pad, and reconnecting it helps.
moves() { shows '^[0-9]+ .*Game controller .* hardware +streaming'; }
for attempt in 1 2 3 4; do
  plug usb sony-dualsense a4:53:85:00:00:12 --descriptions devices
  eventually shows '(Game controller|Game pad) .* hardware +streaming' || fail "SDL does not find the pad"
  moves && break
  kill "$plugged"
  eventually shows 'Game pad .* lost' || fail "the pad is not lost"
done
check "the same pad through SDL, with motion" moves
"$program" watch --json --count 200 >"$work/poses" 2>"$work/watch.log"
check "with poses from its motion sensors" test "$(grep -c orientation "$work/poses")" = 200
passed
