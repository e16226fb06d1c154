#!/usr/bin/env python3
"""Measures what a clean release build costs, one dependency after the other.

    build-cost.py FOLDER     builds into FOLDER, which must not exist, and prints a table in Markdown

The time is processor time of all compilers, in seconds. A dependency's row counts what its own targets add to the rows
above it.
"""

import os
import resource
import subprocess
import sys

# Targets of each dependency that our targets import, lowest first.
DEPENDENCIES = [
    ("swift-argument-parser", ["ArgumentParser"]),
    ("swift-log, swift-atomics, swift-collections", ["Logging", "Atomics", "DequeModule"]),
    ("Yams", ["Yams"]),
    ("swift-mustache", ["Mustache"]),
    ("swift-protobuf", ["SwiftProtobuf"]),
    ("swift-service-lifecycle", ["ServiceLifecycle", "UnixSignals"]),
    ("swift-nio", ["NIOPosix", "NIOHTTP1", "NIOWebSocket", "NIOFoundationCompat"]),
    ("swift-nio-ssl (BoringSSL)", ["NIOSSL"]),
    ("hummingbird", ["Hummingbird", "HummingbirdTLS"]),
    ("async-http-client", ["AsyncHTTPClient"]),
]


def processor_time(command):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    result = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "SWIFT_DETERMINISTIC_HASHING": "1"})
    if result.returncode != 0:
        sys.exit(f"build-cost.py: {' '.join(command)} failed:\n{result.stdout[-2000:]}{result.stderr[-2000:]}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main(arguments):
    if len(arguments) != 1 or arguments[0].startswith("-"):
        print(__doc__, file=sys.stderr)
        return 64
    if os.path.exists(arguments[0]):
        sys.exit(f"build-cost.py: {arguments[0]} exists; name a new folder")
    build = ["swift", "build", "--scratch-path", arguments[0], "-c", "release", "--static-swift-stdlib"]
    build += ["--explicit-target-dependency-import-check", "error"]
    subprocess.run(["swift", "package", "--scratch-path", arguments[0], "resolve"], check=True, capture_output=True)
    rows = []
    for name, targets in DEPENDENCIES:
        rows.append((name, sum(processor_time([*build, "--target", target]) for target in targets)))
        print(f"{name}: {rows[-1][1]:.0f} s", file=sys.stderr)
    rows.append(("vrbridge", sum(processor_time([*build, "--product", name]) for name in ("vrbridge", "vrbridge-eval"))))
    total = sum(time for _, time in rows)
    print("| part | processor time | share |\n|---|---:|---:|")
    for name, time in rows:
        print(f"| {name} | {time:.0f} s | {100 * time / total:.0f} % |")
    print(f"| together | {total:.0f} s | |")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
