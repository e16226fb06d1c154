"""A client of VRPN, from the protocol's description alone: vrpn_client.py PORT MODE SECONDS. MODE tcp connects, MODE udp
asks by datagram and is called back. Prints what came as JSON."""

import json
import socket
import struct
import sys
import time

port, mode, seconds = int(sys.argv[1]), sys.argv[2], float(sys.argv[3])
HEADER = struct.Struct("!iiiiii")
COOKIE = b"vrpn: ver. 07.33  0".ljust(24, b"\0")


def frame(body, sender, kind):
    return HEADER.pack(24 + len(body), 0, 0, sender, kind, 0) + body + bytes(-len(body) % 8)


def describe(name, number, kind):
    text = name.encode() + b"\0"
    return frame(struct.pack("!i", len(text)) + text, number, kind)


if mode == "udp":
    listener = socket.create_server(("127.0.0.1", 0))
    lob = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    lob.sendto(f"127.0.0.1 {listener.getsockname()[1]}".encode() + b"\0", ("127.0.0.1", port))
    listener.settimeout(5)
    link, _ = listener.accept()
else:
    link = socket.create_connection(("127.0.0.1", port), timeout=5)
link.settimeout(5)
buffer = b""


def exactly(count):
    global buffer
    while len(buffer) < count:
        part = link.recv(65536)
        if not part:
            raise SystemExit("closed")
        buffer += part
    result, buffer = buffer[:count], buffer[count:]
    return result


cookie = exactly(24)
link.sendall(COOKIE)
# What a tracker's client says: its names for a sender and a type, then a ping each second.
link.sendall(describe("head", 4, -1) + describe("vrpn_Base ping_message", 9, -2))
senders, kinds, found = {}, {}, {"cookie": cookie.decode("ascii").rstrip("\0"), "poses": {}, "velocities": {}, "pongs": 0, "analog": {}, "buttons": {}}
end = time.monotonic() + seconds
next_ping = 0
while time.monotonic() < end:
    if time.monotonic() > next_ping:
        link.sendall(frame(b"", 4, 9))
        next_ping = time.monotonic() + 1
    length, sec, usec, sender, kind, _ = HEADER.unpack(exactly(24))
    body = exactly((length - 24 + 7) // 8 * 8)[: length - 24]
    if kind in (-1, -2):
        (size,) = struct.unpack_from("!i", body)
        name = body[4 : 4 + size].rstrip(b"\0").decode()
        (senders if kind == -1 else kinds)[sender] = name
        continue
    name, kind = senders[sender], kinds[kind]
    if kind == "vrpn_Tracker Pos_Quat":
        values = struct.unpack("!ii7d", body)
        age = time.time() - sec - usec * 1e-6
        entry = found["poses"].setdefault(name, {"count": 0, "norm": 0, "age": 0, "last": None})
        entry["count"] += 1
        entry["norm"] = sum(v * v for v in values[5:9])
        entry["age"] = age
        entry["last"] = values[2:]
    elif kind == "vrpn_Tracker Velocity":
        struct.unpack("!ii8d", body)
        found["velocities"][name] = found["velocities"].get(name, 0) + 1
    elif kind == "vrpn_Base pong_message":
        found["pongs"] += 1
    elif kind == "vrpn_Analog Channel":
        values = struct.unpack(f"!{len(body) // 8}d", body)
        assert values[0] == len(values) - 1
        found["analog"][name] = found["analog"].get(name, 0) + 1
    elif kind == "vrpn_Button Change":
        struct.unpack("!ii", body)
        found["buttons"][name] = found["buttons"].get(name, 0) + 1
print(json.dumps(found))
