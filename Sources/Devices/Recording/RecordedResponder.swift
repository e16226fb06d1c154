import Foundation
import Sensing

/// Answers the feature reports of a recorded interface.
///
/// Recordings of other tools hold no feature reports; the configuration that the part's driver reads from the unit then comes
/// from a file beside the recording.
package struct RecordedResponder {
  package let features: any FeatureResponder
  /// The configuration file in use, for the log; nil when the recording holds all replies.
  package private(set) var note: String?
  /// Why a configuration file can't be used; the recorded replies are used instead.
  package private(set) var problem: String?

  /// - Parameters:
  ///   - file: path of the recording.
  ///   - configuration: path of the configuration to answer with; nil searches beside the recording.
  package init(
    _ interface: HIDRecording.Interface, _ match: DeviceCatalog.Match?, file: String, configuration: String?
  ) {
    let recorded = RecordedFeatures(interface.features)
    var found: (path: String, note: String)?
    let reader = match?.part.driver?.configuration
    if let match, let reader {
      if let path = configuration {
        found = (path, "")
      } else if !interface.features.contains(where: { $0.report.first == reader.dataFeature }) {
        found = Self.configuration(beside: file, match, reader)
      }
    }
    guard let found, let reader else {
      features = recorded
      return
    }
    do {
      let blob = try Self.stored(found.path)
      let configuration = try reader.configuration(blob, axes: .identity)
      features = try reader.responder(blob, others: recorded)
      note = "factory calibration of \(configuration.serial) from \(found.path)\(found.note)"
    } catch {
      features = recorded
      problem = "\(found.path): \(error)"
    }
  }

  /// Reads a configuration file, without the byte order mark that editors put before text.
  private static func stored(_ path: String) throws -> [UInt8] {
    let bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
    return bytes.starts(with: [0xef, 0xbb, 0xbf]) ? Array(bytes.dropFirst(3)) : bytes
  }

  /// Searches `NAME.config.json` and `NAME.config.zlib`, else a configuration of the same product in `config/` next to
  /// the recording or one folder up.
  private static func configuration(
    beside file: String, _ match: DeviceCatalog.Match, _ reader: any ConfigurationReader
  ) -> (path: String, note: String)? {
    let url = URL(fileURLWithPath: file)
    let folder = url.deletingLastPathComponent()
    let stem = url.lastPathComponent.split(separator: ".").first.map(String.init) ?? ""
    for suffix in ["config.zlib", "config.json"] {
      let path = folder.appendingPathComponent("\(stem).\(suffix)").path
      if FileManager.default.fileExists(atPath: path) { return (path, "") }
    }
    let products = Set(match.description.parts.flatMap(\.match).compactMap(\.product))
    for name in ["config", "../config"] {
      let config = folder.appendingPathComponent(name).standardizedFileURL
      let names = ((try? FileManager.default.contentsOfDirectory(atPath: config.path)) ?? []).filter {
        $0.hasSuffix(".config.zlib")
      }
      let fitting = names.sorted().filter { name in
        guard let blob = try? stored(config.appendingPathComponent(name).path),
          let configuration = try? reader.configuration(blob, axes: .identity),
          let product = configuration.product
        else { return false }
        return products.contains(product)
      }
      if let first = fitting.first {
        let note =
          fitting.count > 1
          ? "; \(fitting.count) units fit and the recording does not name one: choose with config=FILE" : ""
        return (config.appendingPathComponent(first).path, note)
      }
    }
    return nil
  }
}
