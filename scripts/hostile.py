#!/usr/bin/env python3
"""hostile.py PROGRAM SECONDS   Attacks a bridge, and checks gaps between poses, memory, descriptors, threads and the log.

The bridge has emulated devices and all its listeners: socket, HTTP, Foxglove, VRPN, SlimeVR. One client subscribes to all
poses. Each attack of hostile_attacks.py runs for an equal share of SECONDS, as another user where root starts this program,
at a lower priority than the client: measured is the bridge, not the scheduler of a machine with few processors. Exit status
1 when a limit of `problems` is exceeded.

hostile.py --self-test   Checks that `problems` finds made-up faults."""

import array
import grp
import math
import os
import pathlib
import pwd
import re
import resource
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
import urllib.request

import hostile_attacks

SCRIPT = pathlib.Path(__file__).resolve()
# s: after an attack, in which connections, memory and threads must be back; a client that was refused may linger.
SETTLING = 1.2
PATIENCE = 12
# ms: the goal for the 99th percentile of gaps between messages of poses.
GAP_GOAL = 5
# A machine that does other work has longer gaps without an attack; the goal is then a multiple of those, up to a bound that
# no attack may reach anywhere.
GAP_FACTOR, GAP_BOUND = 4, 50
MEMORY_FACTOR = 1.10
# Bodies of requests may take four times their limit of 64 MiB, whoever sends them.
PEAK_BOUND = 300
LINES_PER_SECOND = 25
DESCRIPTOR_LIMIT = 900


# MARK: the client of poses


def read_fields(data):
    """Yields number and value of each field of a protobuf message; bytes or integers, fixed-size ones as bytes."""
    at = 0

    def number():
        nonlocal at
        value = shift = 0
        while True:
            byte = data[at]
            at += 1
            value |= (byte & 127) << shift
            if byte < 128:
                return value
            shift += 7

    while at < len(data):
        key = number()
        kind = key & 7
        if kind == 0:
            yield key >> 3, number()
            continue
        size = {1: 8, 5: 4}.get(kind) or number()
        yield key >> 3, data[at : at + size]
        at += size


def watch(path, output):
    """Subscribes to poses until standard input ends; then writes (arrival in s, dropped poses) of each batch."""
    client = socket.socket(socket.AF_UNIX)
    client.connect(path)
    client.sendall(hostile_attacks.hello(b"watch") + hostile_attacks.subscribe_poses(1024))
    os.set_blocking(0, False)
    seen = array.array("d")
    client.settimeout(0.2)
    buffer = b""
    while True:
        try:
            part = client.recv(262_144)
        except TimeoutError:
            part = None
        if part == b"":
            print("the bridge closed the connection of the client", file=sys.stderr)
            sys.exit(1)
        now = time.monotonic()
        buffer += part or b""
        while len(buffer) >= 4 and len(buffer) >= 4 + (size := struct.unpack_from("<I", buffer)[0]):
            body, buffer = buffer[4 : 4 + size], buffer[4 + size :]
            # ServerFrame.poses is field 6, as `main` checks; PoseBatch.dropped is its field 3.
            for field, value in read_fields(body):
                if field == POSES_FIELD:
                    dropped = sum(v for f, v in read_fields(value) if f == 3)
                    seen.extend((now, float(dropped)))
        try:
            if os.read(0, 1) == b"":
                break
        except BlockingIOError:
            pass
    with open(output, "wb") as file:
        seen.tofile(file)


def poses_field():
    """The number of `PoseBatch` in ServerFrame, from the definition of the protocol."""
    proto = (SCRIPT.parent.parent / "Sources/BridgeProtocol/Protos/vrbridge.proto").read_text()
    return int(re.search(r"PoseBatch \w+ = (\d+);", proto)[1])


POSES_FIELD = poses_field()


def gaps(seen, start, end):
    """Gaps in ms between the batches that arrived from start to end, with the open one at the end; and dropped poses."""
    times = [seen[i] for i in range(0, len(seen), 2) if start <= seen[i] <= end]
    dropped = sum(seen[i + 1] for i in range(0, len(seen), 2) if start <= seen[i] <= end)
    edges = [start] + times + [end]
    return [1000 * (b - a) for a, b in zip(edges, edges[1:])], int(dropped)


def percentile(values, share):
    values = sorted(values)
    return values[min(len(values) - 1, math.ceil(share * len(values)) - 1)]


# MARK: the bridge


class Bridge:
    def __init__(self, program):
        self.folder = tempfile.mkdtemp(prefix="vrbridge-hostile-")
        os.chmod(self.folder, 0o711)
        base = 27_000 + os.getpid() % 4000
        self.http, self.foxglove, self.vrpn, self.slimevr = base, base + 1, base + 2, base + 3
        self.socket = f"{self.folder}/s"
        group = f'socket: {{ group: "{grp.getgrgid(hostile_attacks.NOBODY).gr_name}" }}\n' if os.geteuid() == 0 else ""
        with open(f"{self.folder}/c.yaml", "w") as file:
            file.write(
                f'{group}http: {{ address: "127.0.0.1:{self.http}" }}\nfoxglove: {{ address: "127.0.0.1:{self.foxglove}" }}\n'
                f'interop: {{ vrpn: {{ address: "127.0.0.1:{self.vrpn}" }} }}\nslimevr: {{ port: {self.slimevr} }}\n'
            )
        environment = dict(os.environ, VRBRIDGE_SOCKET=self.socket, XDG_STATE_HOME=self.folder, XDG_CONFIG_HOME=self.folder, TERM="dumb")
        self.log = open(f"{self.folder}/log", "w")

        def limit():
            # So that an attack can use all descriptors within its bounds.
            limit = min(DESCRIPTOR_LIMIT, resource.getrlimit(resource.RLIMIT_NOFILE)[1])
            resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))

        self.process = subprocess.Popen(
            [program, "run", "--demo", "--no-hardware", "--config", f"{self.folder}/c.yaml"],
            env=environment, stderr=self.log, stdin=subprocess.DEVNULL, preexec_fn=limit)
        self.tree = f"/proc/{self.process.pid}"
        for _ in range(300):
            if self.serves():
                return
            if self.process.poll() is not None:
                break
            time.sleep(0.1)
        self.stop()
        sys.exit(f"hostile: the bridge did not start:\n{self.log_text()[-2000:]}")

    def serves(self):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.http}/health/live", timeout=5) as answer:
                return answer.status == 200
        except OSError:
            return False

    def log_text(self):
        with open(self.log.name, errors="replace") as file:
            return file.read()

    def status(self, key):
        if self.process.poll() is not None:
            sys.exit(f"hostile: the bridge ended with {self.process.returncode}:\n{self.log_text()[-2000:]}")
        with open(f"{self.tree}/status") as file:
            return int(re.search(rf"^{key}:\s+(\d+)", file.read(), re.M)[1])

    def memory(self):
        return self.status("VmRSS") / 1024

    def reset_peak(self):
        with open(f"{self.tree}/clear_refs", "w") as file:
            file.write("5")

    def descriptors(self):
        return len(os.listdir(f"{self.tree}/fd"))

    def stop(self):
        if self.process.poll() is not None:
            return self.process.returncode
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()


# MARK: an attack


def start_attack(name, seconds, bridge):
    addresses = [bridge.socket, *(str(port) for port in (bridge.http, bridge.foxglove, bridge.vrpn, bridge.slimevr))]
    return subprocess.Popen(
        [sys.executable, hostile_attacks.__file__, name, str(seconds), *addresses],
        stdout=subprocess.PIPE, text=True)


def attack(name, seconds, bridge):
    """Runs one attack and measures the bridge. Times are of the monotonic clock; gaps follow at the end."""
    row = {"name": name, "memory before": bridge.memory(), "fds before": bridge.descriptors(), "threads before": bridge.status("Threads")}
    lines = bridge.log_text().count("\n")
    bridge.reset_peak()
    row["start"] = time.monotonic()
    process = start_attack(name, seconds, bridge)
    try:
        output, _ = process.communicate(timeout=seconds + 20)
    except subprocess.TimeoutExpired:
        process.kill()
        output, _ = process.communicate()
    row["end"] = time.monotonic()
    row["actions"] = int(output) if process.returncode == 0 and output.strip() else None
    row["peak"] = bridge.status("VmHWM") / 1024
    time.sleep(SETTLING)
    patience = time.monotonic() + PATIENCE
    while time.monotonic() < patience and resource_problems(dict(row, **after(bridge))):
        time.sleep(0.3)
    row |= after(bridge)
    row["lines"] = bridge.log_text().count("\n") - lines
    row["serves"] = bridge.serves()
    return row


def after(bridge):
    return {"memory after": bridge.memory(), "fds after": bridge.descriptors(), "threads after": bridge.status("Threads")}


# MARK: limits


def gap_limit(baseline):
    """ms, for the 99th percentile; baseline: that of the same machine without an attack."""
    return min(max(GAP_GOAL, GAP_FACTOR * baseline), GAP_BOUND)


def resource_problems(row):
    problems = []
    if row["memory after"] > row["memory before"] * MEMORY_FACTOR:
        problems.append(f"memory: {row['memory before']:.0f} MB before, {row['memory after']:.0f} MB after")
    if row["fds after"] > row["fds before"]:
        problems.append(f"descriptors: {row['fds before']} before, {row['fds after']} after")
    if row["threads after"] > row["threads before"]:
        problems.append(f"threads: {row['threads before']} before, {row['threads after']} after")
    return problems


def problems(row, baseline):
    """Limits that a row of the table exceeds."""
    found = resource_problems(row)
    seconds = row["end"] - row["start"]
    if not row["actions"]:
        found.append("the attack did nothing")
    if row["p99"] > gap_limit(baseline):
        found.append(f"poses: p99 of the gaps is {row['p99']:.1f} ms, more than {gap_limit(baseline):.1f} ms")
    if row["batches"] < 100 * seconds:
        found.append(f"poses: {row['batches']} batches in {seconds:.1f} s")
    if row["dropped"]:
        found.append(f"poses: {row['dropped']} were dropped")
    if row["peak"] > row["memory before"] + PEAK_BOUND:
        found.append(f"memory: a peak of {row['peak']:.0f} MB")
    if row["lines"] > 20 + LINES_PER_SECOND * seconds:
        found.append(f"log: {row['lines']} lines in {seconds:.1f} s")
    if not row["serves"]:
        found.append("HTTP does not answer after it")
    return found


def self_test():
    good = {
        "name": "", "start": 0, "end": 3, "actions": 10, "p50": 1, "p99": 2, "max": 4, "batches": 3000, "dropped": 0, "peak": 90, "lines": 5,
        "memory before": 80, "memory after": 81, "fds before": 50, "fds after": 50, "threads before": 20, "threads after": 20, "serves": True,
    }
    assert problems(good, 1) == [], problems(good, 1)
    bad = {
        "actions": None, "p99": 188, "batches": 100, "dropped": 1, "peak": 400, "lines": 1000, "memory after": 90, "fds after": 51,
        "threads after": 21, "serves": False,
    }
    for key, value in bad.items():
        assert len(problems(dict(good, **{key: value}), 1)) == 1, key
    # The goal counts on a quiet machine, a multiple on a busy one, and 188 ms on none.
    assert [gap_limit(x) for x in (0.5, 1.25, 2, 100)] == [5, 5, 8, 50]
    assert problems(dict(good, p99=6), 1) and not problems(dict(good, p99=6), 2) and problems(dict(good, p99=188), 500)
    seen = array.array("d", [1.0, 0, 1.001, 2, 1.003, 0, 9, 7])
    between, dropped = gaps(seen, 1.0, 1.903)
    assert [round(gap) for gap in between] == [0, 1, 2, 900] and dropped == 2 and percentile(between, 0.99) > 899
    assert percentile(list(range(1, 101)), 0.99) == 99 and percentile([7], 0.5) == 7
    assert list(read_fields(b"\x08\x96\x01\x12\x02ab\x1d1234")) == [(1, 150), (2, b"ab"), (3, b"1234")]
    print(f"hostile: {len(bad)} made-up faults were found")


# MARK: main


def main(program, seconds):
    # The bridge ends with this program, also where a shell or a machine ends it.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    bridge = Bridge(program)
    output = f"{bridge.folder}/poses"
    client = subprocess.Popen([sys.executable, str(SCRIPT), "--watch", bridge.socket, output], stdin=subprocess.PIPE)
    share = max(0.5, (seconds - 6) / len(hostile_attacks.ATTACKS) - SETTLING)
    try:
        # Devices, threads and caches of the start; one short pass of the attacks makes what stays for good.
        time.sleep(1.5)
        quiet = time.monotonic()
        time.sleep(3)
        quiet = (quiet, time.monotonic())
        for name in hostile_attacks.ATTACKS:
            process = start_attack(name, 0.15, bridge)
            try:
                process.communicate(timeout=20)
            except subprocess.TimeoutExpired:
                process.kill()
                raise
        time.sleep(SETTLING)
        rows = [attack(name, share, bridge) for name in hostile_attacks.ATTACKS]
        client.stdin.close()
        client_status = client.wait(timeout=20)
    finally:
        if client.poll() is None:
            client.kill()
        status = bridge.stop()
    failures = []
    if client_status != 0:
        shutil.rmtree(bridge.folder, ignore_errors=True)
        sys.exit("hostile: the client of poses lost its connection")
    seen = array.array("d")
    with open(output, "rb") as file:
        seen.frombytes(file.read())
    calm, calm_dropped = gaps(seen, *quiet)
    baseline = percentile(calm, 0.99)
    user = pwd.getpwuid(hostile_attacks.NOBODY).pw_name if os.geteuid() == 0 else "the bridge's own user"
    print(f"attacks of {share:.1f} s by {user}; limit of the p99 gap: {gap_limit(baseline):.1f} ms (without an attack: {baseline:.1f} ms)")
    print(f"{'attack':30} {'p50':>6} {'p99':>6} {'max':>7} ms {'drops':>6} {'before':>7} {'peak':>6} {'after':>6} MB {'lines':>6} {'actions':>8}")
    for row in [{"name": "(none)", "start": quiet[0], "end": quiet[1]}] + rows:
        between, row["dropped"] = gaps(seen, row["start"], row["end"])
        row |= {"p50": percentile(between, 0.5), "p99": percentile(between, 0.99), "max": max(between), "batches": len(between) - 1}
        line = f"{row['name']:30} {row['p50']:6.1f} {row['p99']:6.1f} {row['max']:7.1f}    {row['dropped']:6}"
        if "lines" in row:
            line += f" {row['memory before']:7.0f} {row['peak']:6.0f} {row['memory after']:6.0f}    {row['lines']:6} {row['actions'] or 0:8}"
            failures += [f"{row['name']}: {problem}" for problem in problems(row, baseline)]
        print(line)
    if calm_dropped or baseline > GAP_BOUND:
        failures.append(f"the machine is too busy to measure: {baseline:.0f} ms and {calm_dropped} drops without an attack")
    if status != 0:
        failures.append(f"the bridge ended with {status}")
    for failure in failures:
        print(f"NOT OK  {failure}")
    if failures:
        print("the end of the bridge's log:\n" + "\n".join(bridge.log_text().splitlines()[-15:]))
    shutil.rmtree(bridge.folder, ignore_errors=True)
    return 1 if failures else 0


if __name__ == "__main__":
    if sys.argv[1:] == ["--self-test"]:
        self_test()
    elif len(sys.argv) == 4 and sys.argv[1] == "--watch":
        watch(*sys.argv[2:])
    elif len(sys.argv) == 3:
        sys.exit(main(sys.argv[1], float(sys.argv[2])))
    else:
        sys.exit(__doc__)
