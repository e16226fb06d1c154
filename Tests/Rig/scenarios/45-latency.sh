#!/bin/bash
# Latency from the device to the client, time to the first pose, time to the loss, and counted reports.
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
  # Time to the first pose, from udev's event.
  start=$(between "FIGURE-$way" found streaming)
  "$program" watch --json --role head --count 1000 >"$work/$way.poses" 2>"$work/watch.log"
  kill -INT "$device"
  eventually shows "FIGURE-$way +hardware +lost" || fail "$way is not lost"
  eventually test -s "$work/$way.trace" || fail "no trace of $way"
  sleep 1
  lost=$(between "FIGURE-$way" "$(tail -n 1 "$work/$way.trace")" lost)
  echo "$way: found to streaming $start ms; unplugged to lost $lost ms"
  check "$way: first pose within a second" awk "BEGIN { exit !($start < 1000 * $patience) }"
  check "$way: loss within 100 ms" awk "BEGIN { exit !($lost < 100 * $patience) }"
  # Under other load, one report in a hundred waits for the processor regardless of the bridge.
  check "$way: latency" env MEDIAN_MS=$patience LIMIT_MS=$((patience == 1 ? 1 : 10 * patience)) /usr/bin/python3 "$here/latency.py" "$work/$way.trace" "$work/$way.poses"
  "$program" assign "FIGURE-$way" none >"$work/assign.log" 2>&1
done

# Eleven at once, a thousand reports a second each. The guest's one processor also makes the reports: the emulator counts
# those that the kernel did not fetch in time. All reports that the kernel delivered must have arrived, by the sequence
# numbers in the samples.
seconds=${SOAK_SECONDS:-20}
rate=${SOAK_RATE:-1000}
plug usb valve-index SOAK --rate "$rate" --count 11 --part imu --alone --report-every 1
skipped() { # skipped FILE NUMBER: its reports that the kernel did not fetch, as last printed
  sed -nE "s/^SOAK$2: .* fetched, ([0-9]+) not .*/\1/p" "$1" | tail -n 1
}
eleven() { [ "$(number 'SOAK.* streaming')" = 11 ]; }
check "eleven stream" eventually eleven
sleep 5
figure() { # figure FILE SERIAL NAME
  grep "\"$2\"" "$1" | grep -oE "\"$3\":[0-9]+" | cut -d: -f2
}
memory() { awk '/VmRSS/ { print $2 }' /proc/$bridge/status; }
kib=$(memory)
# Every process here takes the guest's processor from the eleven: counters are evaluated afterwards.
cp "$work/SOAK.log" "$work/counts-before"
"$program" devices --json >"$work/before.json"
sleep "$seconds"
"$program" devices --json >"$work/after.json"
sleep 1.2
cp "$work/SOAK.log" "$work/counts-after"
after=$(memory)
kill -INT "$plugged"
check "memory: $kib KiB before, $after after" test "$after" -le $((kib + 2048))
total=0
gone=0
missed=0
for number in 1 2 3 4 5 6 7 8 9 10 11; do
  come=$(($(figure "$work/after.json" SOAK$number reports) - $(figure "$work/before.json" SOAK$number reports)))
  lost=$(($(figure "$work/after.json" SOAK$number lost_samples) - $(figure "$work/before.json" SOAK$number lost_samples)))
  bad=$(figure "$work/after.json" SOAK$number decode_errors)
  total=$((total + come))
  gone=$((gone + lost))
  check "SOAK$number: $come reports came" test "$come" -ge $((rate * seconds * 99 / 100 / patience))
  check "SOAK$number: $bad errors" test "$bad" = 0
  late=$(($(skipped "$work/counts-after" $number) - $(skipped "$work/counts-before" $number)))
  missed=$((missed + late))
  check "SOAK$number: $lost samples lost, $late reports not fetched" test "$lost" -le "$late"
done
check "unplugged, they are lost" eventually counts 11 'SOAK.* lost'
echo "soak: $total reports of eleven devices in $seconds s, $gone samples lost, $missed reports not fetched in time by the kernel; memory $kib -> $after KiB"
passed
