import Devices
import Foundation

/// A camera node of this machine.
public struct AttachedCamera: Sendable, Equatable {
  public var path: String
  public var name: String
  /// `usb-0000:00:14.0-1.3`, or another bus's name.
  public var bus: String
  public var modes: [Mode]

  public struct Mode: Sendable, Equatable {
    public var format: PixelFormat
    public var width: Int
    public var height: Int
  }

  /// Those that can be opened and capture, in the order of their numbers.
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

  /// Whether it is in the headset that is plugged in at a place: the same USB device, or behind the same hub.
  public func belongs(to place: String) -> Bool { USBPlace.areTogether(bus, place) }
}
