#!/bin/bash
# Hostile devices: the bridge reports the fault, the others keep streaming, and it ends on SIGTERM.
. "$(dirname "$0")/../scenario.sh"

start_bridge
plug usb oculus-dk2 GOOD
good=$plugged
check "a good device streams" eventually shows 'GOOD +hardware +streaming'

plug usb oculus-dk2 STALL --fault stall
check "one that refuses every request streams with defaults" eventually shows 'STALL +hardware +streaming'
plug usb htc-vive NOISE --fault noise
check "one whose configuration is noise streams with nominal scale" eventually shows 'NOISE +hardware +(streaming|degraded) +(nominal|model)'
plug usb htc-vive-wand MUTE --fault mute
check "while one never answers" eventually shows 'MUTE +hardware +initialising'
plug usb relativty LATER
check "another is opened at once" eventually shows 'LATER +hardware +streaming'
check "and the silent one is given up" eventually shows 'MUTE +hardware +(streaming|degraded)'
plug usb oculus-dk1 SHORT --fault short
check "one whose reports are too short is degraded" eventually shows 'SHORT +hardware +degraded'
check "and states the reason" shows "(reports are invalid|sends nothing)"
check "the good one still streams" shows 'GOOD +hardware +streaming'
# The guest has one processor, and the following checks are about time.
for extra in "${pids[@]}"; do [ "$extra" = "$good" ] || [ "$extra" = "$bridge" ] || kill "$extra" 2>/dev/null; done
check "the others are lost" eventually counts 1 ' streaming '
plug usb htc-vive BOMB --fault inflate
check "a configuration that inflates without end is refused" eventually prints "$work/bridge.log" 'factory calibration not read \(.*(inflat|large|limit|more than)'
check "and its device streams" eventually shows 'BOMB +hardware +(streaming|degraded)'
kill "$plugged"
plug usb oculus-cv1 CUT --fault descriptor
sleep 2
plug uhid relativty "$(printf 'a\x01\x1b[31mb\nc')"
check "control characters in a serial number are not printed" eventually shows 'Relativty .*streaming'
"$program" devices >"$work/list"
check "nor by the list" test "$(grep -c "$(printf '\x1b\\[31m')" "$work/list")" = 0

# Disconnected during each step of opening; the last step is reached on a machine of any speed.
for moment in 0.1 0.3 0.4 0.5 0.6 0.65 0.7 0.75 0.8 0.9 1.0 1.2 $((2 * patience)); do
  "$program" emulate htc-vive-wand --usb --serial BRIEF --cycles 2 --duration $moment --gap 0.2 >"$work/brief.log" 2>&1
done
check "unplugged while it was being opened, it is lost" eventually shows 'BRIEF .* lost'
plug usb htc-vive-wand BRIEF
check "and can be plugged in for good" eventually shows 'BRIEF +hardware +streaming'

check "the good one streams" shows 'GOOD +hardware +streaming'
check "the bridge lives" kill -0 $bridge
kill -TERM $bridge
wait $bridge
check "and ends with 0" test $? = 0
passed
