#!/bin/sh
# servers.sh FOLDER REQUIREMENTS   Creates an environment of Debian's Python with other projects' servers and clients for tests.
# If it cannot be created (another Python, another processor, no network), it reports this, and the tests that need it
# are skipped by name.
set -eu
folder=$1
requirements=$2
stamp="$folder/$(sha256sum "$requirements" | cut -c 1-16)"
[ -e "$stamp" ] && exit 0
case $(/usr/bin/python3 --version 2>/dev/null)-$(uname -m) in
  "Python 3.11."*-x86_64) ;;
  *)
    echo "vrbridge: nothing of $requirements for tests: that needs Debian 12's Python 3.11 on x86-64" >&2
    exit 0
    ;;
esac
echo "vrbridge: making an environment of $requirements for tests"
rm -rf "$folder"
/usr/bin/python3 -m venv "$folder"
"$folder/bin/pip" install --quiet --disable-pip-version-check --no-deps --require-hashes -r "$requirements" || {
  echo "vrbridge: the packages of $requirements could not be installed; tests that need them are skipped" >&2
  exit 0
}
touch "$stamp"
