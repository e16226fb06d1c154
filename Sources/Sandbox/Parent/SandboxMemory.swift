import CLinux
import Glibc

/// Memory that this process shares with a confined one. It cannot shrink, so an access never fails.
///
/// `@unchecked Sendable`: only the thread of the process that owns it reads and writes.
final class SandboxMemory: @unchecked Sendable {
  let descriptor: Int32
  private let base: UnsafeMutableRawPointer
  private let input: Int
  private let size: Int
  /// Transfers beyond it are given back to the system.
  private static let keptSize = 16 << 20

  init(_ plan: SandboxPlan) throws(SandboxError) {
    input = plan.input
    size = plan.input + plan.output
    var address: UnsafeMutableRawPointer?
    descriptor = linux_exchange_memory("vrbridge-sandbox", size, &address)
    guard descriptor >= 0, let address else {
      throw SandboxError(
        .unavailable,
        "there is no shared memory for the confined process '\(plan.role)': \(String(cString: strerror(-descriptor)))"
      )
    }
    base = address
  }

  deinit {
    linux_unmap_exchange(base, size)
    close(descriptor)
  }

  /// Copies parts to the input, each at a multiple of 64 bytes.
  ///
  /// - Returns: their ranges; nil when they need more than the input has.
  func write(_ parts: [[UInt8]]) -> [Range<Int>]? {
    var ranges: [Range<Int>] = []
    var offset = 0
    for part in parts {
      guard offset <= input, part.count <= input - offset else { return nil }
      part.withUnsafeBytes { source in
        if let from = source.baseAddress { memcpy(base + offset, from, source.count) }
      }
      ranges.append(offset..<(offset + part.count))
      offset = (offset + part.count + 63) & ~63
    }
    return ranges
  }

  /// What the confined process wrote, and may still be writing.
  var output: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: base + input, count: size - input) }

  /// Gives back all memory, after a process ended: what it wrote is not known.
  func discard() { linux_discard_exchange(base, size) }

  /// Gives back the memory of a large transfer.
  func release(_ given: [Range<Int>], _ taken: [Range<Int>]) {
    if given.last.map({ $0.upperBound > Self.keptSize }) == true { linux_discard_exchange(base, input) }
    if taken.contains(where: { $0.upperBound > Self.keptSize }) {
      linux_discard_exchange(base + input, size - input)
    }
  }
}
