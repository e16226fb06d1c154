#!/bin/bash
# Many plug cycles (STORM_CYCLES, default a thousand) leave nothing behind: no descriptor, no memory, no second identity.
. "$(dirname "$0")/../scenario.sh"

cycles=${STORM_CYCLES:-1000}
# Connection time of each cycle: under heavy load 0.2 s is less than one cycle of the bridge.
for_time() { awk -v t="$1" -v p="$patience" 'BEGIN { print t * p }'; }
start_bridge
descriptors() { ls /proc/$bridge/fd | wc -l; }
memory() { awk '/VmRSS/ { print $2 }' /proc/$bridge/status; }

plug uhid oculus-dk2 STAYS
check "one device stays through it all" eventually shows 'STAYS +hardware +streaming'
# The first round covers one-time growth.
"$program" emulate relativty --uhid --serial STORM --cycles 50 --duration "$(for_time 0.2)" --gap "$(for_time 0.03)" >"$work/warm.log" 2>&1
check "the warm-up is over" eventually shows 'STORM .* lost'
fds=$(descriptors)
kib=$(memory)
"$program" emulate relativty --uhid --serial STORM --cycles $((cycles - 50 - cycles / 33)) --duration "$(for_time 0.2)" --gap "$(for_time 0.03)" >"$work/storm.log" 2>&1
"$program" emulate oculus-dk1 --usb --serial STORM2 --cycles $((cycles / 33)) --duration "$(for_time 1)" --gap "$(for_time 0.2)" >"$work/storm2.log" 2>&1
check "after the storm it is lost" eventually shows 'STORM .* lost'
check "and the other one too" eventually shows 'STORM2 .* lost'
check "there is one identity a unit" counts 3 ' hardware '
check "the one that stayed streams" shows 'STAYS +hardware +streaming'
sleep 1
check "no descriptor is left: $fds before, $(descriptors) after" test "$(descriptors)" -le "$fds"
check "memory: $kib KiB before, $(memory) after" test "$(memory)" -le $((kib + 4096))
echo "$scenario: descriptors $fds -> $(descriptors), memory $kib -> $(memory) KiB; arrivals $(grep -c 'device arrived' "$work/bridge.log")"
check "nearly every plugging was noticed" test "$(grep -c 'device arrived' "$work/bridge.log")" -ge $((cycles * 8 / 10 / patience))
plug uhid relativty STORM
check "and it can be used as before" eventually shows 'STORM +hardware +streaming'
passed
