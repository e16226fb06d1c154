#!/usr/bin/env bash
# test.sh   Runs all tests of a finished debug build, in two groups at the same time: tests of services, whose timing
# matters, and with a lower priority those that only compute. Within a group tests run one after the other. A test of a
# service that fails beside the other group is repeated alone, and counts as failed only if it fails again.
#
# Root is permitted everything, which hides missing permissions. Where root runs the tests, those of services therefore
# run as `nobody`, and after them, as root, the tests that nobody skipped with "needs root".
set -euo pipefail
services='(BridgeTests|CommandTests|DashboardTests|FoxgloveServerTests|HTTPServerTests|InferenceClientsTests|InteropTests|ModelServiceTests)[.]'
bundle=.build/debug/vrbridgePackageTests.xctest
[ -x "$bundle" ] || { echo "test.sh: $bundle is missing; run: make build-tests" >&2; exit 1; }
# Marks of the runner are searched for below; colors would separate them from their texts.
export NO_COLOR=1
run() { "$bundle" --testing-library swift-testing --no-parallel --filter "$1"; }

logs=$(mktemp -d)
trap 'rm -rf "$logs"' EXIT
run_unprivileged() { run "$1"; }
if [ "$(id -u)" -eq 0 ]; then
  home=$logs/home
  mkdir -p "$home/run"
  chmod 711 "$logs"
  chmod 700 "$home" "$home/run"
  chown -R nobody "$home"
  nobody() {
    setpriv --reuid nobody --regid nogroup --clear-groups \
      env HOME="$home" XDG_RUNTIME_DIR="$home/run" XDG_CONFIG_HOME= XDG_STATE_HOME= XDG_CACHE_HOME= XDG_DATA_HOME= "$@"
  }
  nobody test -x "$PWD/$bundle" || { echo "test.sh: 'nobody' cannot read $PWD; use a folder that others can enter" >&2; exit 1; }
  run_unprivileged() { nobody "$bundle" --testing-library swift-testing --no-parallel --filter "$1"; }
fi

nice -n 15 "$bundle" --testing-library swift-testing --no-parallel --filter "^(?!$services)" >"$logs/computation" 2>&1 &
computation=$!
status=0
run_unprivileged "^$services" 2>&1 | tee "$logs/services" || status=$?
failed=0
wait "$computation" || failed=$?
echo
echo "Tests that only compute, run beside the above:"
cat "$logs/computation"
# A group without tests is a wrong pattern, not a success.
for group in services computation; do
  grep -aqE 'Test run with [1-9][0-9]* tests?' "$logs/$group" || failed=1
done

# Test names of the lines on standard input, as alternatives of a pattern.
names() { sed -nE 's/.* Test ([A-Za-z0-9_]+)\(.*\) .*/\1/p' | sort -u | paste -sd'|'; }
if [ "$(id -u)" -eq 0 ]; then
  rooted=$(grep -aE 'skipped: "needs root' "$logs/services" | names)
  [ -n "$rooted" ] || { echo "test.sh: no test of a service needs root; the pattern is wrong" >&2; failed=1; }
  echo
  echo "As root: $rooted"
  run "^$services.*/($rooted)\\(" 2>&1 | tee "$logs/root" || failed=$?
  grep -aqE 'Test run with [1-9][0-9]* tests?' "$logs/root" || failed=1
fi
if [ "$status" -ne 0 ]; then
  again=$(grep -aE '✘ Test .* failed after' "$logs/services" | names)
  [ -n "$again" ] || exit "$status"
  echo
  echo "Repeated alone: $again"
  status=0
  run_unprivileged "^$services.*/($again)\\(" 2>&1 | tee "$logs/repeated" || status=$?
  grep -aqE 'Test run with [1-9][0-9]* tests?' "$logs/repeated" || status=1
fi
[ "$status" -ne 0 ] || status=$failed
# The runner's line of the deciding run stays the last.
deciding=$logs/services
[ ! -e "$logs/repeated" ] || deciding=$logs/repeated
grep -aE 'Test run with' "$deciding" | tail -n 1
exit "$status"
