#!/usr/bin/env python3
"""results.py --check|--write PAGE FIGURES   Compares the tables between the marks in PAGE with those made from FIGURES, or
writes them. FIGURES is what `vrbridge-eval performance --write FILE` wrote (Benchmarks/results.json)."""

import json
import re
import sys

MARKS = re.compile(r"(<!-- results -->\n).*?(<!-- end of results -->)", re.S)
QUANTILES = ["p50", "p99", "p999", "max"]


def number(value):
    return f"{value:,.1f}" if value < 1000 else f"{value:,.0f}"


def latency(values, ours, theirs, name, peer, goals):
    def row(title, cells):
        return f"| {title} | " + " | ".join(cells) + " |\n"

    a = [values[f"{ours}_{quantile}_us"] for quantile in QUANTILES]
    b = [values[f"{theirs}_{quantile}_us"] for quantile in QUANTILES]
    text = "| µs | p50 | p99 | p99.9 | max |\n|---|---:|---:|---:|---:|\n"
    text += row(name, map(number, a)) + row(peer, map(number, b))
    return text + row(f"**ratio** ({goals})", (f"**{x / max(y, 1e-9):.2f}**" for x, y in zip(a, b)))


def tables(results):
    v = results["values"]
    return f"""One run of `make bench`: commit `{results["commit"]}`, {results["date"]}, {results["machine"]}.

From the write of a report to its pose in the pose page; 1 headset, 2 controllers and 8 trackers, each at 1 kHz, out of
phase:

{latency(v, "report_to_page", "report_to_page_c", "vrbridge: epoll, read, decode, calibrate, map the clock, fuse, predict, publish", "C: epoll, read, copy into shared memory", "goal: at most 2")}
From the pose in the page to the callback of a subscribed client over the socket:

{latency(v, "page_to_client", "page_to_client_c", "vrbridge: one way, with encoding and decoding", "C: 190 bytes there and back over a Unix socket", "goals: at most 0.5, 1.0 and 1.5")}
| quantity | measured | goal |
|---|---:|---:|
| allocations on the tracking thread after warm-up | {v["tracking_allocations"]:.0f} | 0 |
| CPU, the eleven devices with a client that receives every pose (tracking, socket and device threads) | {v["processor_percent"]:.1f} % of a core | at most 8 % |
| CPU, the C loop on the same reports | {v["processor_c_percent"]:.1f} % | |
| resident memory of `vrbridge run --demo` | {v["resident_mb"]:.0f} MB | at most 40 MB |
| start of the process to first pose in the page, median / worst | {v["start_p50_ms"]:.0f} / {v["start_max_ms"]:.0f} ms | at most 40 ms |
"""


def main():
    if len(sys.argv) != 4 or sys.argv[1] not in ("--check", "--write"):
        sys.exit(__doc__)
    page, source = sys.argv[2:]
    with open(source) as file:
        results = json.load(file)
    with open(page) as file:
        text = file.read()
    if len(MARKS.findall(text)) != 1:
        sys.exit(f"{page}: one pair of marks, <!-- results --> and <!-- end of results -->, is expected")
    wanted = MARKS.sub(lambda match: match[1] + tables(results) + match[2], text)
    if sys.argv[1] == "--write":
        with open(page, "w") as file:
            file.write(wanted)
    elif wanted != text:
        sys.exit(f"{page}: the tables are not those of {source}; run scripts/results.py --write {page} {source}")


main()
