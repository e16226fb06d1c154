#!/usr/bin/env bash
# sanitize.sh address|thread [all]   Builds test targets with a sanitizer, in a folder of their own, and runs their suites.
# `all` adds the suites of services, which need swift-nio and Hummingbird and take several times as long to build, replays of
# whole sessions and real captures.
#
# Left out are suites that start the programs, that need models or Python's libraries, and tests that measure memory or the
# time of code without instrumentation. Exit status 99: a sanitizer found an error.
set -euo pipefail
cd "$(dirname "$0")/.."

kind=${1:-}
# C shims, decoders, containers, rings of the tracking pipeline, model files, limits of clients.
targets="AdmissionTests BridgeProtocolTests CamerasTests CryptographyTests DevicesTests InferenceTests MCAPTests SessionLogTests
  SpatialTests StrictYAMLTests TrackingPipelineTests"
[ "${2:-}" != all ] || targets+=" DashboardTests FoxgloveServerTests HTTPServerTests InteropTests SessionToolsTests TrackingTests"

case $kind in
  address)
    folder=.build-asan
    # Leaks: Swift's runtime keeps metadata for the life of the process; its allocations are named in the file.
    export ASAN_OPTIONS=detect_leaks=1:halt_on_error=1:exitcode=99
    export LSAN_OPTIONS=suppressions=$PWD/scripts/sanitize-leaks.txt:print_suppressions=0
    ;;
  thread)
    folder=.build-tsan
    export TSAN_OPTIONS=suppressions=$PWD/scripts/sanitize-threads.txt:halt_on_error=0:exitcode=99:second_deadlock_stack=1
    ;;
  *)
    echo "usage: sanitize.sh address|thread [all]" >&2
    exit 64
    ;;
esac
# Tests that measure this process, whose memory, mappings and time are those of the sanitizer.
skipped='SeparateEngineTests|LoopCostTests|RecordingBombTests|PictureBombTests|FloodTests|memoryIsReleased|indexesOfALongRecordingAreNotInMemory|[pP]ython'
skipped+='|memoryStaysMappedWhileAFrameIsRead|mappingsEndWithTheirRings'
if [ "${2:-}" != all ]; then
  skipped+='|EmulatedTruthTests|EstimatorReplayTests|wornIsWhatTheHeadsetSays|aFileThatIsCutAnywhereGivesEveryWholeChunk'
  unset VRBRIDGE_CORPUS
fi

scratch=${VRBRIDGE_SANITIZER_BUILD:-$folder}
started=$SECONDS
VRBRIDGE_TEST_TARGETS=$(echo $targets) SWIFT_DETERMINISTIC_HASHING=1 \
  swift build --build-tests --sanitize="$kind" --scratch-path "$scratch" ${VRBRIDGE_BUILD_JOBS:+--jobs "$VRBRIDGE_BUILD_JOBS"}
echo "sanitize: built in $((SECONDS - started)) s"

log=$(mktemp)
trap 'rm -f "$log"' EXIT
status=0
NO_COLOR=1 timeout 1500 "$scratch/debug/vrbridgePackageTests.xctest" --testing-library swift-testing --no-parallel \
  --skip "$skipped" >"$log" 2>&1 || status=$?
grep -aE '✘|recorded an issue|(ERROR|WARNING|SUMMARY): |Test run with' "$log" | sort -u | tail -n 60 || true
if grep -aqE '(ERROR|WARNING): (Address|Leak|Thread)Sanitizer' "$log"; then
  grep -aE -A 40 '(ERROR|WARNING): (Address|Leak|Thread)Sanitizer' "$log" | head -n 200
  exit 99
fi
# A run without tests is a wrong list, not a success.
grep -aqE 'Test run with [1-9][0-9]* tests?' "$log" || { tail -n 40 "$log"; exit 1; }
exit "$status"
