"""Decodes every message of a session with mcap-protobuf-support; prints topic, schema and count of each channel.

Fails when a Foxglove schema in the file differs from Foxglove's own package.
"""
import importlib
import sys
from google.protobuf.descriptor_pb2 import FileDescriptorSet
from mcap.reader import SeekingReader
from mcap_protobuf.decoder import DecoderFactory


def shape(message, found):
    """Names, numbers, types and labels of a message's fields, and of those of the messages in it."""
    if message.full_name in found:
        return found
    found[message.full_name] = sorted(
        (f.number, f.name, f.type, f.is_repeated) for f in message.fields
    )
    for field in message.fields:
        if field.message_type is not None:
            shape(field.message_type, found)
    return found


with open(sys.argv[1], "rb") as file:
    reader = SeekingReader(file, validate_crcs=True, decoder_factories=[DecoderFactory()])
    counts = {}
    for schema, channel, message, decoded in reader.iter_decoded_messages():
        counts[channel.topic] = (schema.name, counts.get(channel.topic, (schema.name, 0))[1] + 1)
        if schema.name.startswith("foxglove."):
            name = schema.name.removeprefix("foxglove.")
            module = importlib.import_module(f"foxglove_schemas_protobuf.{name}_pb2")
            theirs = shape(getattr(module, name).DESCRIPTOR, {})
            ours = shape(decoded.DESCRIPTOR, {})
            assert ours == theirs, f"{schema.name} differs: {ours} and {theirs}"
    summary = reader.get_summary()
    assert sum(count for _, count in counts.values()) == summary.statistics.message_count
    for schema in summary.schemas.values():
        FileDescriptorSet.FromString(schema.data)
    for topic, (name, count) in sorted(counts.items()):
        print(topic, name, count)
