import Cryptography
import Foundation
import Sensing
import SessionLog
import Spatial
import TrackingPipeline

/// Collects the states that a replay computes, until the recorded ones are compared with them or replaced by them.
final class ComputedStates: PipelineTap {
  private struct Pending {
    var device: UInt32
    /// First byte of the state.
    var start: Int
    var isTaken = false
  }

  private var pending: [Pending] = []
  private var bytes: [UInt8] = []
  /// The index of the last report's first state.
  private var reportStart = 0
  private var reportTime: Timestamp?
  private let hash = SHA256()
  private var unhashed: [UInt8] = []
  /// Whether new states count and enter the digest.
  var isCounting = true
  private(set) var count: UInt64 = 0

  func state(_ state: TrackedState, device: DeviceID) {
    let start = bytes.count
    bytes.append(contentsOf: repeatElement(0, count: WireFormat.stateLength))
    bytes.withUnsafeMutableBytes {
      WireFormat.write(state, into: UnsafeMutableRawBufferPointer(rebasing: $0[start...]))
    }
    pending.append(Pending(device: device.number, start: start))
    guard isCounting else { return }
    count += 1
    withUnsafeBytes(of: device.number.littleEndian) { unhashed.append(contentsOf: $0) }
    unhashed.append(contentsOf: bytes[start...])
    if unhashed.count > 1 << 16 { flush() }
  }

  private func flush() {
    hash.update(unhashed)
    unhashed.removeAll(keepingCapacity: true)
  }

  /// Whether a report's states replace those of the reports before. States of the same time stay: a copy sorted by time
  /// may have several reports before their states.
  func isNewer(_ received: Timestamp) -> Bool { reportTime != received }

  /// Notes that the following states are those of a report.
  func begin(_ received: Timestamp) {
    reportTime = received
    reportStart = pending.count
  }

  /// Discards all states.
  func clear() {
    pending.removeAll(keepingCapacity: true)
    bytes.removeAll(keepingCapacity: true)
    reportStart = 0
    reportTime = nil
  }

  /// The device of the first state that was not taken.
  var firstDevice: UInt32? { pending.first { !$0.isTaken }?.device }

  /// Takes the first state of a device that was not taken yet.
  func take(_ device: UInt32) -> ArraySlice<UInt8>? {
    guard let index = pending.firstIndex(where: { !$0.isTaken && $0.device == device }) else { return nil }
    pending[index].isTaken = true
    return bytes[pending[index].start..<(pending[index].start + WireFormat.stateLength)]
  }

  /// Gives the states of the last report.
  func forEachOfReport(_ body: (_ device: UInt32, _ state: TrackedState) -> Void) {
    for entry in pending[reportStart...] {
      let slice = bytes[entry.start..<(entry.start + WireFormat.stateLength)]
      if let state = slice.withUnsafeBytes({ SessionReader.state($0) }) { body(entry.device, state) }
    }
  }

  /// SHA-256 of all counted states, hexadecimal. Ends the collection.
  var digest: String {
    flush()
    return hash.finalize().map { byte in
      let text = String(byte, radix: 16)
      return byte < 16 ? "0" + text : text
    }.joined()
  }
}
