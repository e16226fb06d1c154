#!/usr/bin/env python3
"""attached.py PROGRAM [ROUNDS]   Does who looks slow down who tracks? From the read of a report to the pose page, by the
bridge's own histogram, in turns of eight seconds: alone, with a page that reads, with ten clients of all poses. Prints p50,
p99 (interpolated in the histogram's buckets) and the mean in microseconds, and the medians of the ratios to the turn before."""

import os
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request

program = sys.argv[1]
rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 6
folder = tempfile.mkdtemp()
port = 22000 + os.getpid() % 5000
environment = dict(os.environ, VRBRIDGE_SOCKET=f"{folder}/s", XDG_STATE_HOME=folder, XDG_CONFIG_HOME=folder)
bridge = subprocess.Popen([program, "run", "--demo", "--no-hardware", "--http", f"127.0.0.1:{port}"], env=environment, stderr=subprocess.DEVNULL)


def histogram():
    text = urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5).read().decode()
    counts, total, number = {}, 0.0, 0.0
    for line in text.splitlines():
        if line.startswith("vrbridge_fusion_seconds_bucket"):
            bound = float(re.search(r'[{,]le="([^"]+)"', line)[1].replace("+Inf", "inf"))
            counts[bound] = counts.get(bound, 0) + float(line.split()[-1])
        elif line.startswith("vrbridge_fusion_seconds_sum"):
            total += float(line.split()[-1])
        elif line.startswith("vrbridge_fusion_seconds_count"):
            number += float(line.split()[-1])
    return counts, total, number


def measure(seconds=8):
    before = histogram()
    time.sleep(seconds)
    after = histogram()
    bounds = sorted(after[0])
    counts = [after[0][b] - before[0][b] for b in bounds]

    def quantile(share):
        wanted = share * counts[-1]
        lower, below = 0.0, 0.0
        for bound, count in zip(bounds, counts):
            if count >= wanted:
                return (lower + (bound - lower) * (wanted - below) / max(count - below, 1)) * 1e6 if bound != float("inf") else lower * 1e6
            lower, below = bound, count
        return lower * 1e6

    return quantile(0.5), quantile(0.99), (after[1] - before[1]) / (after[2] - before[2]) * 1e6


time.sleep(3)
ways = {
    "alone": [],
    "a page": [["curl", "-sN", f"http://127.0.0.1:{port}/live"]],
    "ten clients": [[program, "watch", "--json"]] * 10,
}
found = {name: [] for name in ways}
for _ in range(rounds):
    for name, commands in ways.items():
        readers = [subprocess.Popen(c, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) for c in commands]
        time.sleep(1)
        found[name].append(measure())
        for reader in readers:
            reader.kill()
            reader.wait()
bridge.send_signal(signal.SIGTERM)
bridge.wait()
print(f"{'':12} {'p50 µs':>8} {'p99 µs':>8} {'mean µs':>8}")
for name, rows in found.items():
    print(f"{name:12} " + " ".join(f"{statistics.median(r[i] for r in rows):8.1f}" for i in range(3)))
for name in list(ways)[1:]:
    ratios = [b[1] / a[1] for a, b in zip(found["alone"], found[name])]
    print(f"p99, {name} to alone: {statistics.median(ratios):.2f} (of {rounds} rounds, {min(ratios):.2f} to {max(ratios):.2f})")
