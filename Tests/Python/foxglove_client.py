"""A client of the Foxglove WebSocket protocol: foxglove_client.py URL SUBPROTOCOL SECONDS. Subscribes to every channel
that is advertised, decodes each message with the schema that came with it and with Foxglove's own package, and prints
what came as JSON."""

import asyncio
import base64
import importlib
import json
import struct
import sys

import websockets
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory


async def main(url, subprotocol, seconds):
    found = {"topics": {}, "schemas": {}, "times": 0, "info": None, "status": [], "theirs": 0, "order": True}
    async with websockets.connect(url, subprotocols=[subprotocol], max_size=None) as socket:
        found["subprotocol"] = socket.subprotocol
        types, channels, newest = {}, {}, {}
        loop = asyncio.get_running_loop()
        end = loop.time() + seconds
        complained = False
        while loop.time() < end:
            message = await asyncio.wait_for(socket.recv(), 5)
            if isinstance(message, str):
                message = json.loads(message)
                if message["op"] == "serverInfo":
                    found["info"] = message
                elif message["op"] == "status":
                    found["status"].append(message)
                elif message["op"] == "advertise":
                    wanted = []
                    for channel in message["channels"]:
                        pool = descriptor_pool.DescriptorPool()
                        files = descriptor_pb2.FileDescriptorSet.FromString(base64.b64decode(channel["schema"]))
                        for file in files.file:
                            pool.Add(file)
                        kind = message_factory.GetMessageClass(pool.FindMessageTypeByName(channel["schemaName"]))
                        theirs = None
                        if channel["schemaName"].startswith("foxglove."):
                            name = channel["schemaName"].split(".")[1]
                            theirs = getattr(importlib.import_module(f"foxglove_schemas_protobuf.{name}_pb2"), name)
                        types[channel["id"]] = (channel["topic"], kind, theirs)
                        channels[1000 + channel["id"]] = channel["id"]
                        found["schemas"][channel["topic"]] = channel["schemaName"]
                        wanted.append({"id": 1000 + channel["id"], "channelId": channel["id"]})
                    await socket.send(json.dumps({"op": "subscribe", "subscriptions": wanted}))
            elif message[0] == 2:
                found["times"] += 1
            else:
                _, subscription, time = struct.unpack_from("<BIQ", message)
                topic, kind, theirs = types[channels[subscription]]
                decoded = kind.FromString(message[13:])
                if theirs is not None:
                    # Equal in their own reading, with nothing that they do not know.
                    same = theirs.FromString(message[13:])
                    assert same.SerializeToString(deterministic=True) == decoded.SerializeToString(deterministic=True), topic
                    found["theirs"] += 1
                if topic == "/devices/1/pose":
                    found["order"] &= time >= newest.get(topic, 0)
                    newest[topic] = time
                entry = found["topics"].setdefault(topic, {"count": 0})
                entry["count"] += 1
                if topic == "/cameras/drawn-camera/image":
                    entry["jpeg"] = decoded.data[:2] == b"\xff\xd8"
                if topic == "/tf":
                    entry.setdefault("frames", [])
                    if decoded.child_frame_id not in entry["frames"]:
                        entry["frames"].append(decoded.child_frame_id)
            if not complained and found["times"] > 5:
                # What is not of the protocol is answered, and the connection goes on.
                complained = True
                for text in ["{", '{"op":"subscribe"}', '{"op":"nonsense"}', '{"op":"unsubscribe","subscriptionIds":[7]}',
                             '{"op":"subscribe","subscriptions":[{"id":1,"channelId":99999}]}']:
                    await socket.send(text)
                await socket.send(b"\x01\x00\x00\x00\x00")
                await socket.ping()
    print(json.dumps(found))


asyncio.run(main(sys.argv[1], sys.argv[2], float(sys.argv[3])))
