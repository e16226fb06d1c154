import StrictYAML

/// The description of a model: task, tensors, labels, licence, source, and size and digest of each file.
///
/// The file `manifest.yaml` in `models/NAME/VERSION/`; docs/reference/model-format.md describes it.
public struct ModelManifest: Sendable, Hashable {
  public struct File: Sendable, Hashable {
    public var name: String
    public var size: Int
    /// SHA-256 of the stored file, in hexadecimal.
    public var digest: String
    /// SHA-256 of the plain contents of an encrypted file.
    public var plainDigest: String?
  }

  public var name: String
  public var version: String
  public var task: ModelTask
  public var title = ""
  public var licence = ""
  public var source = ""
  public var decoder: ModelDecoder?
  public var picture: PictureInput?
  /// Factor applied to audio samples from −1 to 1: 32,768 for models trained on 16-bit integers.
  public var soundScale = 32_768.0
  /// Class names in the order of the model's outputs.
  public var labels: [String] = []
  /// The file among `files` that holds one label per line, for long lists.
  public var labelsFile: String?
  /// Whether the first dimension of all tensors is a batch, whose rows do not affect each other.
  public var isBatch = false
  /// Empty when the manifest does not declare tensors.
  public var inputs: [TensorSpec] = []
  public var outputs: [TensorSpec] = []
  public var files: [File]

  public init(name: String, version: String, task: ModelTask, files: [File] = []) {
    self.name = name
    self.version = version
    self.task = task
    self.files = files
  }

  public var isEncrypted: Bool { files.contains { $0.plainDigest != nil } }

  public static let fileName = "manifest.yaml"
  static let maximumSize = 1 << 20

  static let keys: [String: [String]] = [
    "": [
      "format", "name", "version", "task", "title", "licence", "source", "decoder", "picture", "sound_scale",
      "labels", "labels_file", "batch", "inputs", "outputs", "files",
    ],
    "picture": ["layout", "order", "mean", "scale"],
    "tensor": ["name", "type", "shape"],
    "file": ["name", "size", "sha256", "plain_sha256"],
  ]

  /// Parses a manifest.
  ///
  /// - Parameters:
  ///   - file: name of the file in error messages.
  ///   - vocabulary: allowed tasks and decoders; nil allows any.
  public init(
    text: String, file: String, vocabulary: ModelVocabulary? = nil
  ) throws(DocumentError) {
    try self.init(try YAMLDocument(text: text, file: file).root, vocabulary)
  }

  init(_ value: YAMLValue, _ vocabulary: ModelVocabulary?) throws(DocumentError) {
    let root = try value.mapping(keys: Self.keys[""] ?? [])
    let format = try root.required("format")
    guard try format.integer(in: 0...1_000_000) == 1 else {
      throw format.error("format must be 1, the only one that this version of vrbridge reads")
    }
    let name = try root.required("name")
    let version = try root.required("version")
    self.init(
      name: try name.string(), version: try version.string(),
      task: try Self.choice(try root.required("task"), among: vocabulary?.tasks))
    guard Self.isName(self.name) else { throw name.error("a model's name consists of a-z, 0-9, '-' and '_'") }
    guard Self.isName(self.version) else {
      throw version.error("a version consists of a-z, 0-9, '.', '-' and '_'")
    }
    title = try root["title"]?.string() ?? ""
    licence = try root["licence"]?.string() ?? ""
    source = try root["source"]?.string() ?? ""
    if let given = root["decoder"] { decoder = try Self.choice(given, among: vocabulary?.decoders) }
    if let given = root["picture"] { picture = try Self.picture(given) }
    if let given = root["batch"] { isBatch = try given.boolean() }
    if let given = root["sound_scale"] { soundScale = try given.number(in: 1...32_768) }
    for item in try root["labels"]?.list(count: 0...100_000) ?? [] {
      let label = try item.string()
      guard Self.isLabel(label) else { throw item.error("a label has no control characters") }
      labels.append(label)
    }
    for item in try root["inputs"]?.list(count: 0...64) ?? [] { inputs.append(try Self.tensor(item)) }
    for item in try root["outputs"]?.list(count: 0...256) ?? [] { outputs.append(try Self.tensor(item)) }
    for item in try root.required("files").list(count: 1...16) { files.append(try Self.file(item)) }
    guard Set(files.map(\.name)).count == files.count else {
      throw root.error("two files have the same name; give each its own")
    }
    if let given = root["labels_file"] {
      let name = try given.string()
      guard files.contains(where: { $0.name == name }) else {
        throw given.error("'\(name)' is not among 'files'")
      }
      labelsFile = name
    }
  }

  /// An open name: one of `allowed`, or any well-formed name when that is nil.
  private static func choice<Name: RawRepresentable<String>>(
    _ value: YAMLValue, among allowed: [Name]?
  ) throws(DocumentError) -> Name {
    if let allowed { return try value.choice(allowed.map { ($0.rawValue, $0) }) }
    let text = try value.string()
    guard isName(text), let name = Name(rawValue: text) else {
      throw value.error("a task's or decoder's name consists of a-z, 0-9, '.', '-' and '_'")
    }
    return name
  }

  private static func picture(_ value: YAMLValue) throws(DocumentError) -> PictureInput {
    let map = try value.mapping(keys: keys["picture"] ?? [])
    var picture = PictureInput()
    if let layout = map["layout"] {
      picture.layout = try layout.choice(PictureLayout.allCases.map { ($0.rawValue, $0) })
    }
    if let order = map["order"] { picture.isBGR = try order.choice([("RGB", false), ("BGR", true)]) }
    for (key, path) in [("mean", \PictureInput.mean), ("scale", \PictureInput.scale)] {
      guard let given = map[key] else { continue }
      var numbers: [Double] = []
      for item in try given.list(count: 3...3) { numbers.append(try item.number(in: -1e6...1e6)) }
      picture[keyPath: path] = numbers
    }
    return picture
  }

  private static func tensor(_ value: YAMLValue) throws(DocumentError) -> TensorSpec {
    let map = try value.mapping(keys: keys["tensor"] ?? [])
    var shape: [Int] = []
    for item in try map.required("shape").list(count: 0...8) {
      shape.append(try item.integer(in: -1...Tensor.maximumSize))
    }
    return TensorSpec(
      name: try map.required("name").string(),
      type: try map.required("type").choice(ElementType.allCases.map { ($0.rawValue, $0) }), shape: shape)
  }

  private static func file(_ value: YAMLValue) throws(DocumentError) -> File {
    let map = try value.mapping(keys: keys["file"] ?? [])
    let given = try map.required("name")
    let name = try given.string()
    guard isFileName(name) else {
      throw given.error(
        "a file's name consists of a-z, A-Z, 0-9, '.', '-' and '_', without a folder")
    }
    func digest(_ value: YAMLValue) throws(DocumentError) -> String {
      let text = try value.string()
      guard isDigest(text) else {
        throw value.error("a SHA-256 consists of 64 lower-case hexadecimal digits")
      }
      return text
    }
    return File(
      name: name, size: try map.required("size").integer(in: 0...(1 << 34)),
      digest: try digest(map.required("sha256")),
      plainDigest: try map["plain_sha256"].map { value throws(DocumentError) in try digest(value) })
  }

  static func isDigest(_ text: String) -> Bool {
    text.utf8.count == 64
      && text.utf8.allSatisfy { (48...57).contains($0) || (97...102).contains($0) }
  }

  public static func isName(_ text: String) -> Bool {
    guard let first = text.utf8.first, text.utf8.count <= 64, first != UInt8(ascii: ".") else { return false }
    return text.utf8.allSatisfy { byte in
      (97...122).contains(byte) || (48...57).contains(byte) || [45, 46, 95].contains(byte)
    }
  }

  /// Labels reach terminals and renderers, so control characters are refused.
  static func isLabel(_ text: String) -> Bool {
    text.utf8.count <= 256
      && text.unicodeScalars.allSatisfy { $0.properties.generalCategory != .control && $0 != "\u{2028}" }
  }

  static func isFileName(_ text: String) -> Bool {
    guard let first = text.utf8.first, text.utf8.count <= 128, first != UInt8(ascii: ".") else {
      return false
    }
    return text.utf8.allSatisfy { byte in
      (97...122).contains(byte) || (65...90).contains(byte) || (48...57).contains(byte)
        || [45, 46, 95].contains(byte)
    }
  }

  /// The text of the file. It is a function of the manifest alone, because signatures cover its bytes.
  public var text: String {
    var lines = [
      "format: 1", "name: \(quotedYAML(name))", "version: \(quotedYAML(version))", "task: \(task.rawValue)",
    ]
    for (key, value) in [("title", title), ("licence", licence), ("source", source)] where !value.isEmpty {
      lines.append("\(key): \(quotedYAML(value))")
    }
    if let decoder { lines.append("decoder: \(decoder.rawValue)") }
    if let picture {
      let order = picture.isBGR ? "BGR" : "RGB"
      func list(_ numbers: [Double]) -> String { "[" + numbers.map { "\($0)" }.joined(separator: ", ") + "]" }
      lines.append(
        "picture: { layout: \(picture.layout.rawValue), order: \(order), mean: \(list(picture.mean)), scale: \(list(picture.scale)) }"
      )
    }
    if soundScale != 32_768 { lines.append("sound_scale: \(soundScale)") }
    if isBatch { lines.append("batch: true") }
    if let labelsFile { lines.append("labels_file: \(quotedYAML(labelsFile))") }
    if !labels.isEmpty { lines.append("labels: [" + labels.map(quotedYAML).joined(separator: ", ") + "]") }
    for (key, specs) in [("inputs", inputs), ("outputs", outputs)] where !specs.isEmpty {
      lines.append("\(key):")
      for spec in specs {
        let shape = spec.shape.map(String.init).joined(separator: ", ")
        lines.append("  - { name: \(quotedYAML(spec.name)), type: \(spec.type.rawValue), shape: [\(shape)] }")
      }
    }
    lines.append("files:")
    for file in files {
      var line =
        "  - { name: \(quotedYAML(file.name)), size: \(file.size), sha256: \(quotedYAML(file.digest))"
      if let plain = file.plainDigest { line += ", plain_sha256: \(quotedYAML(plain))" }
      lines.append(line + " }")
    }
    return lines.joined(separator: "\n") + "\n"
  }
}
