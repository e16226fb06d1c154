import BridgeProtocol
import CBaseline
import CLinux
import CVRBridge
import Foundation
import Sensing
import Spatial

/// The C loop that reads packets and copies them into shared memory.
final class BaselinePage {
  private let page: UnsafeMutablePointer<vrb_page>
  private var writers: [Int32] = []
  private let stop = linux_eventfd()
  private var packet: [UInt8] = []

  init(deviceCount: Int) throws {
    var address: UnsafeMutableRawPointer?
    guard linux_sealed_memory("baseline", MemoryLayout<vrb_page>.size, &address) >= 0, let address else {
      throw POSIXError(.ENOMEM)
    }
    page = address.bindMemory(to: vrb_page.self, capacity: 1)
    var readers: [Int32] = []
    for _ in 0..<deviceCount {
      var pair: [Int32] = [0, 0]
      guard linux_packet_pair(&pair) == 0 else { throw POSIXError(.EMFILE) }
      readers.append(pair[0])
      writers.append(pair[1])
    }
    let address2 = UInt(bitPattern: page)
    let stop = stop
    let descriptors = readers
    let thread = Thread {
      linux_name_thread("baseline")
      _ = baseline_copy_loop(
        descriptors, Int32(descriptors.count), UnsafeMutableRawPointer(bitPattern: address2), stop)
    }
    thread.start()
  }

  deinit { linux_eventfd_signal(stop) }

  @discardableResult
  func send(_ report: [UInt8], device: Int, sent: Int64) -> Bool {
    packet.removeAll(keepingCapacity: true)
    withUnsafeBytes(of: sent) { packet.append(contentsOf: $0) }
    packet.append(contentsOf: report)
    let count = packet.count
    return packet.withUnsafeBytes { linux_send(writers[device], $0.baseAddress, count, -1) } == count
  }

  /// Sends a report and waits until the page holds it.
  func publish(_ report: [UInt8], device: Int, sent: Int64) -> Int64? {
    guard send(report, device: device, sent: sent) else { return nil }
    var client = vrb_client()
    client.page = UnsafePointer(page)
    let limit = linux_monotonic_ns() + 20_000_000
    var pose = vrb_pose()
    while linux_monotonic_ns() < limit {
      if vrb_newest(&client, Int32(device), &pose) == 0, pose.captured_ns >= sent {
        return linux_monotonic_ns()
      }
    }
    return nil
  }
}

/// Echoes bytes over a Unix stream socket between two threads.
final class EchoBaseline {
  private let near: Int32

  init() throws {
    var pair: [Int32] = [0, 0]
    guard socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &pair) == 0 else { throw POSIXError(.EMFILE) }
    near = pair[0]
    let far = pair[1]
    let thread = Thread { baseline_echo(far) }
    thread.start()
  }

  deinit { close(near) }

  func run(size: Int, count: Int) throws -> [Int64] {
    var durations = [Int64](repeating: 0, count: count)
    guard baseline_echo_client(near, size, Int32(count), 1_000_000, &durations) == 0 else {
      throw POSIXError(.EIO)
    }
    return durations
  }
}
