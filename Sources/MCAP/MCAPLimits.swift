/// What a reader takes into memory: a small file can hold chunks that inflate to gigabytes.
public struct MCAPLimits: Sendable, Equatable {
  /// Bytes of one chunk, inflated. The recorder closes a chunk at 1 MiB, the libraries at github.com/foxglove/mcap at 4 MiB
  /// or less unless they are set otherwise; a message that is larger stands in a chunk of its own.
  public var chunk: UInt64 = 64 << 20
  /// Bytes of all chunks that are open at the same time, because their times overlap.
  public var openChunks: UInt64 = 256 << 20

  public init() {}
}
