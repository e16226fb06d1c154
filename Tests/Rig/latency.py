#!/usr/bin/python3
"""latency.py TRACE POSES: from the writing of a report by the device to the pose at a client.

TRACE: times at which reports went out, ns. POSES: lines of `vrbridge watch --json`. The device sends slowly enough that
the report behind a pose is the last one that went out before it was read. Prints the quantiles; exit 1 when the 99th
percentile is above the limit in ms given by LIMIT_MS (1), or the median above that of MEDIAN_MS (the same).
"""
import bisect, json, os, sys

sent = [int(line) for line in open(sys.argv[1])]
delays, reads = [], []
for line in open(sys.argv[2]):
    pose = json.loads(line)
    place = bisect.bisect_right(sent, pose["received_ns"]) - 1
    if place >= 0:
        reads.append((pose["received_ns"] - sent[place]) / 1e6)
        delays.append((pose["seen_ns"] - sent[place]) / 1e6)
delays.sort()
reads.sort()
pick = lambda list, share: list[min(len(list) - 1, int(len(list) * share))]
print(f"{len(delays)} poses: device to bridge p50 {pick(reads, .5):.3f} p99 {pick(reads, .99):.3f} ms; "
      f"device to client p50 {pick(delays, .5):.3f} p99 {pick(delays, .99):.3f} max {delays[-1]:.3f} ms")
limit = float(os.environ.get("LIMIT_MS", "1"))
median = float(os.environ.get("MEDIAN_MS", limit))
sys.exit(len(delays) < 100 or pick(reads, .99) > limit or pick(reads, .5) > median)
