"""Prints every message, attachment and metadata of an MCAP file; fails on anything that is not as specified."""
import sys
from mcap.reader import NonSeekingReader, SeekingReader

with open(sys.argv[1], "rb") as file:
    reader = SeekingReader(file, validate_crcs=True)
    summary = reader.get_summary()
    count = 0
    for schema, channel, message in reader.iter_messages():
        count += 1
        print(channel.topic, message.log_time, message.publish_time, message.sequence, message.data.hex())
    assert count == summary.statistics.message_count, "statistics"
    for attachment in reader.iter_attachments():
        print("attachment", attachment.name, attachment.media_type, attachment.log_time, attachment.data.hex())
    for metadata in reader.iter_metadata():
        print("metadata", metadata.name, *[f"{k}={v}" for k, v in sorted(metadata.metadata.items())])
with open(sys.argv[1], "rb") as file:
    streamed = sum(1 for _ in NonSeekingReader(file, validate_crcs=True).iter_messages())
    assert streamed == count, "read from front to back it has other messages"
