"""Writes a thousand messages on three channels: write_mcap.py FILE none|lz4|zstd|unchunked|unindexed."""
import sys
from mcap.writer import CompressionType, IndexType, Writer

kind = sys.argv[2]
compression = {"lz4": CompressionType.LZ4, "zstd": CompressionType.ZSTD}.get(kind, CompressionType.NONE)
options = {"chunk_size": 4096, "compression": compression, "use_chunking": kind != "unchunked"}
if kind == "unindexed":
    options["index_types"] = IndexType.NONE
with open(sys.argv[1], "wb") as file:
    writer = Writer(file, **options)
    writer.start()
    schema = writer.register_schema("text", "", b"")
    channels = [writer.register_channel(f"/t{i}", "text", schema) for i in range(3)]
    for index in range(1000):
        writer.add_message(channels[index % 3], index * 10, f"message {index}".encode(), index * 10, index)
    writer.finish()
