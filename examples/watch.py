"""Poses and annotations of a running bridge, in Python.

    sudo apt-get install protobuf-compiler python3-protobuf
    protoc --python_out=. --proto_path=/usr/share/vrbridge vrbridge.proto    # once; or --proto_path=Sources/BridgeProtocol/Protos
    PYTHONPATH=. python3 watch.py [SECONDS]                                  # the folder of vrbridge_pb2.py

The protocol (docs/reference/protocol.md): each message behind its length, four bytes, little-endian.
"""

import os
import socket
import stat
import struct
import sys
import time

try:
    import vrbridge_pb2 as vrb
except ImportError as error:
    raise SystemExit(f"{error}; see the first lines of this file for the packages and the command that makes vrbridge_pb2.py")


def socket_path():
    if os.environ.get("VRBRIDGE_SOCKET"):
        return os.environ["VRBRIDGE_SOCKET"]
    user, system = os.geteuid(), "/run/vrbridge/vrbridge.sock"
    if os.environ.get("XDG_RUNTIME_DIR"):
        folder = os.environ["XDG_RUNTIME_DIR"] + "/vrbridge"
    elif user == 0:
        return system
    elif is_own(f"/run/user/{user}"):
        folder = f"/run/user/{user}/vrbridge"
    elif is_own(f"/tmp/vrbridge-{user}", others=0):
        folder = f"/tmp/vrbridge-{user}"
    else:
        return system
    return folder + "/vrbridge.sock" if os.path.exists(folder + "/vrbridge.sock") else system


def is_own(folder, others=0o077):
    """Whether a folder is no link, belongs to this user, and gives others no more than these permissions."""
    try:
        info = os.lstat(folder)
    except OSError:
        return False
    return stat.S_ISDIR(info.st_mode) and info.st_uid == os.geteuid() and info.st_mode & 0o077 & ~others == 0


class Bridge:
    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(path)
        self.number = 0
        welcome = self.ask(hello=vrb.Hello(protocol_version=1005, features=["annotations", "speech"], client_name="watch.py"))
        self.scopes = set(welcome.welcome.scopes)

    def send(self, **message):
        self.number += 1
        data = vrb.ClientFrame(request_id=self.number, **message).SerializeToString()
        self.socket.sendall(struct.pack("<I", len(data)) + data)

    def receive(self):
        (length,) = struct.unpack("<I", self._exactly(4))
        return vrb.ServerFrame.FromString(self._exactly(length))

    def ask(self, **message):
        self.send(**message)
        while True:
            frame = self.receive()
            if frame.reply_to == self.number:
                if frame.HasField("error"):
                    raise SystemExit(f"the bridge says: {frame.error.message}")
                return frame

    def _exactly(self, count):
        data = b""
        while len(data) < count:
            part = self.socket.recv(count - len(data))
            if not part:
                raise SystemExit("the bridge went away")
            data += part
        return data


def main():
    end = time.monotonic() + float(sys.argv[1]) if len(sys.argv) > 1 else float("inf")
    try:
        bridge = Bridge(socket_path())
    except OSError as error:
        raise SystemExit(f"no bridge at {socket_path()} ({error}); start one with 'vrbridge run --demo'")
    streams = [vrb.STREAM_POSES]
    if "camera" in bridge.scopes:
        streams.append(vrb.STREAM_ANNOTATIONS)
    if "microphone" in bridge.scopes:
        streams.append(vrb.STREAM_SPEECH)
    bridge.ask(
        subscribe=vrb.Subscribe(streams=streams, roles=[vrb.ROLE_HEAD], max_rate_hz=10, queue_policy=vrb.QUEUE_POLICY_LATEST_ONLY)
    )
    while time.monotonic() < end:
        frame = bridge.receive()
        for pose in frame.poses.poses:
            age = time.monotonic_ns() - pose.captured_ns
            print(f"head {pose.qx:+.3f} {pose.qy:+.3f} {pose.qz:+.3f} {pose.qw:+.3f}  {age / 1e6:.1f} ms old")
        for annotation in frame.annotations.annotations:
            kind = vrb.AnnotationKind.Name(annotation.kind).removeprefix("ANNOTATION_KIND_").lower()
            state = "gone" if annotation.ended else f"{annotation.confidence:.0%}"
            print(f"{kind} {annotation.id}: {annotation.label} ({state}, {annotation.model} {annotation.model_version})")


if __name__ == "__main__":
    main()
