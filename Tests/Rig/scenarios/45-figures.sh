#!/bin/bash
# Latency from the device to the client, time to the first pose, time to the loss, and reports that are counted.
. "$(dirname "$0")/../scenario.sh"
here=$(dirname "$(realpath "$0")")/..

start_bridge
"$program" devices --watch --json >"$work/events.json" 2>/dev/null &
pids+=($!)
# Milliseconds between two states of a device.
between() {
  /usr/bin/python3 - "$work/events.json" "$@" <<'X'
import json, sys
times = {}
for line in open(sys.argv[1]):
    try:
        event = json.loads(line)
    except ValueError:
        continue
    if event.get("event") == "state" and event["device"]["serial"] == sys.argv[2]:
        times[event["device"]["state"]] = event["time_ns"]
first = times[sys.argv[3]] if sys.argv[3] in times else int(sys.argv[3])
print(round((times[sys.argv[4]] - first) / 1e6, 1))
X
}
for way in uhid usb; do
  # Without a queue between them the reports come ten milliseconds apart, so that each pose belongs to one.
  plug $way oculus-dk2 "FIGURE-$way" --rate 100 --trace "$work/$way.trace"
  device=$plugged
  eventually shows "FIGURE-$way +hardware +streaming" || fail "$way does not stream"
  # Time to the first pose, from the moment at which udev showed the device.
  start=$(between "FIGURE-$way" found streaming)
  "$program" watch --json --role head --count 1000 >"$work/$way.poses" 2>"$work/watch.log"
  kill -INT "$device"
  eventually shows "FIGURE-$way +hardware +lost" || fail "$way is not lost"
  eventually test -s "$work/$way.trace" || fail "no trace of $way"
  sleep 1
  lost=$(between "FIGURE-$way" "$(tail -n 1 "$work/$way.trace")" lost)
  echo "$way: found to streaming $start ms; unplugged to lost $lost ms"
  check "$way: first pose within a second" awk "BEGIN { exit !($start < 1000) }"
  check "$way: loss within 100 ms" awk "BEGIN { exit !($lost < 100) }"
  check "$way: latency" env LIMIT_MS=1 /usr/bin/python3 "$here/figures.py" "$work/$way.trace" "$work/$way.poses"
  "$program" assign "FIGURE-$way" none >"$work/assign.log" 2>&1
done

# Eleven at once, as fast as one processor can: what the kernel delivered has come.
seconds=${SOAK_SECONDS:-20}
for number in 1 2 3 4 5 6 7 8 9 10 11; do
  plug usb relativty "SOAK$number" --rate "${SOAK_RATE:-250}" --duration $((seconds + number))
done
eleven() { [ "$(number 'SOAK.* streaming')" = 11 ]; }
check "eleven stream" eventually eleven
for number in 1 2 3 4 5 6 7 8 9 10 11; do
  waited=0
  until grep -q 'reports fetched' "$work/SOAK$number.log" || [ $waited -gt $((seconds * 2 + 60)) ]; do sleep 1; waited=$((waited + 1)); done
done
sleep 1
"$program" devices --json >"$work/devices.json"
total=0
for number in 1 2 3 4 5 6 7 8 9 10 11; do
  fetched=$(grep -oE '^[0-9]+ reports' "$work/SOAK$number.log" | cut -d' ' -f1)
  come=$(grep "\"SOAK$number\"" "$work/devices.json" | grep -oE '"reports":[0-9]+' | cut -d: -f2)
  total=$((total + come))
  # Those of before the node was opened are nobody's loss; some are under way when the plug is pulled.
  missing=$((fetched - come))
  check "SOAK$number: $fetched fetched by the kernel, $come came" test $missing -le $((fetched / 10 + 150))
  faults=$(grep "\"SOAK$number\"" "$work/devices.json" | grep -oE '"lost_samples":[0-9]+' | cut -d: -f2)
  check "SOAK$number lost no sample" test "$faults" = 0
done
echo "soak: $total reports of eleven devices in $seconds s"
passed
