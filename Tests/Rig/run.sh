#!/bin/bash
# run.sh [-t SECONDS] [-k] COMMAND   Runs a shell command as root under the rig's kernel.
#
# The guest has the host's files, read-only, under a layer of memory: its changes are lost afterwards, except those
# below $OUT (a folder of the host, by default a temporary one; set OUT to keep it). It has udev, loopback, one
# processor, and no device until the command connects one. -k prints the kernel's log too.
# Exit code: the command's; 124 time limit; 125 the rig failed; 77 this machine cannot run a rig.
set -uo pipefail
limit=300
show_log=0
while getopts 't:k' option; do
  case $option in
    t) limit=$OPTARG ;;
    k) show_log=1 ;;
    *) sed -n 2,8p "$0" >&2; exit 2 ;;
  esac
done
shift $((OPTIND - 1))
[ $# = 1 ] || { sed -n 2,8p "$0" >&2; exit 2; }
here=$(dirname "$(realpath "$0")")
kernel=$("$here/kernel.sh") || exit $?

rig=$(mktemp -d "${TMPDIR:-/tmp}/vrbridge-rig.XXXXXX")
out=${OUT:-$rig/out}
mkdir -p "$out"
out=$(realpath "$out")
# The kernel's stub processes outlive it when it is killed; program and this run's init identify them.
stop_guest() {
  local process
  # The kernel first: a kernel whose stubs die before it panics, and logs this.
  [ -z "${guest:-}" ] || kill -9 "$guest" 2>/dev/null
  for process in /proc/[0-9]*; do
    [ "$(readlink "$process/exe" 2>/dev/null)" = "$kernel" ] || continue
    tr '\0' ' ' 2>/dev/null <"$process/cmdline" | grep -qF "init=$rig/init " && kill -9 "${process#/proc/}" 2>/dev/null
  done
}
trap 'stop_guest; rm -rf "$rig"' EXIT
trap 'exit 143' TERM
trap 'exit 130' INT

printf '%s\n' "$1" >"$rig/command"
{
  for name in HOME LANG PATH CI VRBRIDGE_CORPUS RIG_PATIENCE RIG_RETRIES RIG_SCENARIO_SECONDS STORM_CYCLES SOAK_SECONDS SOAK_RATE; do
    [ -z "${!name:-}" ] || printf 'export %s=%q\n' "$name" "${!name}"
  done
  printf 'export OUT=%q IN_RIG=1\ncd %q\n' "$out" "$PWD"
} >"$rig/environment"
{
  printf '#!/bin/bash\nrig=%q out=%q\n' "$rig" "$out"
  cat "$here/guest.sh"
} >"$rig/init"
chmod +x "$rig/init"

# Console 0 carries the command's output, serial line 1 the kernel's log.
mkfifo "$rig/console"
cat "$rig/console" &
printer=$!
exec 6>"$rig/console" 7>"$rig/kernel.log"
# Kernel and guest processes are processes of the host that hand over to each other at each system call. On one
# processor that costs a quarter of what waking another one does.
core=$(taskset -pc $$ | sed 's/.*[:,-] *//')
TMPDIR=/dev/shm setsid taskset -c "$core" "$kernel" mem=2048M rootfstype=hostfs rootflags=/ ro init="$rig/init" \
  con=null con0=null,fd:6 ssl=null ssl1=null,fd:7 console=ttyS1 quiet loglevel=6 panic=-1 \
  vivid.n_devs=1 vivid.node_types=0x1 </dev/null >"$rig/uml.log" 2>&1 &
guest=$!
exec 6>&- 7>&-
end=$((SECONDS + limit))
late=0
while kill -0 $guest 2>/dev/null; do
  [ $SECONDS -lt $end ] || { late=1; stop_guest; break; }
  sleep 0.05
done
wait $guest 2>/dev/null
stop_guest
wait $printer
[ $show_log = 0 ] || tr -d '\r' <"$rig/kernel.log" >&2
if [ -s "$rig/status" ]; then exit "$(cat "$rig/status")"; fi
{
  tail -n 30 "$rig/kernel.log" "$rig/uml.log" | tr -d '\r'
  if [ $late = 1 ]; then echo "rig: not done after $limit s"; else echo "rig: the guest ended without a result"; fi
} >&2
[ $late = 0 ] || exit 124
exit 125
