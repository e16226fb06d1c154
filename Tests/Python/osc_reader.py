"""Reads OSC with python-osc: osc_reader.py PORT SECONDS. Prints addresses, with the last arguments and their count."""

import json
import socket
import sys
import time

from pythonosc.osc_packet import OscPacket

receiver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
receiver.bind(("127.0.0.1", int(sys.argv[1])))
receiver.settimeout(0.5)
print("ready", flush=True)
found = {}
end = time.monotonic() + float(sys.argv[2])
while time.monotonic() < end:
    try:
        data = receiver.recv(65536)
    except TimeoutError:
        continue
    for timed in OscPacket(data).messages:
        message = timed.message
        key = message.address + (":" + message.params[0] if message.params and isinstance(message.params[0], str) else "")
        entry = found.setdefault(key, {"count": 0})
        entry["count"] += 1
        entry["last"] = [p for p in message.params if not isinstance(p, str)]
print(json.dumps(found))
