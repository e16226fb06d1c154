#!/usr/bin/env bash
# Renders the API documentation of the library BridgeClient as a static web site. Needs only the Swift toolchain.
#
#     scripts/docc.sh OUTPUT                       builds the library, checks the code of the articles, writes OUTPUT
#     scripts/docc.sh --modules FOLDER OUTPUT      uses modules that are built, such as .build/debug
#
# View it with: python3 -m http.server -d OUTPUT, address /documentation/bridgeclient
set -euo pipefail
cd "$(dirname "$0")/.."
export LC_ALL=C

usage() {
  sed -n '2,7s/^# \{0,1\}//p' "$0"
  exit 64
}

build=
if [ "${1:-}" = --modules ]; then
  [ $# -ge 2 ] || usage
  build=$2
  shift 2
fi
if [ $# -ne 1 ] || [ "${1#-}" != "$1" ]; then usage; fi
output=$1

# The tools of the toolchain that `swift` belongs to.
tools=$(dirname "$(readlink -f "$(command -v swift)")")
for tool in docc swift-symbolgraph-extract swiftc; do
  [ -x "$tools/$tool" ] || {
    echo "docc.sh: $tools has no $tool; install a complete Swift toolchain" >&2
    exit 1
  }
done

if [ -z "$build" ]; then
  # The order of trait flags as `make` fixes it; another order builds all dependencies again.
  export SWIFT_DETERMINISTIC_HASHING=1
  swift build --target BridgeClient
  build=$(swift build --show-bin-path)
fi
[ -e "$build/Modules/BridgeClient.swiftmodule" ] || {
  echo "docc.sh: $build/Modules has no BridgeClient.swiftmodule; build it: swift build --target BridgeClient" >&2
  exit 1
}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
target=$("$tools/swiftc" -print-target-info | sed -n 's/.*"unversionedTriple" *: *"\([^"]*\)".*/\1/p' | head -n 1)
options=(-I "$build/Modules" -module-cache-path "$work/cache" -target "$target")
for module in CLinux CVRBridge; do options+=(-Xcc "-fmodule-map-file=$build/$module.build/module.modulemap"); done

mkdir "$work/graph"
"$tools/swift-symbolgraph-extract" -module-name BridgeClient -minimum-access-level public -skip-synthesized-members \
  "${options[@]}" -output-dir "$work/graph"

# Every Swift block of the articles is a program that compiles.
catalogue=Sources/BridgeClient/BridgeClient.docc
count=0
for article in "$catalogue"/*.md; do
  mkdir "$work/code"
  awk -v folder="$work/code" '/^```swift$/ { file = folder "/" ++n ".swift"; next } /^```$/ { file = "" } file { print > file }' "$article"
  for code in "$work/code"/*.swift; do
    [ -e "$code" ] || continue
    "$tools/swiftc" -typecheck -swift-version 6 -warnings-as-errors -enable-upcoming-feature MemberImportVisibility \
      "${options[@]}" "$code" || {
      echo "docc.sh: a Swift block of $article does not compile" >&2
      exit 1
    }
    count=$((count + 1))
  done
  rm -r "$work/code"
done
[ "$count" -gt 0 ] || {
  echo "docc.sh: the articles in $catalogue have no Swift block" >&2
  exit 1
}

"$tools/docc" convert "$catalogue" --additional-symbol-graph-dir "$work/graph" --output-path "$work/site" \
  --fallback-display-name BridgeClient --fallback-bundle-identifier vrbridge.BridgeClient \
  --fallback-default-module-kind Library --warnings-as-errors
[ -e "$work/site/data/documentation/bridgeclient.json" ] || {
  echo "docc.sh: docc wrote no page of BridgeClient" >&2
  exit 1
}
# Without the toolchain's HTML template docc writes data for other renderers only.
[ -e "$work/site/index.html" ] || echo "docc.sh: $tools/../share/docc has no HTML template; the pages are JSON only" >&2
mkdir -p "$output"
cp -r "$work/site/." "$output"
echo "docc.sh: $output holds the documentation of BridgeClient; $count programs of its articles compile"
