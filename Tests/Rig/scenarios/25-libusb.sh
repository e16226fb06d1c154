#!/bin/bash
# Devices without a HID interface, through libusb: hotplug, set-up, disconnection, permission, a driver that is detached.
. "$(dirname "$0")/../scenario.sh"

start_bridge
plug usb rokid GLASSES
glasses=$plugged
check "a vendor-specific device streams" eventually shows 'Rokid Air or Max +GLASSES +hardware +streaming'
check "no hidraw node is involved" test "$(ls /dev/hidraw* 2>/dev/null | wc -l)" = 0
"$program" watch --json --count 300 >"$work/poses" 2>"$work/watch.log"
check "poses come" test "$(grep -c orientation "$work/poses")" = 300
holder=$(readlink -f /sys/bus/usb/devices/*/1-*:1.2/driver 2>/dev/null | head -n 1)
"$program" doctor >"$work/doctor.log" 2>&1
check "doctor reports the bridge as the holder" prints "$work/doctor.log" 'Rokid Air or Max.*\(/dev/bus/usb'
kill $glasses
check "unplugged, it is lost" eventually shows 'GLASSES .* lost'
plug usb rokid GLASSES
check "plugged in again, it is the same" eventually shows '^1 .* GLASSES .* streaming'
plug usb rayneo-air RAY
check "a second family streams" eventually shows 'RayNeo Air +RAY +hardware +streaming'
"$program" udev-rules >"$work/rules"
check "the rules name such devices" grep -q 'SUBSYSTEM=="usb".*ATTR{idVendor}=="04d2"' "$work/rules"
udevadm verify "$work/rules" >"$work/verify.log" 2>&1 || ! udevadm verify --help >/dev/null 2>&1
check "and udev takes them" test $? = 0
kill -TERM $bridge
wait $bridge
check "SIGTERM ends the bridge with 0" test $? = 0
passed
