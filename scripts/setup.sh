#!/bin/sh
# setup.sh PACKAGE...   Checks the Swift toolchain and installs missing Debian packages. Prints each
# step and, if a package is not available, the remedy.
set -eu

fail() {
  echo "vrbridge: $*" >&2
  exit 1
}

command -v swift >/dev/null 2>&1 || fail "no Swift toolchain is on the PATH; install Swift 6.2 or later from https://swift.org/install/linux"
version=$(swift --version 2>/dev/null | sed -n 's/.*Swift version \([0-9]*\.[0-9]*\).*/\1/p' | head -n 1)
case "$version" in
  [0-9]*.[0-9]*) ;;
  *) fail "'swift --version' does not say which version it is; Swift 6.2 or later is needed" ;;
esac
major=${version%%.*}
minor=${version#*.}
if [ "$major" -lt 6 ] || { [ "$major" -eq 6 ] && [ "$minor" -lt 2 ]; }; then
  fail "Swift $version is too old; Swift 6.2 or later is needed: https://swift.org/install/linux"
fi

if ! command -v dpkg-query >/dev/null 2>&1; then
  echo "vrbridge: not a Debian system; make sure that the equivalents of these are installed: $*" >&2
  exit 0
fi
missing=
for package in "$@"; do
  status=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
  [ "$status" = installed ] || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

if [ "$(id -u)" -eq 0 ]; then
  as_root=
elif command -v sudo >/dev/null 2>&1 && { sudo -n true 2>/dev/null || [ -t 0 ]; }; then
  as_root=sudo
else
  fail "these packages are missing and installing them needs root; run: sudo apt-get install$missing"
fi
echo "vrbridge: installing$missing"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
install_packages() {
  # shellcheck disable=SC2086  # a list of names
  $as_root env DEBIAN_FRONTEND=noninteractive \
    apt-get -o DPkg::Lock::Timeout=300 install -y --no-install-recommends $missing >"$log" 2>&1
}
# A machine without package lists finds no packages.
install_packages || { $as_root apt-get -o DPkg::Lock::Timeout=300 update >"$log" 2>&1 && install_packages; } || {
  tail -n 5 "$log" >&2
  fail "the packages could not be installed:$missing"
}
