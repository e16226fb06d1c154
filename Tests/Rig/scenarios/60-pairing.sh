#!/bin/bash
# Pairing with BlueZ as simulated by python-dbusmock, with emulated pads over USB and Bluetooth.
. "$(dirname "$0")/../scenario.sh"

# Remains of an earlier try.
rm -f /run/dbus/system_bus_socket /etc/dbus-1/system.d/vrbridge-rig.conf /etc/bluetooth/input.conf

own=a4:53:85:00:00:01
host=11:22:33:44:55:66
json() { grep -q "\"state\":\"$2\",\"step\":\"$1\"" "$work/pair.log"; }
pair() {
  : >"$work/pair.log"
  "$program" pair "$@" --json --timeout 40 >"$work/pair.log" 2>&1 &
  pairing=$!
  pids+=($pairing)
}

pair sony-dualsense
wait $pairing
check "without a bus it fails" test $? = 2
check "and states the cause" grep -q 'bus can.t be reached' "$work/pair.log"

mkdir -p /run/dbus
dbus-daemon --system --nofork --nopidfile &
pids+=($!)
eventually dbus-send --system --print-reply --dest=org.freedesktop.DBus / org.freedesktop.DBus.GetId >/dev/null 2>&1 \
  || fail "no D-Bus"
# /etc is the guest's: the mock may own the name here.
cat >/etc/dbus-1/system.d/vrbridge-rig.conf <<'X'
<busconfig><policy user="root"><allow own="org.bluez"/><allow send_destination="*"/></policy></busconfig>
X
dbus-send --system --type=method_call --dest=org.freedesktop.DBus / org.freedesktop.DBus.ReloadConfig
pair sony-dualsense
wait $pairing
check "without BlueZ it prints the service to start" grep -q 'systemctl enable --now bluetooth' "$work/pair.log"

/usr/bin/python3 -m dbusmock --system --template bluez5 >"$work/bluez.log" 2>&1 &
pids+=($!)
mock() { # mock MEMBER ARGUMENT...
  local member=$1
  shift
  dbus-send --system --print-reply --dest=org.bluez / "org.bluez.Mock.$member" "$@" >>"$work/mock.log" 2>&1
}
eventually mock AddAdapter string:hci0 string:rig || fail "the mock does not answer"
host=$(dbus-send --system --print-reply=literal --dest=org.bluez /org/bluez/hci0 org.freedesktop.DBus.Properties.Get \
  string:org.bluez.Adapter1 string:Address | awk '{ print tolower($2) }')

# DualShock 4: address over USB, then pairing over Bluetooth.
plug usb sony-dualshock4 $own
cable=$plugged
pair sony-dualshock4
check "the adapter is found" eventually json bluetooth done
check "this machine's address is written to the pad over USB" eventually json address done
check "then it is to be unplugged" eventually json unplug waiting
kill "$cable"
check "which is noticed" eventually json unplug done
check "and it is searched for" eventually json search waiting
mock AddDevice string:hci0 string:"${own^^}" string:"Wireless Controller" || fail "mock"
check "it is paired" eventually json pair done
check "and connected" eventually json connect done
sleep 1
check "that is not enough" kill -0 $pairing
plug uhid sony-dualshock4 $own --part bluetooth
check "its reports end it" eventually json data done
wait $pairing
check "with 0" test $? = 0
check "it is listed" sh -c "'$program' pair --list | grep -q '$own'"
properties=$(dbus-send --system --print-reply --dest=org.bluez "/org/bluez/hci0/dev_$(echo "${own^^}" | tr : _)" \
  org.freedesktop.DBus.Properties.GetAll string:org.bluez.Device1)
check "BlueZ trusts it" sh -c "echo '$properties' | grep -A1 Trusted | grep -q true"
check "BlueZ has paired it" sh -c "echo '$properties' | grep -A1 Paired | grep -q true"
"$program" unpair $own >"$work/unpair.log" 2>&1
check "it can be forgotten" grep -q 'is removed' "$work/unpair.log"
check "and is" sh -c "! '$program' pair --list | grep -q '$own'"

# PlayStation Move: no bond, so BlueZ needs a setting.
pair sony-psmove-zcm1
wait $pairing
check "a missing setting of BlueZ is named" grep -q 'ClassicBondedOnly=false' "$work/pair.log"
mkdir -p /etc/bluetooth
printf '[General]\nClassicBondedOnly=false\n' >/etc/bluetooth/input.conf
move=00:06:f7:00:00:02
plug usb sony-psmove-zcm1 $move --part cable
cable=$plugged
pair sony-psmove-zcm1
check "the Move takes this machine's address" eventually json unplug waiting
kill "$cable"
mock AddDevice string:hci0 string:"${move^^}" string:"Motion Controller"
plug uhid sony-psmove-zcm1 $move --part bluetooth
check "and is paired when its reports arrive" eventually json data done

# A wand and its receiver.
plug usb htc-vive-wand DONGLE --part radio --duration 1
sleep 2
pair htc-vive-wand
check "the receiver is asked for" eventually json receiver waiting
plug usb htc-vive-wand DONGLE --part radio
check "the receiver starts listening" eventually json receiver done
check "the wand's reports end it" eventually json data done

# A network tracker.
start_bridge --slimevr 127.0.0.1:6969
"$program" emulate slimevr --udp 127.0.0.1:6969 --serial 02:00:00:00:00:07 >"$work/tracker.log" 2>&1 &
pids+=($!)
check "a stranger waits" eventually shows 'SlimeVR tracker +02:00:00:00:00:07 +hardware +blocked'
pair slimevr
check "it is let in" eventually json data done
check "and streams" eventually shows 'SlimeVR tracker +02:00:00:00:00:07 +hardware +streaming'
"$program" unpair 02:00:00:00:00:07 >"$work/unpair.log" 2>&1
check "it can be forgotten too" grep -q 'is removed' "$work/unpair.log"
passed
