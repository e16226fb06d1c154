#!/usr/bin/env python3
"""attached.py PROGRAM [ROUNDS] [REALTIME_PRIORITY] [WAV]   Does who looks slow down who tracks? From the read of a report to
the pose page, by the bridge's own histogram, in turns of four seconds: alone, with a page that reads, alone, with ten clients
of all poses, so that other work on the machine comes to all alike; with a recording, while its speech is transcribed too
(VRBRIDGE_MODELS and the like say where the models are). Prints p50, p99 (interpolated in the histogram's buckets) and the mean
in microseconds over all turns of a kind, and of each kind's p99 the ratio to that of the turns alone."""

import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request

program = sys.argv[1]
rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 12
priority = int(sys.argv[3]) if len(sys.argv) > 3 else None
speech = sys.argv[4] if len(sys.argv) > 4 else None
folder = tempfile.mkdtemp()
port = 22000 + os.getpid() % 5000
environment = dict(os.environ, VRBRIDGE_SOCKET=f"{folder}/s", XDG_STATE_HOME=folder, XDG_CONFIG_HOME=folder)
os.mkdir(f"{folder}/vrbridge")
with open(f"{folder}/vrbridge/vrbridge.yaml", "w") as file:
    if priority is not None:
        file.write(f"tracking: {{ realtime_priority: {priority} }}\n")
    file.write("speech: { activation: always }\n")


def start(arguments):
    command = [program, "run", "--demo", "--no-hardware", "--http", f"127.0.0.1:{port}", *arguments]
    bridge = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
    time.sleep(3)
    return bridge



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


def measure(seconds=4):
    before = histogram()
    time.sleep(seconds)
    after = histogram()
    return {b: after[0][b] - before[0].get(b, 0) for b in after[0]}, after[1] - before[1], after[2] - before[2]


def quantile(counts, share):
    wanted = share * counts[float("inf")]
    lower, below = 0.0, 0.0
    for bound, count in sorted(counts.items()):
        if count >= wanted:
            return (lower + (bound - lower) * (wanted - below) / max(count - below, 1)) * 1e6 if bound != float("inf") else lower * 1e6
        lower, below = bound, count
    return lower * 1e6


def together(turns):
    counts = {b: sum(t[0][b] for t in turns) for b in turns[0][0]}
    return quantile(counts, 0.5), quantile(counts, 0.99), sum(t[1] for t in turns) / sum(t[2] for t in turns) * 1e6


# What the bridge is started with, and who looks.
ways = {
    "alone": ([], []),
    "a page": ([], [["curl", "-sN", f"http://127.0.0.1:{port}/live"]]),
    "ten clients": ([], [[program, "watch", "--json"]] * 10),
}
if speech:
    ways["transcribing"] = (["--microphone", f"file:{speech}"], [])
found = {name: [] for name in ways}
for _ in range(rounds):
    for name in [turn for other in list(ways)[1:] for turn in ("alone", other)]:
        arguments, commands = ways[name]
        bridge = start(arguments)
        readers = [subprocess.Popen(c, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) for c in commands]
        time.sleep(1)
        found[name].append(measure())
        for process in [*readers, bridge]:
            process.send_signal(signal.SIGTERM)
            process.wait()
print(f"{'':12} {'p50 µs':>8} {'p99 µs':>8} {'mean µs':>8}")
for name, turns in found.items():
    print(f"{name:12} " + " ".join(f"{value:8.1f}" for value in together(turns)))
alone = together(found["alone"])[1]
for name in list(ways)[1:]:
    ratios = sorted(quantile(turn[0], 0.99) / alone for turn in found[name])
    print(f"p99, {name} to alone: {together(found[name])[1] / alone:.2f} (single turns {ratios[0]:.2f} to {ratios[-1]:.2f})")
