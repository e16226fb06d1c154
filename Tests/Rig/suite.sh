#!/bin/bash
# suite.sh PROGRAM [NAME...]   Runs the scenarios, or those whose names contain one of the words, in this kernel.
# Needs root and a kernel that may be played with: Tests/Rig/run.sh gives one.
set -u
program=$(realpath "$1")
export program
shift
here=$(dirname "$(realpath "$0")")
failed=0
ran=0
for scenario in "$here"/scenarios/*.sh; do
  if [ $# -gt 0 ]; then
    wanted=0
    for word in "$@"; do case $(basename "$scenario") in *"$word"*) wanted=1 ;; esac; done
    [ $wanted = 1 ] || continue
  fi
  ran=$((ran + 1))
  bash "$scenario" || failed=$((failed + 1))
done
echo "rig: $ran scenarios, $failed failed"
[ $failed = 0 ] && [ $ran -gt 0 ]
