#!/bin/sh
# python.sh FOLDER REQUIREMENTS   Creates a Python environment with the packages that the tests use.
set -eu
folder=$1
requirements=$2
stamp="$folder/$(sha256sum "$requirements" | cut -c 1-16)"
[ -e "$stamp" ] && exit 0
echo "vrbridge: making a Python environment for tests"
rm -rf "$folder"
# The system's Python, which every user can read; another one may be in the home folder of one user.
python=/usr/bin/python3
[ -x "$python" ] || python=python3
"$python" -m venv "$folder"
"$folder/bin/pip" install --quiet --disable-pip-version-check --require-hashes -r "$requirements" || {
  echo "vrbridge: the Python packages of $requirements could not be installed; is there a network?" >&2
  exit 1
}
touch "$stamp"
