#!/bin/bash
# test-deb.sh   Installs, runs, upgrades and removes the packages of .build/deb in a clean Debian 12, and runs the shell blocks
# of README and tutorials there (scripts/test-newcomer.sh).
# A systemd of that Debian starts the service, if the machine allows to boot one in namespaces.
#
# Exit status 77 without root, debootstrap or a mirror.
set -euo pipefail
[ "$(id -u)" -eq 0 ] && command -v debootstrap >/dev/null || exit 77
base=$PWD/.build/rootfs
if [ ! -e "$base/.whole" ]; then
  rm -rf "$base"
  # The mirror of this machine's packages.
  mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' | grep -v security | head -n 1 || true)
  [ -n "$mirror" ] || exit 77
  debootstrap --variant=minbase --include=ca-certificates bookworm "$base" "$mirror" >/dev/null || exit 77
  touch "$base/.whole"
fi
root=$(mktemp -d)
running=
manager=
finish() {
  [ -z "$running" ] || kill "$running" 2>/dev/null || true
  [ -z "$manager" ] || kill -9 "$manager" 2>/dev/null || true
  wait
  umount "$root/proc" "$root/sys" 2>/dev/null || true
  rm -rf --one-file-system "$root"
}
trap finish EXIT
cp -a "$base/." "$root"
# A proxy or mirror of this machine applies to its guests too.
cp -L /etc/resolv.conf "$root/etc/resolv.conf"
[ ! -d /etc/apt/apt.conf.d ] || cp -a /etc/apt/apt.conf.d/. "$root/etc/apt/apt.conf.d/"
mount -t proc proc "$root/proc" 2>/dev/null || mount --bind /proc "$root/proc" || exit 77
checks=0
check() {
  local what=$1
  shift
  if ! "$@" >"$root/last" 2>&1; then
    echo "test-deb: FAILED: $what" >&2
    tail -n 20 "$root/last" "$root/log" >&2 2>/dev/null || true
    [ -z "$manager" ] || inside journalctl --no-pager -n 30 >&2 || true
    exit 1
  fi
  checks=$((checks + 1))
}
within() { env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8 chroot "$root" "$@"; }
eventually() {
  for _ in $(seq 300); do
    "$@" && return 0
    sleep 0.1
  done
  return 1
}
port=$((20000 + RANDOM % 9000))
# A stream has no end: the data of one second counts.
answers() { grep -q "$2" <<<"$(curl -s -m 1 "http://127.0.0.1:$port$1" || true)"; }
# As the unit would: its user, its folders, its configuration.
start() {
  within install -d -o vrbridge -g vrbridge /run/vrbridge /var/lib/vrbridge
  within setpriv --reuid vrbridge --regid vrbridge --init-groups env HOME=/var/lib/vrbridge XDG_STATE_HOME=/var/lib \
    XDG_DATA_HOME=/var/lib CONFIGURATION_DIRECTORY=/etc/vrbridge vrbridge run --socket /run/vrbridge/vrbridge.sock --http "127.0.0.1:$port" >"$root/log" 2>&1 &
  running=$!
}
halt() {
  pkill -TERM -P "$running" 2>/dev/null || kill "$running"
  wait "$running" || true
  running=
}

first=$(ls .build/deb/vrbridge_*.deb | grep -v +next)
second=$(ls .build/deb/vrbridge_*+next_*.deb)
cp "$first" "$root/first.deb"
cp "$second" "$root/second.deb"
cp "$(ls .build/deb/vrbridge-dev_*.deb | grep -v +next)" "$root/dev.deb"
check "the packages of the mirror are listed" within apt-get update -q
check "it installs" within apt-get install -y --no-install-recommends /first.deb
check "the program runs" within vrbridge --version
knows() { grep -q "$1" <<<"$(within vrbridge devices --known)"; }
check "it has its descriptions" knows htc-vive
check "its user is there" within getent passwd vrbridge
check "the unit does not start by itself" test ! -e "$root/etc/systemd/system/multi-user.target.wants/vrbridge.service"
check "the manual has every command" test -f "$root/usr/share/man/man1/vrbridge-models-pull.1.gz"
check "the rules let people have their devices" grep -q uaccess "$root/lib/udev/rules.d/70-vrbridge.rules"
start
check "it is ready" eventually answers /health/ready ready
check "the page is there" answers / '<title>vrbridge'
check "the demonstration is tracked" eventually answers /live '"role":"ROLE_HEAD"'
check "its socket answers" within vrbridge devices
halt
check "it went down in order" grep -qv panic "$root/log"

# The service as shipped, with all restrictions of its unit, under a systemd of its own.
inside() { nsenter -t "$manager" -a env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 "$@"; }
control() { inside systemctl --no-pager "$@"; }
main() { control show -p MainPID --value vrbridge; }
milliseconds() { echo $((($(date +%s%N) - begin) / 1000000)); }
lists() { grep -Eq "$1" <<<"$(inside vrbridge devices 2>/dev/null)"; }
says() { grep -q "$1" <<<"$(inside journalctl --no-pager -u vrbridge "${@:2}")"; }
boot() {
  unshare --pid --fork --kill-child --mount --cgroup --uts --ipc --net scripts/container.sh "$root" >"$root/boot.log" 2>&1 </dev/null &
  local child=$!
  for _ in $(seq 200); do
    manager=$(pgrep -P "$child" || true)
    [ -z "$manager" ] || ! control is-system-running 2>/dev/null | grep -Eq 'running|degraded' || return 0
    kill -0 "$child" 2>/dev/null || break
    sleep 0.1
  done
  manager=
  return 1
}
check "systemd installs" within apt-get install -y --no-install-recommends systemd
umount "$root/proc"
if boot; then
  begin=$(date +%s%N)
  check "the service starts, and says so when it is ready" control start vrbridge
  echo "test-deb: ready after $(milliseconds) ms"
  check "as its own user" test "$(inside stat -c %U "/proc/$(main)")" = vrbridge
  check "its socket is its group's" test "$(inside stat -c '%U %G %a' /run/vrbridge/vrbridge.sock)" = 'vrbridge vrbridge 660'
  check "the demonstration is tracked" eventually lists 'head .* streaming'
  check "who is not in the group is told" grep -q 'add your user to the socket.s group' \
    <<<"$(inside setpriv --reuid 65534 --regid 65534 --clear-groups vrbridge devices 2>&1 || true)"
  check "who is, is answered" inside setpriv --reuid 65534 --regid 65534 --groups "$(inside getent group vrbridge | cut -d: -f3)" \
    vrbridge devices
  check "its page is served" grep -q ready <<<"$(nsenter -t "$manager" -n curl -s -m 2 http://127.0.0.1:8000/health/ready || true)"
  inside vrbridge record /var/lib/vrbridge/recordings/test.mcap >"$root/recording" 2>&1 &
  check "it records where it may" eventually inside test -s /var/lib/vrbridge/recordings/test.mcap
  check "levels are the journal's" says 'demonstration' -p 5..5
  check "nothing is told as an error" test -z "$(inside journalctl --no-pager -q -u vrbridge -p 3)"
  check "it reads its configuration again" control reload vrbridge
  check "and says so" eventually says 'read again'
  first_process=$(main)
  inside kill -9 "$first_process"
  restarted() { local now; now=$(main); [ "$now" != 0 ] && [ "$now" != "$first_process" ] && lists 'head .* streaming'; }
  begin=$(date +%s%N)
  check "killed, it comes back" eventually restarted
  echo "test-deb: killed and streaming again after $(milliseconds) ms"
  check "what was recorded till then can be read" inside vrbridge info /var/lib/vrbridge/recordings/test.mcap
  first_process=$(main)
  check "a process that hangs" inside kill -STOP "$first_process"
  check "is noticed by the watchdog" eventually says 'atchdog'
  check "and streams again" eventually restarted
  begin=$(date +%s%N)
  check "it stops" control stop vrbridge
  took=$(milliseconds)
  echo "test-deb: stopped after $took ms"
  check "within a second" test "$took" -lt 1000
  check "in order" test "$(control show -p Result --value vrbridge)" = success
  check "its socket alone can be started" control start vrbridge.socket
  check "nothing runs yet" test "$(main)" = 0
  check "the first client starts it" eventually lists 'head .* streaming'
  check "which systemd knows" control is-active vrbridge
  rating=$(inside systemd-analyze security --no-pager vrbridge | sed -n 's/.*exposure level[^:]*: \([0-9.]*\).*/\1/p')
  echo "test-deb: systemd-analyze security rates it $rating"
  check "it is confined" awk "BEGIN { exit !($rating <= 1.8) }"
  kill -9 "$manager"
  wait
  manager=
else
  echo "test-deb: skipped: a systemd can't be booted in namespaces here: $(tail -n 1 "$root/boot.log")"
fi
mount -t proc proc "$root/proc" 2>/dev/null || mount --bind /proc "$root/proc"

echo "log: { level: debug }" >>"$root/etc/vrbridge/vrbridge.yaml"
touch "$root/var/lib/vrbridge/kept"
check "it upgrades" within apt-get install -y --no-install-recommends -o Dpkg::Options::=--force-confold /second.deb
check "the configuration stays" grep -q 'level: debug' "$root/etc/vrbridge/vrbridge.yaml"
start
check "it is ready again" eventually answers /health/ready ready
halt
check "headers and examples install" within apt-get install -y --no-install-recommends /dev.deb
check "the headers are where a compiler looks" test -f "$root/usr/include/vrbridge_connection.h" -a -f "$root/usr/include/vrbridge_annotations.h" -a -f "$root/usr/include/vrbridge_frames.h"
check "it is removed" within apt-get remove -y vrbridge vrbridge-dev
check "the program has gone" test ! -e "$root/usr/bin/vrbridge"
check "what is the user's stays" test -e "$root/var/lib/vrbridge/kept"
check "it is purged" within apt-get purge -y vrbridge vrbridge-dev
check "nothing is left" test -z "$(find "$root/etc" "$root/usr" "$root/lib/" "$root/var/lib/vrbridge" -name '*vrbridge*' ! -path '*/systemd/deb-systemd-helper*' 2>/dev/null)"
# Purged, the system is clean again.
status=0
scripts/test-newcomer.sh "$root" "$first" || status=$?
case $status in
  0) checks=$((checks + 1)) ;;
  77) ;;
  *) exit "$status" ;;
esac
echo "test-deb: $checks checks passed ($SECONDS s)"
