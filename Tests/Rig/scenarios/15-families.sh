#!/bin/bash
# Many families at once: by USB, uhid, libusb and UDP.
. "$(dirname "$0")/../scenario.sh"

start_bridge --slimevr 127.0.0.1:6969
number=0
# The guest has one processor: rates are reduced.
for family in oculus-dk1 oculus-dk2 oculus-cv1 relativty htc-vive htc-vive-wand htc-vive-tracker valve-index sony-psvr \
  xreal-air sony-dualsense sony-dualshock4 rokid; do
  number=$((number + 1))
  plug usb $family "a4:53:85:00:01:0$(printf %x $number)" --rate 60
done
plug uhid microsoft-wmr WMR --rate 60
plug uhid android-head-tracker ANDROID --rate 30
"$program" emulate slimevr --udp 127.0.0.1:6969 --serial 02:00:00:00:00:08 --rate 30 >"$work/tracker.log" 2>&1 &
pids+=($!)
check "a tracker of the network waits to be paired" eventually shows 'SlimeVR tracker .* blocked'
"$program" pair slimevr >"$work/pair.log" 2>&1
check "and is let in" test $? = 0
all() { [ "$(number ' hardware +streaming')" -ge 16 ]; }
check "sixteen families stream at once" eventually all
"$program" devices
check "each has a number of its own" test "$("$program" devices | awk '/hardware/ { print $1 }' | sort -u | wc -l)" -ge 16
check "one of them is the head" counts 1 '^[0-9]+ +head '
passed
