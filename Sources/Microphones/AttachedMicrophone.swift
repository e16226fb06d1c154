import CSDL2
import Devices
import Foundation

/// A microphone of this machine, as SDL names it.
public struct AttachedMicrophone: Sendable, Equatable {
  public var name: String
  /// Where its card is plugged in, as HID_PHYS and V4L2 say it: `usb-0000:00:14.0-1.3`; empty when it is not known.
  public var place: String

  /// Those that the sound system lists now.
  public static func all(_ audio: SDLAudio) -> [AttachedMicrophone] {
    let cards = SoundCard.all()
    return (0..<max(0, SDL_GetNumAudioDevices(1))).compactMap { index in
      guard let text = SDL_GetAudioDeviceName(index, 1) else { return nil }
      let name = String(cString: text)
      return AttachedMicrophone(name: name, place: cards.first { $0.isNamed(in: name) }?.place ?? "")
    }
  }

  /// The sound system's own choice; nil where it has no names, as SDL's driver of files.
  public static func standard(_ audio: SDLAudio) -> String? {
    var name: UnsafeMutablePointer<CChar>?
    var spec = SDL_AudioSpec()
    guard SDL_GetDefaultAudioInfo(&name, &spec, 1) == 0, let name else { return all(audio).first?.name }
    defer { SDL_free(name) }
    return String(cString: name)
  }

  /// Whether it is in the headset that is plugged in at a place: the same USB device, or behind the same hub.
  public func belongs(to place: String) -> Bool { USBPlace.areTogether(self.place, place) }
}

/// Why a microphone can't be used, in a sentence.
public struct MicrophoneFault: Error, Sendable, CustomStringConvertible {
  public let description: String
  public init(_ description: String) { self.description = description }
}

/// A sound card as the kernel lists it: SDL and PulseAudio know names only.
struct SoundCard {
  var names: [String]
  var place: String

  /// - Parameter folder: sysfs's class of sound.
  static func all(_ folder: String = "/sys/class/sound") -> [SoundCard] {
    let entries = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
    return entries.filter { $0.hasPrefix("card") && $0.dropFirst(4).allSatisfy(\.isNumber) }.sorted()
      .compactMap { card in
        let device = URL(fileURLWithPath: folder + "/" + card + "/device").resolvingSymlinksInPath()
        // The card hangs on an interface of the USB device, whose folder has its names.
        let parent = device.deletingLastPathComponent()
        func text(_ name: String, _ folder: URL) -> String? {
          (try? String(contentsOf: folder.appendingPathComponent(name), encoding: .utf8))?
            .trimmingCharacters(in: .whitespacesAndNewlines)
        }
        var names = [text("id", URL(fileURLWithPath: folder + "/" + card))].compactMap { $0 }
        names += [text("product", parent)].compactMap { $0 }
        guard let place = USBPlace.place(ofDeviceFolder: parent.path) else {
          return SoundCard(names: names, place: "")
        }
        return SoundCard(names: names, place: place)
      }
  }

  func isNamed(in text: String) -> Bool {
    names.contains { $0.count >= 3 && text.range(of: $0, options: .caseInsensitive) != nil }
  }
}
