import Logging
import Sensing
import Synchronization

/// Reports what an output leaves out, once for each device.
final class OmissionReport: Sendable {
  /// What is left out.
  enum Part: String {
    case position
    case pose
  }

  private let output: String
  private let log: Logger
  private let reported = Mutex<Set<DeviceID>>([])

  /// - Parameter output: its key in the configuration.
  init(output: String, log: Logger) {
    self.output = output
    self.log = log
  }

  /// Reports that a part of a device without a position is not sent.
  func report(_ device: DeviceStatus, _ part: Part) {
    guard reported.withLock({ $0.insert(device.id).inserted }) else { return }
    log.warning(
      "\(output): the \(part.rawValue) of a device is not sent, because the device has no position; inject poses, or assign the role of a head or hand",
      metadata: [
        "device": "\(device.name)", "id": "\(device.id.number)", "serial": "\(device.serial)",
        "role": "\(device.role.name)",
      ])
  }

  /// Forgets devices that are not in the list, so that the memory is bounded.
  func keep(only devices: [DeviceStatus]) {
    reported.withLock { reported in
      guard !reported.isEmpty else { return }
      reported.formIntersection(devices.map(\.id))
    }
  }
}
