import Foundation
import SessionLog

/// Writes 16-bit PCM as a WAV file (RIFF, Microsoft 1991), block by block.
public final class WAVFile {
  private let file: FileHandle
  private var bytes: UInt32 = 0

  public init(path: String, sampleRate: UInt32, channels: UInt32) throws {
    file = try PrivateFile.create(path)
    var head = Data("RIFF".utf8)
    func put(_ value: UInt32) { withUnsafeBytes(of: value.littleEndian) { head.append(contentsOf: $0) } }
    put(36)
    head += Data("WAVEfmt ".utf8)
    put(16)
    put(channels << 16 | 1)
    put(sampleRate)
    put(sampleRate &* channels &* 2)
    put(16 << 16 | (channels &* 2) & 0xffff)
    head += Data("data".utf8)
    put(0)
    try file.write(contentsOf: head)
  }

  public func append(_ samples: Data) throws {
    try file.write(contentsOf: samples)
    bytes &+= UInt32(truncatingIfNeeded: samples.count)
  }

  /// Writes the lengths into the header and closes the file.
  public func finish() throws {
    for (offset, value) in [(UInt64(4), bytes &+ 36), (40, bytes)] {
      try file.seek(toOffset: offset)
      try file.write(contentsOf: withUnsafeBytes(of: value.littleEndian) { Data($0) })
    }
    try file.close()
  }
}
