import Devices
import Foundation
import Inference
import StrictYAML

/// Where models are, who may vouch for them, and how they are run: `models:` in the configuration.
public struct ModelSettings: Sendable, Equatable {
  public var folder: String
  /// Folder or file of OpenVINO's library.
  public var runtime: String
  /// Folder or file of sherpa-onnx's library.
  public var speechRuntime: String
  /// Public keys beside the user's own.
  public var trustedKeys: [String] = []
  /// File or credential with the key of encrypted models.
  public var key: String?
  /// Inferences at a time.
  public var width = 1
  public var standard = ModelHost.Setting()
  public var perModel: [String: ModelHost.Setting] = [:]

  public static let keys: [String: [String]] = [
    "models": [
      "folder", "openvino", "sherpa_onnx", "trusted_keys", "key", "cache", "at_once", "engine", "device",
      "threads",
      "streams",
      "precision", "run",
    ],
    "run": ["engine", "device", "threads", "streams", "precision", "remote"],
    "remote": ["address", "protocol", "name", "version", "timeout_ms", "retries", "fall_back", "text"],
  ]

  public init(environment: [String: String]) {
    folder = ModelRegistry.standardFolder(environment: environment)
    let parent = URL(fileURLWithPath: folder).deletingLastPathComponent()
    func place(_ name: String, _ variable: String) -> String {
      environment[variable].flatMap { $0.isEmpty ? nil : $0 } ?? parent.appendingPathComponent(name).path
    }
    runtime = place("openvino", "VRBRIDGE_OPENVINO")
    speechRuntime = place("sherpa-onnx", "VRBRIDGE_SHERPA_ONNX")
  }

  mutating func apply(_ value: YAMLValue) throws(DocumentError) {
    let map = try value.mapping(keys: Self.keys["models"] ?? [])
    if let given = map["folder"] { folder = try given.string() }
    if let given = map["openvino"] { runtime = try given.string() }
    if let given = map["sherpa_onnx"] { speechRuntime = try given.string() }
    if let given = map["key"] { key = try given.string() }
    if let given = map["at_once"] { width = try given.integer(in: 1...64) }
    for item in try map["trusted_keys"]?.list(count: 0...100) ?? [] {
      let text = try item.string()
      guard TrustedKeys.isKey(text) else {
        throw item.error("a key is 32 bytes in base64, as 'vrbridge models key' prints it")
      }
      trustedKeys.append(text)
    }
    if let given = map["cache"] { standard.options.cache = try given.string() }
    try Self.options(map, &standard.options)
    for (name, entry) in try map["run"]?.pairs() ?? [] {
      var setting = standard
      let map = try entry.mapping(keys: Self.keys["run"] ?? [])
      try Self.options(map, &setting.options)
      if let remote = map["remote"] { setting.remote = try Self.remote(remote) }
      perModel[try name.string()] = setting
    }
  }

  private static func options(_ map: YAMLMapping, _ options: inout SessionOptions) throws(DocumentError) {
    if let given = map["engine"] {
      options.library = try given.choice(SessionOptions.Library.allCases.map { ($0.rawValue, $0) })
    }
    if let given = map["device"] { options.device = try given.string() }
    if let given = map["threads"] { options.threads = try given.integer(in: 1...256) }
    if let given = map["streams"] { options.streams = try given.integer(in: 1...64) }
    if let given = map["precision"] {
      options.precision = try given.choice([("f32", "f32"), ("f16", "f16"), ("bf16", "bf16")])
    }
  }

  private static func remote(_ value: YAMLValue) throws(DocumentError) -> RemoteModel {
    let map = try value.mapping(keys: keys["remote"] ?? [])
    let address = try map.required("address")
    var remote = RemoteModel(address: try address.string())
    guard let url = URL(string: remote.address), ["http", "https"].contains(url.scheme), url.host != nil
    else {
      throw address.error("a server's address is http://HOST:PORT, or https")
    }
    while remote.address.hasSuffix("/") { remote.address.removeLast() }
    if let given = map["protocol"] {
      remote.dialect = try given.choice(RemoteModel.Dialect.allCases.map { ($0.rawValue, $0) })
    }
    remote.name = try map["name"]?.string()
    remote.version = try map["version"]?.string()
    if let given = map["timeout_ms"] { remote.timeout = try given.number(in: 1...600_000) / 1000 }
    if let given = map["retries"] { remote.retries = try given.integer(in: 0...10) }
    if let given = map["fall_back"] { remote.fallsBack = try given.boolean() }
    if let given = map["text"] { remote.isText = try given.boolean() }
    return remote
  }

  /// Lines of `--print-config`, without the heading.
  var lines: [(indent: Int, key: String, value: String)] {
    var list: [(Int, String, String)] = [
      (1, "folder", quotedYAML(folder)), (1, "openvino", quotedYAML(runtime)),
      (1, "sherpa_onnx", quotedYAML(speechRuntime)),
    ]
    list.append((1, "trusted_keys", "[" + trustedKeys.map(quotedYAML).joined(separator: ", ") + "]"))
    if let key { list.append((1, "key", quotedYAML(key))) }
    if let cache = standard.options.cache { list.append((1, "cache", quotedYAML(cache))) }
    list.append((1, "at_once", String(width)))
    list += Self.lines(standard.options, indent: 1)
    if !perModel.isEmpty { list.append((1, "run", "")) }
    for (name, setting) in perModel.sorted(by: { $0.key < $1.key }) {
      list.append((2, quotedYAML(name), ""))
      list += Self.lines(setting.options, indent: 3)
      guard let remote = setting.remote else { continue }
      list.append((3, "remote", ""))
      list.append((4, "address", quotedYAML(remote.address)))
      list.append((4, "protocol", remote.dialect.rawValue))
      if let name = remote.name { list.append((4, "name", quotedYAML(name))) }
      if let version = remote.version { list.append((4, "version", quotedYAML(version))) }
      list.append((4, "timeout_ms", String(remote.timeout * 1000)))
      list.append((4, "retries", String(remote.retries)))
      list.append((4, "fall_back", String(remote.fallsBack)))
      list.append((4, "text", String(remote.isText)))
    }
    return list
  }

  private static func lines(_ options: SessionOptions, indent: Int) -> [(Int, String, String)] {
    [
      (indent, "engine", options.library.rawValue), (indent, "device", quotedYAML(options.device)),
      (indent, "threads", String(options.threads)),
      (indent, "streams", String(options.streams)), (indent, "precision", options.precision),
    ]
  }

  // MARK: what it makes

  /// The user's own key, with which what they add is signed.
  public static func signingKeyFile(stateFolder: String) -> String { stateFolder + "/keys/models.key" }

  public func registry(stateFolder: String) -> ModelRegistry {
    var keys = Set(trustedKeys)
    let file = Self.signingKeyFile(stateFolder: stateFolder)
    if FileManager.default.fileExists(atPath: file), let own = try? SigningKey.load(file: file) {
      keys.insert(SigningKey.publicText(own))
    }
    return ModelRegistry(folder: folder, trusted: TrustedKeys(keys), keyPlace: key)
  }

  /// Where a library of the catalogue belongs.
  public func folder(ofRuntime name: String) -> String { name == "sherpa-onnx" ? speechRuntime : runtime }

  public var localEngine: LocalEngine { LocalEngine(openVINO: runtime, onnxRuntime: speechRuntime) }

  /// - Parameter remote: runs models that a server has.
  public func host(
    stateFolder: String, remote: (any InferenceEngine)?, report: @escaping @Sendable (String) -> Void
  ) -> ModelHost {
    ModelHost(
      registry: registry(stateFolder: stateFolder), local: localEngine, remote: remote,
      standard: standard, settings: perModel, width: width, report: report)
  }
}
