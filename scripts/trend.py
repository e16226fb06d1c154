#!/usr/bin/env python3
"""trend.py FILE [UNIT]      Prints the slope of a series and its 95 % interval; FILE has a line "hours value" per sample.
trend.py --self-test        Checks the estimate on series of known slope.

The samples are joined to at most twenty blocks in the order of time, each represented by its median: neighbouring samples
of a process's memory depend on one another, and a least-squares fit to all of them would state too narrow an interval.
The slope is the least-squares line's through the blocks; the interval is Student's, from the scatter around the line."""

import random
import statistics
import sys

# Student's t, two-sided 95 %, for 1 to 18 degrees of freedom.
STUDENT = [12.71, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131, 2.120, 2.110, 2.101]
BLOCKS = len(STUDENT) + 2


class Trend:
    """Slope of values over time, with the ends of its 95 % interval; all in the values' unit per unit of time."""

    def __init__(self, times, values):
        count = min(BLOCKS, len(values))
        if count < 3:
            raise ValueError(f"a trend needs three samples; there are {len(values)}")
        bounds = [len(values) * index // count for index in range(count + 1)]
        x = [statistics.fmean(times[a:b]) for a, b in zip(bounds, bounds[1:])]
        y = [statistics.median(values[a:b]) for a, b in zip(bounds, bounds[1:])]
        mean_x, mean_y = statistics.fmean(x), statistics.fmean(y)
        spread = sum((a - mean_x) ** 2 for a in x)
        self.slope = sum((a - mean_x) * (b - mean_y) for a, b in zip(x, y)) / spread
        residual = sum((b - mean_y - self.slope * (a - mean_x)) ** 2 for a, b in zip(x, y))
        margin = STUDENT[count - 3] * (residual / (count - 2) / spread) ** 0.5
        self.low, self.high = self.slope - margin, self.slope + margin

    def text(self, unit):
        return f"{self.slope:+.3f} {unit} (95 %: {self.low:+.3f} to {self.high:+.3f})"


def self_test():
    failed = []

    def expect(what, holds):
        if not holds:
            failed.append(what)

    hours = [index / 720 for index in range(4 * 720)]
    for seed in range(20):
        noise = random.Random(seed)
        # The level wanders within a bound, as a heap's does.
        level, wander = 0.0, []
        for _ in hours:
            level = 0.98 * level + noise.gauss(0, 0.02)
            wander.append(level)
        for slope in (0.0, 0.4):
            found = Trend(hours, [60 + slope * t + w for t, w in zip(hours, wander)])
            expect(f"seed {seed}: slope {slope}, found {found.text('MB/h')}", abs(found.slope - slope) < 0.1 and found.low - 0.05 < slope < found.high + 0.05)
            expect(f"seed {seed}: {slope} is told from 0", (found.low > 0.1) == (slope > 0))
    # One outlier, such as a sample while a client connects, moves nothing.
    found = Trend(hours, [60.0 + (30 if index == 100 else 0) for index in range(len(hours))])
    expect(f"an outlier: {found.text('MB/h')}", abs(found.slope) < 1e-9)
    found = Trend([0, 1, 2], [1.0, 2.0, 3.0])
    expect(f"three samples: {found.text('MB/h')}", abs(found.slope - 1) < 1e-9 and found.low <= found.high)
    try:
        Trend([0, 1], [1, 2])
        expect("two samples are refused", False)
    except ValueError:
        pass
    for line in failed:
        print(f"self-test: {line}", file=sys.stderr)
    print(f"trend: self-test, {len(failed)} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    if sys.argv[1:] == ["--self-test"]:
        sys.exit(self_test())
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    with open(sys.argv[1]) as file:
        rows = [tuple(map(float, line.split()[:2])) for line in file if line.strip()]
    print(Trend([row[0] for row in rows], [row[1] for row in rows]).text(sys.argv[2] if len(sys.argv) > 2 else "an hour"))
