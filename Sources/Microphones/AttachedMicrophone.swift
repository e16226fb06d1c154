import CSDL2
import Devices
public import Diagnostics
import Foundation

/// A microphone of this machine, with SDL's name.
public struct AttachedMicrophone: Sendable, Equatable {
  public var name: String
  /// The USB port of its card, in the form of HID_PHYS and V4L2: `usb-0000:00:14.0-1.3`; empty when unknown.
  public var port: String

  /// Returns the microphones that the sound system lists now.
  public static func all(_ audio: SDLAudio) -> [AttachedMicrophone] {
    let cards = SoundCard.all()
    return (0..<max(0, SDL_GetNumAudioDevices(1))).compactMap { index in
      guard let text = SDL_GetAudioDeviceName(index, 1) else { return nil }
      let name = String(cString: text)
      return AttachedMicrophone(name: name, port: cards.first { $0.isNamed(in: name) }?.port ?? "")
    }
  }

  /// Returns the sound system's default; nil where devices have no names (SDL's driver for files).
  public static func standard(_ audio: SDLAudio) -> String? {
    var name: UnsafeMutablePointer<CChar>?
    var spec = SDL_AudioSpec()
    guard SDL_GetDefaultAudioInfo(&name, &spec, 1) == 0, let name else { return all(audio).first?.name }
    defer { SDL_free(name) }
    return String(cString: name)
  }

  /// Whether it belongs to the headset at a USB port: on the same USB device, or behind the same hub.
  public func belongs(to port: String) -> Bool { USBPort.areTogether(self.port, port) }
}

/// A microphone or a sound file can't be read.
public struct MicrophoneError: CodedError, Sendable {
  public let description: String
  public var code: String { "microphone-unavailable" }

  public init(_ description: String) { self.description = description }
}

/// A sound card in the kernel's list, which has USB ports; SDL and PulseAudio list names alone.
struct SoundCard {
  var names: [String]
  var port: String

  /// - Parameter folder: sysfs's class of sound.
  static func all(_ folder: String = "/sys/class/sound") -> [SoundCard] {
    let entries = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
    return entries.filter { $0.hasPrefix("card") && $0.dropFirst(4).allSatisfy(\.isNumber) }.sorted()
      .compactMap { card in
        let device = URL(fileURLWithPath: folder + "/" + card + "/device").resolvingSymlinksInPath()
        // The card belongs to an interface of the USB device, whose folder has the names.
        let parent = device.deletingLastPathComponent()
        func text(_ name: String, _ folder: URL) -> String? {
          (try? String(contentsOf: folder.appendingPathComponent(name), encoding: .utf8))?
            .trimmingCharacters(in: .whitespacesAndNewlines)
        }
        var names = [text("id", URL(fileURLWithPath: folder + "/" + card))].compactMap { $0 }
        names += [text("product", parent)].compactMap { $0 }
        guard let port = USBPort.name(ofDeviceFolder: parent.path) else {
          return SoundCard(names: names, port: "")
        }
        return SoundCard(names: names, port: port)
      }
  }

  func isNamed(in text: String) -> Bool {
    names.contains { $0.count >= 3 && text.range(of: $0, options: .caseInsensitive) != nil }
  }
}
