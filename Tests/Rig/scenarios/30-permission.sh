#!/bin/bash
# A device that the bridge may not open: the cause is reported, and the device is opened when it becomes available.
. "$(dirname "$0")/../scenario.sh"

# The bridge runs as nobody; the node is root's.
chown -R 65534 "$work"
setpriv --reuid=65534 --regid=65534 --clear-groups "$program" run >"$work/bridge.log" 2>&1 &
pids+=($!)
eventually test -S "$VRBRIDGE_SOCKET" || fail "the bridge did not start"

plug usb oculus-dk2 LOCKED
check "a forbidden device is shown" eventually shows 'Oculus Rift DK2 +LOCKED +hardware +blocked'
check "with the rule that is missing" shows 'missing rule is: KERNELS=="0003:2833:0021\.\*", TAG\+="uaccess"'
check "and the command that mends it" shows 'vrbridge udev-rules > 70-vrbridge.rules && sudo install -m 644 70-vrbridge.rules /etc/udev/rules.d/'
node=$(ls /dev/hidraw* | head -n 1)
before=$(awk '{ print $1 }' /proc/uptime)
chmod 666 "$node"
check "given permission, it streams without a restart" eventually shows 'LOCKED +hardware +streaming'
after=$(awk '{ print $1 }' /proc/uptime)
check "within two seconds" awk "BEGIN { exit !($after - $before < 2 * $patience) }"

# By the rule in the message.
kill "$plugged"
check "it is lost" eventually shows 'LOCKED .* lost'
plug usb oculus-dk2 LOCKED
check "plugged in again it is forbidden again" eventually shows 'LOCKED +hardware +blocked'
printf 'KERNELS=="0003:2833:0021.*", TAG+="uaccess", MODE="0666"\n' >/etc/udev/rules.d/70-vrbridge.rules
udevadm control --reload && udevadm trigger --subsystem-match=hidraw --action=add
check "the rule lets it in" eventually shows 'LOCKED +hardware +streaming'
passed
