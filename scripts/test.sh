#!/usr/bin/env bash
# test.sh   Runs all tests of a finished debug build, in two groups at the same time: tests of services, whose timing
# matters, and with a lower priority those that only compute. Within a group tests run one after the other. A test of a
# service that fails beside the other group is repeated alone, and counts as failed only if it fails again.
set -euo pipefail
services='(BridgeTests|CommandTests|DashboardTests|FoxgloveServerTests|HTTPServerTests|InferenceClientsTests|InteropTests|ModelServiceTests)[.]'
run() { swift test --skip-build --disable-xctest --no-parallel --ignore-lock --filter "$1"; }

logs=$(mktemp -d)
trap 'rm -rf "$logs"' EXIT
nice -n 15 "$BASH" -c "$(declare -f run); run '^(?!$services)'" >"$logs/computation" 2>&1 &
computation=$!
status=0
run "^$services" 2>&1 | tee "$logs/services" || status=$?
failed=0
wait "$computation" || failed=$?
echo
echo "Tests that only compute, run beside the above:"
cat "$logs/computation"
# A group without tests is a wrong pattern, not a success.
for group in services computation; do
  grep -aqE 'Test run with [1-9][0-9]* tests?' "$logs/$group" || failed=1
done
if [ "$status" -ne 0 ]; then
  names=$(sed -nE 's/.*✘ Test ([A-Za-z0-9_]+)\(.*\) .*failed after .*/\1/p' "$logs/services" | sort -u | paste -sd'|')
  [ -n "$names" ] || exit "$status"
  echo
  echo "Repeated alone: $names"
  status=0
  run "^$services.*/($names)\\(" 2>&1 | tee "$logs/repeated" || status=$?
  grep -aqE 'Test run with [1-9][0-9]* tests?' "$logs/repeated" || status=1
fi
[ "$status" -ne 0 ] || status=$failed
exit "$status"
