import CLinux
import Devices
import Glibc
import Sensing
import Spatial

/// Gives an emulated device to the kernel through /dev/uhid: udev, hidraw and every program see a real HID
/// device.
public final class UHIDDevice {
  private let device: EmulatedDevice
  private let fileDescriptor: Int32
  /// Told of each report as it goes out: the time, ns of CLOCK_MONOTONIC.
  public var trace: ((Int64) -> Void)?

  public init(_ device: EmulatedDevice) throws(TransportError) {
    self.device = device
    fileDescriptor = Glibc.open("/dev/uhid", O_RDWR | O_CLOEXEC | O_NONBLOCK)
    guard fileDescriptor >= 0 else { throw TransportError("open /dev/uhid", code: errno) }
    let identity = device.identity
    let result = linux_uhid_create(
      fileDescriptor, identity.name, identity.physicalPath, identity.serial, identity.bus.rawValue,
      UInt32(identity.vendor), UInt32(identity.product), device.descriptorBytes, device.descriptorBytes.count)
    guard result == 0 else {
      Glibc.close(fileDescriptor)
      throw TransportError("create the uhid device", code: -result)
    }
  }

  deinit {
    _ = linux_uhid_destroy(fileDescriptor)
    Glibc.close(fileDescriptor)
  }

  /// Sends reports and answers feature requests until `stop` is readable or `seconds` are over.
  public func run(until stop: Int32, seconds: Double? = nil) throws {
    var generator = try device.generator()
    let start = Timestamp(nanoseconds: linux_monotonic_ns())
    let end = seconds.map { start.advanced(bySeconds: $0).nanoseconds } ?? .max
    try device.paced(from: start, until: stop) { _ in
      guard linux_monotonic_ns() < end else { return false }
      answer()
      return generator.next().reports.allSatisfy {
        trace?(linux_monotonic_ns())
        return linux_uhid_input(fileDescriptor, $0, $0.count) == 0
      }
    }
  }

  /// Requests are answered between samples: within a millisecond at the usual rates.
  private func answer() {
    var request: UInt32 = 0
    var number: UInt8 = 0
    var bytes = [UInt8](repeating: 0, count: 4096)
    var length = 0
    while true {
      let kind = linux_uhid_read(fileDescriptor, &request, &number, &bytes, bytes.count, &length)
      guard kind >= 0 else { return }
      switch UInt32(kind) {
      case LINUX_UHID_GET.rawValue:
        let reply: [UInt8]? = device.responder.getFeature(id: number, length: 4096)
        _ = linux_uhid_answer_get(
          fileDescriptor, request, reply == nil ? EIO : 0, reply ?? [], reply?.count ?? 0)
      case LINUX_UHID_SET.rawValue:
        _ = device.responder.setFeature(Array(bytes.prefix(length))) as Bool
        _ = linux_uhid_answer_set(fileDescriptor, request, 0)
      case LINUX_UHID_OUTPUT.rawValue:
        device.responder.output(Array(bytes.prefix(length)))
        while let input = device.responder.nextInput() {
          _ = linux_uhid_input(fileDescriptor, input, input.count)
        }
      default: continue
      }
    }
  }
}
