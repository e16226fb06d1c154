#!/bin/bash
# Factory calibrations that devices return to commands: over interrupt endpoints, feature reports, another interface of
# the same device, and a radio; and devices that share an interface.
. "$(dirname "$0")/../scenario.sh"

start_bridge
has() { # has SERIAL FAMILY SOURCE: the device is connected with a calibration of that source
  "$program" devices --json | grep "\"serial\":\"$1\"" | grep "\"family\":\"$2\"" | grep -q "\"calibration\":\"$3\""
}
plug usb sony-psvr PSVR --rate 100
plug usb xreal-air AIR --rate 100
plug usb oculus-rift-s RIFT --rate 100
plug uhid microsoft-wmr WMR --rate 100
plug uhid microsoft-wmr-controller WAND --rate 100
# The kernel's driver sends the same requests; the reply to one reader must not be taken for the reply to the other.
plug usb nintendo-pro-controller 7c:bb:8a:00:00:01 --rate 200
plug uhid nintendo-joycon-left 7c:bb:8a:00:00:02 --rate 200
for device in PSVR:sony-psvr AIR:xreal-air RIFT:oculus-rift-s WMR:microsoft-wmr WAND:microsoft-wmr-controller \
  7c-bb-8a-00-00-01:nintendo-pro-controller 7c-bb-8a-00-00-02:nintendo-joycon-left; do
  serial=${device%%:*}
  serial=${serial//-/:}
  check "$serial streams" eventually shows "$serial +hardware +streaming"
  check "$serial brings its calibration" eventually has "$serial" "${device#*:}" factory
done
check "the kernel's driver reports no failure" test "$(dmesg | grep -ci 'nintendo.*failed')" = 0
check "and makes a pad" grep -q 'Name="Nintendo Switch Pro Controller"' /proc/bus/input/devices
check "nothing was left out" test "$(grep -c 'not read from the device' "$work/bridge.log")" = 0

# Undecoded sweeps show the mode that the headset must leave.
plug usb valve-index INDEX --rate 100
check "INDEX streams" eventually shows "INDEX +hardware +streaming"
"$program" record "$work/light.mcap" --duration 3s >"$work/record.log" 2>&1 || fail "recording"
"$program" export "$work/light.mcap" "$work/light" --to csv >"$work/export.log" 2>&1 || fail "export"
check "INDEX brings light" grep -qE '^[0-9]+,sync,,[0-9]+,0,48000000.0,3,0,' "$work"/light/*-optical.csv
check "INDEX brings sweeps" grep -qE '^[0-9]+,sweep,2,[0-9]+,0,96000000.0,3,,' "$work"/light/*-optical.csv

plug usb oculus-touch-left TOUCH --rate 100
touch=$plugged
check "one hand is on" eventually shows 'Oculus Touch \(left\) +TOUCH +hardware +streaming'
check "the other is there" eventually shows 'Oculus Touch \(right\) +TOUCH +hardware +initialising'
check "and waited for" shows 'waits for the controller to be switched on'
check "the radio was asked for the calibration" eventually has TOUCH oculus-touch-left factory
sleep 3
check "and once: its report is no news twice" test "$(grep -c 'Oculus Touch (left).*streaming\|oculus-touch-left' "$work/bridge.log")" -le 3
kill $touch
check "both go with the headset" eventually counts 2 'Oculus Touch .* lost'
"$program" devices
passed
