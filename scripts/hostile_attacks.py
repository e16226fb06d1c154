"""The attacks of hostile.py, each bounded in count and time, on the loopback only.

hostile_attacks.py NAME SECONDS SOCKET HTTP FOXGLOVE VRPN SLIMEVR   Runs one attack against a bridge's socket and ports, and
prints the number of its actions. Where root starts it, it becomes the user `nobody`."""

import base64
import os
import random
import resource
import socket
import struct
import sys
import time

LOOPBACK = "127.0.0.1"
# No attack opens more connections or sends more packets than this, however long it lasts.
MAXIMUM_ACTIONS = 500_000
# The user and the group of this number.
NOBODY = 65_534


class Bridge:
    """Addresses of the attacked bridge, and the end of the attack."""

    def __init__(self, arguments):
        self.path = arguments[1]
        self.http, self.foxglove, self.vrpn, self.slimevr = (int(text) for text in arguments[2:6])
        self.end = time.monotonic() + float(arguments[0])
        self.actions = 0

    def goes_on(self):
        self.actions += 1
        return self.actions < MAXIMUM_ACTIONS and time.monotonic() < self.end

    def hold(self):
        time.sleep(max(0, self.end - time.monotonic()))

    def unix(self):
        client = socket.socket(socket.AF_UNIX)
        client.settimeout(1)
        client.connect(self.path)
        return client

    def tcp(self, port, source=""):
        # Not create_connection: it imports a codec for names, which may be in a folder of root.
        client = socket.socket(socket.AF_INET)
        client.settimeout(1)
        try:
            if source:
                client.bind((source, 0))
            client.connect((LOOPBACK, port))
        except OSError:
            client.close()
            raise
        return client


def become(user):
    os.setgroups([])
    os.setgid(NOBODY)
    os.setuid(user)


def attempt(action):
    """The result of an action; None when the bridge refused it."""
    try:
        return action()
    except OSError:
        return None


def sends(client, data):
    """Whether the bridge took the bytes."""
    try:
        client.sendall(data)
        return True
    except OSError:
        return False


def varint(value):
    out = b""
    while value > 127:
        out += bytes([value & 127 | 128])
        value >>= 7
    return out + bytes([value])


def frame(body):
    return struct.pack("<I", len(body)) + body


def request(number, field, body):
    """A ClientFrame of vrbridge.proto with one message."""
    return frame(b"\x08" + varint(number) + varint(field << 3 | 2) + varint(len(body)) + body)


def hello(name):
    return request(1, 2, b"\x08" + varint(1000) + b"\x1a" + bytes([len(name)]) + name)


def subscribe_poses(depth):
    """All poses, each of them: QUEUE_POLICY_DROP_OLDEST."""
    return request(2, 3, b"\x0a\x01\x01\x28\x02\x30" + varint(depth))


HELLO = hello(b"hostile")


def rights(bridge):
    """Messages with 250 descriptors each, which the receiver must close."""
    null = os.open("/dev/null", os.O_RDONLY)
    control = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, struct.pack("250i", *[null] * 250))]
    while bridge.goes_on():
        client = attempt(bridge.unix)
        if client is None:
            time.sleep(0.002)
            continue
        with client:
            sends(client, HELLO)
            # Bytes of a frame that never becomes complete.
            sends(client, struct.pack("<I", 60_000))
            while bridge.goes_on() and attempt(lambda: client.sendmsg([b"x"], control)):
                pass


def connect_close(bridge):
    while bridge.goes_on():
        client = attempt(bridge.unix)
        if client:
            client.close()


def greet_close(bridge):
    """Connections that end in the middle of a request."""
    while bridge.goes_on():
        client = attempt(bridge.unix)
        if client:
            with client:
                sends(client, HELLO + HELLO[:5])


def silent_pose_clients(bridge):
    """Subscribers of all poses that never read."""
    held = []
    while bridge.goes_on():
        client = attempt(bridge.unix)
        if client and sends(client, HELLO + subscribe_poses(16_384)):
            held.append(client)
        held = held[-300:]
        time.sleep(0.005)


def idle_http(bridge):
    held = []
    while bridge.goes_on() and len(held) < 1150:
        client = attempt(lambda: bridge.tcp(bridge.http))
        if client:
            held.append(client)
        else:
            time.sleep(0.005)
    bridge.hold()
    bridge.actions = len(held)


def descriptors(bridge):
    """Connections to every listener, until the process has no descriptor left."""
    openers = [lambda: bridge.tcp(bridge.http), lambda: bridge.tcp(bridge.foxglove), lambda: bridge.tcp(bridge.vrpn), bridge.unix]
    held = []
    while bridge.goes_on() and len(held) < 2000:
        client = attempt(openers[bridge.actions % len(openers)])
        if client:
            held.append(client)
        else:
            time.sleep(0.002)
    bridge.hold()
    bridge.actions = len(held)


def dribble(bridge, head, count):
    """Sends a byte on each connection now and then."""
    held = []
    while bridge.goes_on():
        while len(held) < count and time.monotonic() < bridge.end:
            client = attempt(lambda: bridge.tcp(bridge.http))
            if client is None:
                break
            sends(client, head)
            held.append(client)
        held = [client for client in held if attempt(lambda: client.send(b"x"))]
        time.sleep(0.1)


def slow_heads(bridge):
    dribble(bridge, b"GET /health/live HTTP/1.1\r\nHost: localhost\r\nX-Long: ", 240)


def slow_bodies(bridge):
    dribble(bridge, b"POST /live/recording HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 60000\r\n\r\n", 240)


def live(bridge):
    """Streams of events that nobody reads."""
    held = []
    while bridge.goes_on() and len(held) < 300:
        client = attempt(lambda: bridge.tcp(bridge.http))
        if client:
            sends(client, b"GET /live HTTP/1.1\r\nHost: localhost\r\n\r\n")
            held.append(client)
        else:
            time.sleep(0.005)
    bridge.hold()
    bridge.actions = len(held)


def pour(bridge, client, data):
    """Sends without reading, until the end of the attack or until a send blocks for 0.2 s."""
    client.settimeout(0.2)
    try:
        while bridge.goes_on():
            client.sendall(data)
    except OSError:
        pass


def foxglove(bridge):
    key = base64.b64encode(b"0123456789abcdef").decode()
    head = f"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\nSec-WebSocket-Protocol: foxglove.websocket.v1\r\n\r\n".encode()
    payload = b'{"op":"nonsense","x":"' + b"x" * 80 + b'"}'
    ping, text = (bytes([0x80 | opcode, 0x80 | len(payload), 0, 0, 0, 0]) + payload for opcode in (9, 1))
    held = []
    while bridge.goes_on():
        client = attempt(lambda: bridge.tcp(bridge.foxglove))
        if client is None:
            time.sleep(0.01)
            continue
        held = held[-20:] + [client]
        if sends(client, head):
            pour(bridge, client, (ping if bridge.actions % 2 else text) * 500)


def vrpn(bridge):
    def message(body, sender, kind):
        return struct.pack("!iiiiii", 24 + len(body), 0, 0, sender, kind, 0) + body + bytes(-len(body) % 8)

    name = b"vrpn_Base ping_message\0"
    start = b"vrpn: ver. 07.33  0".ljust(24, b"\0") + message(struct.pack("!i", len(name)) + name, 9, -2)
    held = []
    while bridge.goes_on():
        client = attempt(lambda: bridge.tcp(bridge.vrpn))
        if client is None:
            time.sleep(0.01)
            continue
        held = held[-20:] + [client]
        if sends(client, start):
            pour(bridge, client, message(b"", 0, 9) * 500)


def large_bodies(bridge):
    """64 MiB for an address that does not exist, of a client without a permission."""
    head = b"POST /v2/models/none/infer HTTP/1.1\r\nHost: localhost\r\nContent-Length: 67108864\r\n\r\n"
    part = bytes(1 << 20)
    while bridge.goes_on():
        client = attempt(lambda: bridge.tcp(bridge.http))
        if client is None:
            time.sleep(0.005)
            continue
        with client:
            sends(client, head)
            for _ in range(64):
                if not bridge.goes_on() or not sends(client, part):
                    break


def strangers(bridge):
    """Requests from many users, where root starts the attack, and from many addresses of the loopback."""
    children, is_child = [], False
    if os.geteuid() == 0:
        for user in range(20_000, 20_024):
            child = os.fork()
            if child == 0:
                is_child = True
                become(user)
                break
            children.append(child)
        else:
            # The process that waits for the others attacks too, and not as root.
            become(NOBODY)
    number = os.getpid()
    while bridge.goes_on():
        number += 1
        source = f"127.{number % 200 + 1}.{number // 200 % 200 + 1}.2"
        client = attempt(lambda: bridge.tcp((bridge.http, bridge.foxglove, bridge.vrpn)[number % 3], source))
        if client:
            with client:
                sends(client, b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n")
        client = attempt(bridge.unix)
        if client:
            with client:
                sends(client, HELLO)
        time.sleep(0.01)
    if is_child:
        os._exit(0)
    for child in children:
        os.waitpid(child, 0)


def unpaired_trackers(bridge):
    """Handshakes of trackers that nobody paired, each from a port and with an address of its own."""
    with_port = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(200)]
    while bridge.goes_on():
        address = random.randbytes(6)
        packet = bytes([0, 0, 0, 3]) + bytes(8) + bytes(28) + b"\0" + address
        sender = with_port[bridge.actions % len(with_port)]
        attempt(lambda: sender.sendto(packet, (LOOPBACK, bridge.slimevr)))
        if bridge.actions % 100 == 0:
            time.sleep(0.002)


ATTACKS = {
    "descriptors sent (SCM_RIGHTS)": rights,
    "connect and close": connect_close,
    "greet and close": greet_close,
    "pose clients that never read": silent_pose_clients,
    "1,150 idle HTTP connections": idle_http,
    "all descriptors used": descriptors,
    "slow request heads": slow_heads,
    "slow request bodies": slow_bodies,
    "streams /live, not read": live,
    "Foxglove pings and texts": foxglove,
    "VRPN pings": vrpn,
    "bodies of 64 MiB": large_bodies,
    "many strangers": strangers,
    "unpaired trackers": unpaired_trackers,
}


if __name__ == "__main__":
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(4096, hard), hard))
    target = Bridge(sys.argv[2:])
    os.nice(10)
    # Here, not before the start: another user may not be permitted to execute this Python.
    if os.geteuid() == 0 and ATTACKS[sys.argv[1]] is not strangers:
        become(NOBODY)
    ATTACKS[sys.argv[1]](target)
    print(target.actions)
