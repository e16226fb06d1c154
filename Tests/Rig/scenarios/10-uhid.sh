#!/bin/bash
# The path through a real kernel: uhid, hidraw, udev, disconnection, doctor, record and replay.
. "$(dirname "$0")/../scenario.sh"

check "there is no /dev/uhid, or no root" test -w /dev/uhid
start_bridge
plug uhid oculus-dk2 AAA
headset=$plugged
check "a plugged headset is found" eventually shows '^1 +head +Oculus Rift DK2 +AAA +hardware +streaming'
node=$(ls /dev/hidraw* | head -n 1)
as_nobody() { setpriv --reuid=65534 --regid=65534 --clear-groups "$program" doctor; }
as_nobody >"$work/nobody.log" 2>&1
check "doctor fails without permission" test $? = 1
check "and names the missing rule" prints "$work/nobody.log" 'missing rule is: KERNELS=="0003:2833:0021\.\*", TAG\+="uaccess"'
if [ -S /run/udev/control ]; then
  groupadd --force vrbridge
  "$program" udev-rules --group vrbridge >/etc/udev/rules.d/70-vrbridge.rules
  udevadm control --reload
  udevadm trigger --subsystem-match=hidraw --action=add
  tagged() { udevadm info --query=property --name="$node" | grep -q '^CURRENT_TAGS=.*:uaccess:'; }
  check "the rules tag the node for the user at the seat" eventually tagged
  check "and give it to the group, not to everybody" test "$(stat -c '%a %G' "$node")" = "660 vrbridge"
  as_nobody >"$work/nobody.log" 2>&1
  check "doctor then names the group" prints "$work/nobody.log" 'usermod --append --groups vrbridge'
fi
plug uhid relativty BBB
check "a second one is found" eventually shows 'Relativty +BBB +hardware +streaming'
"$program" watch --json --role head --count 500 >"$work/poses" 2>"$work/watch.log" || fail "no poses"
check "500 poses of real reads" test "$(grep -c '"orientation"' "$work/poses")" = 500
check "they are not marked as emulated" test "$(grep -c emulated "$work/poses")" = 0

kill $headset
check "an unplugged headset is lost" eventually shows '^1 +head .* lost'
check "the other one stays" shows 'Relativty +BBB +hardware +streaming'
plug uhid oculus-dk2 AAA
headset=$plugged
check "plugged in again it is the same" eventually shows '^1 +head +Oculus Rift DK2 +AAA +hardware +streaming'
check "the loss was logged" prints "$work/bridge.log" 'reason="Input/output error"'

sleep 60 <"$node" &
pids+=($!)
holder=$!
"$program" doctor >"$work/doctor.log" 2>&1
check "doctor names the other holder" prints "$work/doctor.log" "also held by sleep \(pid $holder\)"
check "and does not advise to kill the bridge" prints "$work/doctor.log" "^ +kill $holder\$"
kill $holder
kill -TERM $bridge
wait $bridge
check "SIGTERM ends the bridge with 0" test $? = 0
"$program" devices record AAA "$work/r.hid.gz" --duration 2 >"$work/record.log" 2>&1 || fail "recording"
check "some 2,000 reports in 2 s" test "$(zcat "$work/r.hid.gz" | grep -c '^E:')" -gt 1500
check "with the reports written to it" test "$(zcat "$work/r.hid.gz" | grep -c '^# vrbridge set')" -ge 1
"$program" run --no-hardware --device "recorded:$work/r.hid.gz,speed=max,wait" >"$work/replay.log" 2>&1 &
pids+=($!)
eventually prints "$work/replay.log" 'device arrived' || fail "the recording does not play"
"$program" watch --json --count 1000 >"$work/replayed" 2>&1
check "the recording plays" test "$(grep -c '"recorded"' "$work/replayed")" = 1000
passed
