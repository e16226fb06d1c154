#!/usr/bin/env python3
"""Chooses the gains of the complementary filter on all trials but one and scores them on the one left out.

    complementary-gains.py PROGRAM FOLDER     PROGRAM: .build/release/vrbridge-eval; FOLDER: trials of BROAD

Prints a table in Markdown: the error of inclination over all trials with the standard gains and cross-validated, and the
worst trial of each. The gains with the least sum of inclination errors, as published and with a bias added, are chosen.
"""

import collections
import itertools
import json
import os
import subprocess
import sys
import tempfile

PROPORTIONAL = [0.1, 0.2, 0.4, 0.7, 1]
INTEGRAL = [0, 0.001, 0.003, 0.008, 0.03, 0.1, 0.3]
STANDARD = (0.4, 0.008)
CONDITIONS = ["published", "bias_3_-2.5_2"]


def errors(program, folder, gains):
    """Inclination errors in degrees by (trial, condition)."""
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        file.write(
            "estimator: complementary\n"
            f"proportional_gain_per_s: {gains[0]}\nintegral_gain_per_s2: {gains[1]}\n")
        file.flush()
        options = [part for condition in CONDITIONS for part in ("--condition", condition)]
        text = subprocess.run(
            [program, "bench", "tracking", "--data", folder, "--config", file.name, "--json", *options],
            check=True, capture_output=True, text=True).stdout
    rows = [json.loads(line) for line in text.splitlines() if line.startswith("{")]
    if not rows:
        sys.exit("complementary-gains.py: no trial was measured; name a folder of BROAD's .mat files")
    return {(row["trial"], row["condition"]): row for row in rows}


def main(arguments):
    if len(arguments) != 2 or not os.path.isdir(arguments[1]):
        print(__doc__, file=sys.stderr)
        return 64
    table = {
        gains: errors(arguments[0], arguments[1], gains) for gains in itertools.product(PROPORTIONAL, INTEGRAL)}
    trials = sorted({trial for trial, _ in table[STANDARD]})

    def total(gains, chosen):
        return sum(table[gains][trial, condition]["6d"]["inclination"] for trial in chosen for condition in CONDITIONS)

    best = {left: min(table, key=lambda gains: total(gains, [t for t in trials if t != left])) for left in trials}
    print("| inclination: mean / worst trial | standard gains | chosen without the trial |\n|---|---|---|")
    for condition in CONDITIONS:
        cells = []
        for gains_of in (lambda _: STANDARD, best.get):
            values = [(table[gains_of(t)][t, condition]["6d"]["inclination"], t) for t in trials]
            cells.append(f"{sum(v for v, _ in values) / len(values):.2f} / {max(values)[0]:.2f} ({max(values)[1][:2]})")
        print(f"| {condition} | {' | '.join(cells)} |")
    counts = collections.Counter(best.values())
    print("\nGains chosen:", ", ".join(f"{gains} for {count} trials" for gains, count in counts.most_common()))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
