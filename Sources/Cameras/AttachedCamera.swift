import Devices
import Foundation

/// A connected camera.
public struct AttachedCamera: Sendable, Equatable {
  public var path: String
  public var name: String
  /// The port, such as `usb-0000:00:14.0-1.3`, or the name of another bus.
  public var bus: String
  public var modes: [Mode]

  public struct Mode: Sendable, Equatable {
    public var format: PixelFormat
    public var width: Int
    public var height: Int
  }

  /// All cameras that can be opened and capture images, ordered by node number.
  public static func all() -> [AttachedCamera] {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: "/dev")) ?? []
    let numbers = names.compactMap { name in name.hasPrefix("video") ? Int(name.dropFirst(5)) : nil }
    return numbers.sorted().compactMap { number in
      let path = "/dev/video\(number)"
      guard let found = try? V4L2Camera.describe(path: path), !found.modes.isEmpty else { return nil }
      return AttachedCamera(
        path: path, name: found.name, bus: found.bus,
        modes: found.modes.map { Mode(format: $0.format, width: $0.width, height: $0.height) })
    }
  }

  /// Whether the camera is part of the headset at a USB port: the same device, or behind the same hub.
  public func belongs(to port: String) -> Bool { USBPort.areTogether(bus, port) }
}
