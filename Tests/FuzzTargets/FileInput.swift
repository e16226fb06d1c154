import Bridge
import Devices
import Foundation
import Inference
import Perception
import Sensing
import Spatial

/// Bytes of files that others wrote.
extension FuzzTarget {
  /// A folder of this process for inputs that are read from a file.
  private static let folder: String = {
    let path = FileManager.default.temporaryDirectory
      .appendingPathComponent("vrbridge-fuzz-\(ProcessInfo.processInfo.processIdentifier)").path
    for name in ["calibration/x", "gestures/a", "models/m/1"] {
      try? FileManager.default.createDirectory(
        atPath: "\(path)/\(name)", withIntermediateDirectories: true)
    }
    return path
  }()

  private func write(_ contents: some Sequence<UInt8>, _ name: String) throws -> String {
    let path = Self.folder + "/" + name
    try Data(contents).write(to: URL(fileURLWithPath: path))
    return path
  }

  /// Input: a recording of hid-recorder as text or gzip data. Its interfaces are opened and its reports decoded.
  func play(_ input: [UInt8]) throws {
    let recording =
      input.starts(with: [0x1f, 0x8b])
      ? try? HIDRecording.read(path: try write(input, "recording.rec"))
      : try? HIDRecording.parse(input, file: "fuzz")
    guard let recording, let catalog = Self.catalog else { return }
    let batch = SampleBatch()
    for (index, interface) in recording.interfaces.enumerated() {
      guard let match = catalog.match(interface.identity, descriptor: interface.descriptor),
        let opened = try? PartOpener.open(
          match, recorded: interface.features, descriptor: interface.descriptor)
      else { continue }
      guard opened.calibration.gyroscope.isFinite else { throw NotFinite() }
      for event in recording.events where event.interface == index {
        batch.begin()
        recording.bytes[event.range].withUnsafeBytes {
          _ = try? opened.decoder.decode($0, received: Timestamp(nanoseconds: event.offset), into: batch)
        }
      }
    }
  }

  /// Input: number of the file, then its contents.
  func readState(_ input: [UInt8]) throws {
    guard let selector = input.first else { return }
    let contents = input.dropFirst()
    switch selector % 7 {
    case 0:
      _ = try write(contents, "pairings.json")
      _ = try? PairingStore(folder: Self.folder).entries()
    case 1:
      _ = try write(contents, "roles.json")
      _ = RoleStore(folder: Self.folder).warning
    case 2:
      _ = try write(contents, "calibration/x/1.json")
      let store = CalibrationStore(units: Self.folder + "/calibration", models: Self.folder)
      guard let file = try? store.unit(family: "x", serial: "1") else { return }
      guard file.applied(to: InertialCalibration()).gyroscope.isFinite else { throw NotFinite() }
    case 3:
      _ = try write(contents, "gestures/a/1.json")
      _ = GestureStore(folder: Self.folder + "/gestures").examples(of: "a")
    case 4:
      let text = String(decoding: contents, as: UTF8.self)
      guard let (list, signer) = RevocationList.parse(text) else { return }
      // A list has one form only: another text with the same entries would need another signature.
      guard text.hasSuffix("\n"), TrustedKeys.isKey(signer), list.entries.count < text.utf8.count else {
        throw NotFinite()
      }
    case 5:
      _ = try write(contents, "models/m/" + VersionChoice.fileName)
      let registry = ModelRegistry(folder: Self.folder + "/models", trusted: TrustedKeys())
      // No key is trusted, so no choice is.
      guard registry.choice(of: "m").version(among: ["1"], draw: 0) == nil else { throw NotFinite() }
    default: _ = try? SigningKey.load(file: try write(contents, "models.key"))
    }
  }
}
