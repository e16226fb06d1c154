#!/usr/bin/env python3
"""annotations.py PROGRAM [SECONDS] [PICTURE]   Where the time goes from a picture's capture to its annotation at a client.

A bridge looks at drawn frames for hands (VRBRIDGE_MODELS and VRBRIDGE_OPENVINO as usual), a client takes its annotations.
`camera` is from the stamp of a frame until the stage takes it: drawing here, exposure and USB elsewhere. With a PICTURE
(JPEG with a hand) nothing is drawn: a client sends it twenty
times a second. What is left of the
whole after camera and model is the bridge's own: the goal is a median of 3 ms at most. Ends with 1 above it."""

import http.client
import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time

program, seconds = sys.argv[1], float(sys.argv[2]) if len(sys.argv) > 2 else 30
folder = tempfile.mkdtemp()
environment = dict(os.environ, VRBRIDGE_SOCKET=f"{folder}/s", XDG_CONFIG_HOME=folder, TERM="dumb")
picture = open(sys.argv[3], "rb").read() if len(sys.argv) > 3 else None
service = f"{folder}/http"
arguments = ["--http", service] if picture else ["--demo"]
bridge = subprocess.Popen([program, "run", "--no-hardware", "--perception", "hands", *arguments], env=environment, stderr=subprocess.DEVNULL)


class UnixConnection(http.client.HTTPConnection):
    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(service)


def send():
    connection, due = UnixConnection("localhost"), time.monotonic()
    while bridge.poll() is None:
        connection.request("POST", f"/frames?camera=mine&captured_ns={time.monotonic_ns()}", picture, {"Content-Type": "image/jpeg"})
        connection.getresponse().read()
        due += 1 / 20
        time.sleep(max(0, due - time.monotonic()))


try:
    for _ in range(100):
        if os.path.exists(f"{folder}/s"):
            break
        time.sleep(0.1)
    time.sleep(3)
    if picture:
        threading.Thread(target=send, daemon=True).start()
        time.sleep(2)
    watch = subprocess.Popen([program, "watch", "--annotations", "--json"], env=environment, stdout=subprocess.PIPE, text=True)
    end, parts = time.monotonic() + seconds, []
    for line in watch.stdout:
        if time.monotonic() > end:
            break
        annotation = json.loads(line)
        if annotation.get("kind") != "hand" or annotation["ended"]:
            continue
        stages = annotation["stages_s"]
        whole = (annotation["seen_ns"] - annotation["captured_ns"]) * 1e-9
        parts.append({
            "whole": whole, "camera": stages["waiting"], "model": stages["inferring"], "preparing": stages["preparing"],
            "published to seen": (annotation["seen_ns"] - annotation["published_ns"]) * 1e-9,
            "beyond camera and model": whole - stages["waiting"] - stages["inferring"],
        })
    watch.kill()
finally:
    bridge.terminate()
    bridge.wait(10)
if len(parts) < 50:
    sys.exit(f"{len(parts)} annotations are too few; are the models there?")
for name in parts[0]:
    values = sorted(part[name] * 1e3 for part in parts)
    print(f"{name:26} p50 {values[len(values) // 2]:7.2f} ms   p95 {values[int(len(values) * 0.95)]:7.2f} ms   p99 {values[int(len(values) * 0.99)]:7.2f} ms")
# Now and then the detector looks for another hand: such frames need twice the time of the others.
median = sorted(part["model"] for part in parts)[len(parts) // 2]
both = sorted(part["model"] for part in parts if part["model"] > 1.5 * median)
slow = sorted(part["whole"] - part["camera"] for part in parts)[int(len(parts) * 0.99)]
if both:
    print(f"p99 from a frame's taking to the client: {slow / both[len(both) // 2]:.2f} of what the models take where all run")
own = sorted(part["beyond camera and model"] for part in parts)[len(parts) // 2]
sys.exit(0 if own <= 0.003 else 1)
