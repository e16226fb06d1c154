#!/bin/bash
# A camera of the kernel (vivid): modes, streaming, frames with times in a recording, hotplug while streaming.
. "$(dirname "$0")/../scenario.sh"

vivid=/sys/bus/platform/drivers/vivid
camera() { echo vivid.0 >"$vivid/$1"; }
trap 'kill "${pids[@]}" 2>/dev/null; wait 2>/dev/null; [ ! -e $vivid/vivid.0 ] || camera unbind; rm -rf "$work"' EXIT

check "there is no vivid driver" test -d $vivid
start_bridge --no-hardware --demo --camera auto
check "without a camera it reports this" eventually prints "$work/bridge.log" "find the camera 'auto' among none"
camera bind
check "a connected camera is read" eventually prints "$work/bridge.log" 'camera=vivid.*camera opened|camera opened.*vivid'
node=$(ls /dev/video* | head -n 1)
"$program" cameras >"$work/cameras.log" 2>&1
check "it is listed with its modes" grep -Eq 'yuyv .*640x360' "$work/cameras.log"
"$program" cameras picture "$node" "$work/p.jpg" >"$work/busy.log" 2>&1
check "a second reader gets the error busy" grep -q 'busy' "$work/busy.log"

"$program" record "$work/session.mcap" --streams reports,states,camera --duration 4 >"$work/record.log" 2>&1
check "a session with frames is recorded" test $? = 0
"$program" info "$work/session.mcap" >"$work/info.log" 2>&1
check "it holds frames" grep -Eq '/cameras/vivid[^ ]*/image' "$work/info.log"
frames=$(grep -E '/cameras/vivid' "$work/info.log" | grep -oE '[0-9]+' | head -n 40 | sort -n | tail -n 1)
check "some of them: $frames" test "${frames:-0}" -ge 20
"$program" replay "$work/session.mcap" --verify >"$work/verify.log" 2>&1
check "and verifies" test $? = 0

camera unbind
check "disconnected while streaming, the loss is reported" eventually prints "$work/bridge.log" "camera 'auto': (read|wait for|queue)"
camera bind
check "plugged in again it streams again" eventually sh -c "[ \$(grep -c 'camera opened' '$work/bridge.log') -ge 2 ]"
kill -TERM $bridge
wait $bridge
check "SIGTERM ends the bridge with 0" test $? = 0
for format in yuyv grey; do
  eventually "$program" cameras picture "$node" "$work/$format.jpg" --size 640x360 --format $format --frames 20 --rate 30 \
    >"$work/picture-$format.log" 2>&1 || fail "a picture in $format"
  check "a picture in $format at its size" sh -c "grep -q '640x360 $format' '$work/picture-$format.log'"
done
cat "$work"/picture-*.log
passed
