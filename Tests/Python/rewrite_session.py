"""Writes a session's records in another legal order of MCAP: rewrite_session.py INPUT OUTPUT KIND.

KIND is one of the functions' names below, with hyphens.
"""
import sys

from mcap.reader import make_reader
from mcap.writer import CompressionType, IndexType, Writer


def rank(topic):
    """The same order of equal times as a sorting program has by chance: states before reports."""
    return 0 if topic.endswith("/state") else 1


source, target, kind = sys.argv[1:4]
options = {"compression": CompressionType.NONE}
if kind == "unchunked":
    options["use_chunking"] = False
elif kind in ("one-chunk", "by-topic-one-chunk"):
    options["chunk_size"] = 1 << 30
elif kind == "small-chunks":
    options["chunk_size"] = 256
    options["compression"] = CompressionType.ZSTD
elif kind == "by-topic":
    options["chunk_size"] = 4096
    options["compression"] = CompressionType.LZ4
elif kind == "no-index":
    options["index_types"] = IndexType.NONE
elif kind == "no-summary":
    options |= {
        "index_types": IndexType.NONE, "repeat_channels": False, "repeat_schemas": False,
        "use_statistics": False, "use_summary_offsets": False, "enable_crcs": False,
    }

with open(source, "rb") as file:
    reader = make_reader(file)
    attachments = list(reader.iter_attachments())
    metadata = list(reader.iter_metadata())
    messages = list(reader.iter_messages(log_time_order=False))

if kind.startswith("by-topic") or kind == "unchunked-by-topic":
    messages.sort(key=lambda entry: (rank(entry[1].topic), entry[1].topic, entry[2].log_time))
    if kind.startswith("unchunked"):
        options["use_chunking"] = False
elif kind == "by-time":
    messages.sort(key=lambda entry: (entry[2].log_time, rank(entry[1].topic)))
elif kind == "reversed":
    messages.reverse()

with open(target, "wb") as file:
    writer = Writer(file, **options)
    writer.start()
    if kind == "attachments-first":
        for entry in attachments:
            writer.add_attachment(entry.create_time, entry.log_time, entry.name, entry.media_type, entry.data)
    schemas, channels = {}, {}
    for index, (schema, channel, message) in enumerate(messages):
        if schema.id not in schemas:
            schemas[schema.id] = writer.register_schema(schema.name, schema.encoding, schema.data)
        if channel.id not in channels:
            channels[channel.id] = writer.register_channel(
                channel.topic, channel.message_encoding, schemas[schema.id], channel.metadata)
        writer.add_message(
            channels[channel.id], message.log_time, message.data, message.publish_time, message.sequence)
        if kind == "attachments-between" and index == len(messages) // 2:
            for entry in attachments:
                writer.add_attachment(entry.create_time, entry.log_time, entry.name, entry.media_type, entry.data)
    if kind not in ("attachments-first", "attachments-between"):
        for entry in reversed(attachments):
            writer.add_attachment(entry.create_time, entry.log_time, entry.name, entry.media_type, entry.data)
    for entry in metadata:
        writer.add_metadata(entry.name, entry.metadata)
    writer.finish()
