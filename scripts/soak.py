#!/usr/bin/env python3
"""soak.py PROGRAM SECONDS [FILE]   Runs a bridge with all clients and outputs, and checks that its resources stay constant.

Three emulated devices (1,500 reports a second), the dashboard's stream, a viewer if the package websockets is installed,
VRPN, an external tracker that measures a hand, and clients that connect, read and disconnect. After a warm-up, memory and
descriptors must stay constant, no event or sample may be lost, and drift and clock residual must not change. Exit status 1
with the failed checks.

Memory: the slope after the warm-up (an hour, or half of a run below two hours) and its 95 % interval. A run fails when the
whole interval lies above 0.1 MB an hour; one of five hours or more also when the interval reaches beyond, because growth is
then not excluded. Below two hours heaps still fill, and the limit is 2 MB in the time after the warm-up. FILE receives hours
and megabytes."""

import asyncio
import json
import os
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request

from trend import Trend

program, seconds = sys.argv[1], float(sys.argv[2])
# MB an hour, and MB after the warm-up of a run below two hours.
GROWTH, SHORT_GROWTH = 0.1, 2
folder = tempfile.mkdtemp()
base = 21000 + os.getpid() % 5000
http, viewers, vrpn = base, base + 1, base + 2
config = f"""http: {{ address: "127.0.0.1:{http}" }}
foxglove: {{ address: "127.0.0.1:{viewers}" }}
interop: {{ vrpn: {{ address: "127.0.0.1:{vrpn}" }}, opentrack: {{ target: "127.0.0.1:{base + 3}" }} }}
"""
with open(f"{folder}/c.yaml", "w") as file:
    file.write(config)
environment = dict(os.environ, VRBRIDGE_SOCKET=f"{folder}/s", XDG_STATE_HOME=folder, XDG_CONFIG_HOME=folder, TERM="dumb")
bridge = subprocess.Popen([program, "run", "--demo", "--no-hardware", "--config", f"{folder}/c.yaml"], env=environment, stderr=open(f"{folder}/log", "w"))


def metrics():
    with urllib.request.urlopen(f"http://127.0.0.1:{http}/metrics", timeout=5) as answer:
        text = answer.read().decode()
    found = {}
    for line in text.splitlines():
        match = re.match(r"([a-z_]+)(?:\{(.*)\})? (\S+)$", line)
        if match:
            role = re.search(r'role="([a-z_]+)"', match[2] or "")
            kind = re.search(r'(?:against|outcome)="([a-z]+)"', match[2] or "")
            found[":".join(part for part in (match[1], role and role[1], kind and kind[1]) if part)] = float(match[3])
    return found


async def read_page(stop):
    process = await asyncio.create_subprocess_exec("curl", "-sN", f"http://127.0.0.1:{http}/live", stdout=subprocess.DEVNULL)
    await stop.wait()
    process.kill()
    await process.wait()


async def come_and_go(stop):
    while not stop.is_set():
        process = await asyncio.create_subprocess_exec(program, "watch", "--json", "--count", "500", env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        await process.wait()
        await asyncio.sleep(0.2)


async def measure(stop):
    """An external tracker, sixty times a second."""
    arguments = ["inject-pose", "left_hand", "--sigma", "0.3", "--sigma-angle", "40", "--delay", "5"]
    process = await asyncio.create_subprocess_exec(program, *arguments, env=environment, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
    while not stop.is_set():
        process.stdin.write(b'{"position": [-0.2, 1.1, -0.4], "orientation": [0, 0, 0, 1]}\n')
        await asyncio.sleep(1 / 60)
    process.stdin.close()
    await process.wait()


async def view(stop):
    try:
        import websockets
    except ImportError:
        return
    while not stop.is_set():
        async with websockets.connect(f"ws://127.0.0.1:{viewers}", subprotocols=["foxglove.sdk.v1"], max_size=None) as socket:
            end = time.monotonic() + 10
            while time.monotonic() < end and not stop.is_set():
                message = await socket.recv()
                if isinstance(message, str) and json.loads(message)["op"] == "advertise":
                    wanted = [{"id": c["id"], "channelId": c["id"]} for c in json.loads(message)["channels"]]
                    await socket.send(json.dumps({"op": "subscribe", "subscriptions": wanted}))


async def main():
    for _ in range(200):
        try:
            metrics()
            break
        except OSError:
            await asyncio.sleep(0.1)
    stop = asyncio.Event()
    tasks = [asyncio.create_task(task) for task in (read_page(stop), come_and_go(stop), come_and_go(stop), measure(stop), view(stop))]
    samples = []
    begin = time.monotonic()
    while time.monotonic() < begin + seconds:
        await asyncio.sleep(min(5, seconds / 20))
        sample = await asyncio.to_thread(metrics)
        samples.append(dict(sample, hours=(time.monotonic() - begin) / 3600))
    stop.set()
    await asyncio.gather(*tasks, return_exceptions=True)
    await asyncio.sleep(1)
    samples.append(dict(metrics(), hours=(time.monotonic() - begin) / 3600))
    return samples


samples = asyncio.run(main())
bridge.send_signal(signal.SIGTERM)
ended = time.monotonic()
code = bridge.wait(timeout=10)
ended = time.monotonic() - ended
quarter = max(1, len(samples) // 4)
early, late = samples[quarter : 2 * quarter], samples[-quarter:]
problems = []


def check(what, holds):
    print(("ok      " if holds else "NOT OK  ") + what)
    if not holds:
        problems.append(what)


series = [(s["hours"], s["process_resident_memory_bytes"] / 1e6) for s in samples[:-1]]
if len(sys.argv) > 3:
    with open(sys.argv[3], "w") as file:
        file.writelines(f"{hours:.5f} {value:.3f}\n" for hours, value in series)
warm = min(1.0, series[-1][0] / 2)
limit = GROWTH if seconds >= 2 * 3600 else max(GROWTH, SHORT_GROWTH / (series[-1][0] - warm))
steady = [sample for sample in series if sample[0] >= warm]
trend = Trend([sample[0] for sample in steady], [sample[1] for sample in steady])
bound = trend.high if seconds >= 5 * 3600 else trend.low
level = statistics.median(sample[1] for sample in steady)
check(f"memory: {level:.1f} MB; after {warm * 60:.0f} minutes {trend.text('MB an hour')}, limit {limit:.1f}", bound <= limit)
files = [min(s["process_open_fds"] for s in part) for part in (early, late)]
check(f"descriptors: {files[0]:.0f}, then {files[1]:.0f}", files[1] <= files[0])
last = samples[-1]
for key in ("vrbridge_lost_events_total", "vrbridge_device_lost_samples_total:head", "vrbridge_device_decode_errors_total:head"):
    check(f"{key}: {last.get(key, 0):.0f}", last.get(key, 0) == 0)
rate = (last["vrbridge_device_reports_total:head"] - samples[0]["vrbridge_device_reports_total:head"]) / seconds
check(f"reports of the head: {rate:.0f} a second", rate > 900)
used = last.get("vrbridge_device_measurements_total:left_hand:used", 0) / seconds
check(f"measurements of a hand: {used:.0f} a second", used > 30)
for key in ("vrbridge_device_drift_degrees_per_minute:head:gravity", "vrbridge_device_clock_residual_seconds:head"):
    values = [s[key] for s in samples if key in s]
    if len(values) > 8:
        spread = max(values[len(values) // 2 :]) - min(values[len(values) // 2 :])
        check(f"{key}: {values[-1]:.6f}, moved by {spread:.6f} in the second half", spread < (1.0 if "drift" in key else 0.005))
check(f"it ended with {code} after {ended:.2f} s", code == 0 and ended < 2)
sys.exit(1 if problems else 0)
