# Common start of all scenarios: `. Tests/Rig/scenario.sh`, with the program's path in $program.
#
# A scenario is a script that connects devices to the guest's kernel and checks the consequences. It ends with `passed`.
set -u
scenario=$(basename "$0" .sh)
work=$(mktemp -d)
# Readable without privileges.
chmod 0755 "$work"
export VRBRIDGE_SOCKET=$work/s HOME=$work XDG_CONFIG_HOME=$work XDG_STATE_HOME=$work TERM=dumb
checks=0
# Factor for time limits on a machine with other load.
patience=${RIG_PATIENCE:-1}
pids=()
trap 'kill "${pids[@]}" 2>/dev/null; wait 2>/dev/null; rm -rf "$work"' EXIT

# Rules of an earlier scenario do not apply to this one. (Outside the rig they are the user's.)
if [ -n "${IN_RIG:-}" ] && [ -e /etc/udev/rules.d/70-vrbridge.rules ]; then
  rm /etc/udev/rules.d/70-vrbridge.rules
  udevadm control --reload
fi

fail() {
  echo "$scenario: FAILED: $*" >&2
  for log in "$work"/*.log; do echo "--- $log" >&2; tail -n 25 "$log" >&2; done
  "$program" devices >&2
  [ -z "${IN_RIG:-}" ] || dmesg | tail -n 15 >&2
  exit 1
}
# check DESCRIPTION COMMAND...: the command must succeed
check() {
  local what=$1
  shift
  "$@" || fail "$what"
  checks=$((checks + 1))
}
# tries for twenty seconds
eventually() {
  local end=$((SECONDS + 20 * patience))
  while [ $SECONDS -lt $end ]; do
    "$@" && return 0
    sleep 0.1
  done
  return 1
}
shows() { "$program" devices | grep -Eq "$1"; }
prints() { grep -Eq "$2" "$1"; }
number() { "$program" devices | grep -Ec "$1"; }
counts() { [ "$(number "$2")" = "$1" ]; }
# plug uhid|usb FAMILY SERIAL [OPTION...]: leaves the emulator's process in $plugged
plug() {
  local way=$1 family=$2 serial=$3
  shift 3
  "$program" emulate "$family" "--$way" --serial "$serial" "$@" >"$work/$serial.log" 2>&1 &
  pids+=($!)
  plugged=$!
}
# Starts the bridge, with options; leaves its process in $bridge
start_bridge() {
  "$program" run "$@" >"$work/bridge.log" 2>&1 &
  bridge=$!
  pids+=($bridge)
  eventually test -S "$VRBRIDGE_SOCKET" || fail "the bridge did not start"
}
passed() { echo "$scenario: $checks checks passed (${SECONDS} s)"; }
