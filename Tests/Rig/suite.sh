#!/bin/bash
# suite.sh PROGRAM [NAME...]   Runs the scenarios, or those whose names contain one of the words, in this kernel.
# Needs root and a disposable kernel: Tests/Rig/run.sh provides one.
set -u
program=$(realpath "$1")
export program
shift
here=$(dirname "$(realpath "$0")")
failed=()
ran=0
lost=0
# No scenario takes longer than this; a hanging one is ended and reported, and the others continue.
limit=${RIG_SCENARIO_SECONDS:-300}
for scenario in "$here"/scenarios/*.sh; do
  if [ $# -gt 0 ]; then
    wanted=0
    for word in "$@"; do case $(basename "$scenario") in *"$word"*) wanted=1 ;; esac; done
    [ $wanted = 1 ] || continue
  fi
  ran=$((ran + 1))
  tries=0
  # With other load on the machine, checks of time may fail once: RIG_RETRIES is the number of retries.
  echo "rig: $(basename "$scenario" .sh) begins at $SECONDS s"
  until timeout -k 20 "$limit" bash "$scenario" 2> >(tee /tmp/rig-errors >&2); do
    [ $? != 124 ] || echo "$(basename "$scenario" .sh): FAILED: not done after $limit s" | tee -a /tmp/rig-errors >&2
    tries=$((tries + 1))
    failed+=("$(basename "$scenario" .sh), try $tries: $(grep -m 1 'FAILED' /tmp/rig-errors)")
    [ $tries -le "${RIG_RETRIES:-0}" ] || break
  done
  if [ $tries -gt "${RIG_RETRIES:-0}" ]; then lost=$((lost + 1)); fi
done
for line in "${failed[@]}"; do echo "rig: $line"; done
echo "rig: $ran scenarios, $lost failed"
[ $lost = 0 ] && [ $ran -gt 0 ]
