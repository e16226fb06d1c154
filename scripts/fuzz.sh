#!/bin/sh
# fuzz.sh SECONDS   Runs every fuzz target for that time. New inputs stay in .build-fuzz/corpus; an input that breaks a
# parser is stored in Tests/Fixtures/fuzz/TARGET, where the test suite reads it from then on.
set -eu
seconds=$1
binary=.build-fuzz/release/vrbridge-fuzz
for target in decoder description recording report-descriptor lighthouse configuration frame-request frames table mat calibration \
  mcap session capture datagram vrpn foxglove upload confined picture manifest inference movement speech placement state; do
  corpus=.build-fuzz/corpus/$target
  found=Tests/Fixtures/fuzz/$target
  mkdir -p "$corpus"
  seeds=$found
  [ -d "$seeds" ] || seeds=
  [ "$target" != description ] || seeds="$seeds devices"
  [ "$target" != calibration ] || seeds="$seeds calibration"
  log=.build-fuzz/$target.log
  # shellcheck disable=SC2086  # a list of folders
  if FUZZ_TARGET=$target "$binary" -max_total_time="$seconds" -max_len=8192 -timeout=10 -rss_limit_mb=1024 \
    -artifact_prefix=".build-fuzz/$target-" "$corpus" $seeds >"$log" 2>&1; then
    echo "fuzz $target: $(find "$corpus" -type f | wc -l) inputs kept, $(sed -n 's/^#\([0-9]*\).*DONE.*/\1/p' "$log") runs, nothing found"
  else
    mkdir -p "$found"
    for input in .build-fuzz/"$target"-*; do [ ! -f "$input" ] || mv "$input" "$found/"; done
    tail -n 30 "$log" >&2
    echo "fuzz $target: FOUND something, see $found" >&2
    exit 1
  fi
done
