#!/bin/bash
# Factory calibrations that devices give out to commands: over interrupt endpoints, feature reports, another interface of
# the same device, and a radio; and devices that share an interface.
. "$(dirname "$0")/../scenario.sh"

# Nintendo's is read in the tests alone: the kernel's driver for it asks for more than the emulator answers.
start_bridge
has() { # has SERIAL FAMILY SOURCE: the device is there with a calibration from there
  "$program" devices --json | grep "\"serial\":\"$1\"" | grep "\"family\":\"$2\"" | grep -q "\"calibration\":\"$3\""
}
plug usb sony-psvr PSVR --rate 100
plug usb xreal-air AIR --rate 100
plug usb oculus-rift-s RIFT --rate 100
plug uhid microsoft-wmr WMR --rate 100
plug uhid microsoft-wmr-controller WAND --rate 100
for device in PSVR:sony-psvr AIR:xreal-air RIFT:oculus-rift-s WMR:microsoft-wmr WAND:microsoft-wmr-controller; do
  serial=${device%%:*}
  check "$serial streams" eventually shows "$serial +hardware +streaming"
  check "$serial brings its calibration" eventually has "$serial" "${device#*:}" factory
done
check "nothing was left out" test "$(grep -c 'not read from the device' "$work/bridge.log")" = 0

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
