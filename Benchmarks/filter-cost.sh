#!/usr/bin/env bash
# What one update of the orientation filter costs beside VQF's: nanoseconds in interleaved rounds of one run, and
# instructions (when valgrind is there). VQF's C++ comes from its package of that version and is compiled here with
# the Swift toolchain's clang, so that both come from the same compiler.
set -euo pipefail
cd "$(dirname "$0")/.."
version=2.1.2
digest=fb035248ebeccc16897476c7afca5e912f3ad77f0faebd16ff4d5f94b44c614b

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m pip install --quiet --disable-pip-version-check --root-user-action=ignore --no-deps --target "$work/peer" "vqf==$version"
echo "$digest  $work/peer/vqf/cpp/vqf.cpp" | sha256sum --check --quiet
compiler=$(command -v clang++ || true)
[ -n "$compiler" ] || compiler="$(dirname "$(readlink -f "$(command -v swift)")")/clang++"
"$compiler" -O3 -std=c++17 -I"$work/peer/vqf/cpp" Benchmarks/Peers/vqf_cost.cpp "$work/peer/vqf/cpp/vqf.cpp" -o "$work/vqf"
bench=.build/release/vrbridge-eval
[ -x "$bench" ] || { echo "build first: make bench" >&2; exit 1; }
"$bench" performance filter-input "$work/samples"

ours=1e9 theirs=1e9
for _ in 1 2 3 4 5 6 7 8; do
  theirs=$(printf '%s\n%s\n' "$theirs" "$("$work/vqf" "$work/samples" 20000 10 | cut -d' ' -f1)" | sort -g | head -n 1)
  ours=$(printf '%s\n%s\n' "$ours" "$("$bench" performance filter "$work/samples" 20000 10 | cut -d' ' -f1)" | sort -g | head -n 1)
done
awk -v a="$ours" -v b="$theirs" 'BEGIN { printf "time a 9D update: vrbridge %.0f ns, VQF %.0f ns, ratio %.2f (goal 0.5)\n", a, b, a / b }'

"$bench" performance queries

command -v valgrind >/dev/null || { echo "instructions: valgrind is not installed"; exit 0; }
count() { # program...: instructions of 20,000 updates over those of none
  local many none
  many=$(valgrind --tool=callgrind --callgrind-out-file=/dev/null "$@" 20000 1 2>&1 >/dev/null | sed -n 's/.*Collected : //p')
  none=$(valgrind --tool=callgrind --callgrind-out-file=/dev/null "$@" 0 1 2>&1 >/dev/null | sed -n 's/.*Collected : //p')
  echo $(((many - none) / 20000))
}
# valgrind stumbles over the debug information of newer compilers.
strip -o "$work/bench" "$bench"
echo "instructions a 9D update: vrbridge $(count "$work/bench" performance filter "$work/samples") (goal 1200), VQF $(count "$work/vqf" "$work/samples")"
