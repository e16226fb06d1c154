#!/bin/bash
# Whole USB devices over USB/IP: enumeration, several interfaces, replugging, two of one model, wrong order.
. "$(dirname "$0")/../scenario.sh"

check "there is no virtual host controller" test -w /sys/devices/platform/vhci_hcd.0/attach
start_bridge
"$program" devices --watch >"$work/watch.log" 2>&1 &
pids+=($!)

plug usb htc-vive-wand WAND1
wand=$plugged
check "a wand on its cable streams" eventually shows 'HTC Vive controller +WAND1 +hardware +streaming'
check "with the calibration it carries" shows 'WAND1 .* factory'
check "its three interfaces are one device" counts 1 'HTC Vive controller'
for state in found opening initialising streaming; do
  check "the state '$state' is reported" prints "$work/watch.log" "WAND1 +$state"
done
id=$("$program" devices | awk '/WAND1/ { print $1 }')

kill $wand
check "unplugged, it is lost" eventually shows '^'"$id"' .* WAND1 .* lost'
check "and its reason" prints "$work/watch.log" 'WAND1 +lost: unplugged'
plug usb htc-vive-wand WAND1
wand=$plugged
check "plugged in again, it is the same" eventually shows '^'"$id"' .* WAND1 .* streaming'

# Two devices without distinct serial numbers are distinguished by port.
plug usb relativty ''
plug usb relativty '' --seed 2
check "two of one model without serial numbers are two" eventually counts 2 'Relativty .* streaming'
plug usb oculus-dk2 SAME
plug usb oculus-dk2 OTHER
check "two of one model with serial numbers are two" eventually counts 2 'Oculus Rift DK2 .* streaming'

# Interfaces in any order: unbind the driver from all of them, bind it in reverse.
node=$(grep -l WAND1 /sys/bus/usb/devices/*/serial | xargs dirname | xargs basename)
for interface in 0 1 2; do echo "$node:1.$interface" >/sys/bus/usb/drivers/usbhid/unbind; done
check "without a driver it is lost" eventually shows 'WAND1 .* lost'
for interface in 2 1 0; do echo "$node:1.$interface" >/sys/bus/usb/drivers/usbhid/bind; done
check "it comes back when interfaces come in reverse order" eventually shows '^'"$id"' .* WAND1 .* streaming'
check "as one device" counts 1 'HTC Vive controller'

"$program" watch --json --count 200 >"$work/poses" 2>"$work/poses.log" || fail "no poses"
check "poses come from all of them" test "$(grep -o '"device":"[^"]*"' "$work/poses" | sort -u | wc -l)" -ge 4
passed
