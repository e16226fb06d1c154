import StrictYAML

/// What a model is for; it says how its numbers are read.
public enum ModelTask: String, Sendable, CaseIterable {
  case palmDetection = "palm-detection"
  case handLandmarks = "hand-landmarks"
  case gestureEmbedding = "gesture-embedding"
  case gestureClassification = "gesture-classification"
  case gestureSequence = "gesture-sequence"
  case objectDetection = "object-detection"
  case textDetection = "text-detection"
  case textRecognition = "text-recognition"
  case imageClassification = "image-classification"
  case textClassification = "text-classification"
  case sentenceEmbedding = "sentence-embedding"
  case speechRecognition = "speech-recognition"
  case voiceActivity = "voice-activity"
  case wakeWord = "wake-word"
  /// Numbers in, numbers out.
  case tensors
}

/// How a model's numbers become boxes, or text.
public enum ModelDecoder: String, Sendable, CaseIterable {
  /// YOLOX (Ge et al., 2021): raw grids of strides 8, 16 and 32.
  case yolox
  /// NanoDet (RangiLyu, 2020): scores and distributions of the boxes' sides for each stride.
  case nanodet
  // Recognisers of speech that sherpa-onnx runs.
  case moonshine, whisper, transducer, paraformer
  case senseVoice = "sense-voice"
  case zipformerCTC = "zipformer-ctc"
  case nemoCTC = "nemo-ctc"
}

/// How the planes of a picture lie in a tensor.
public enum PictureLayout: String, Sendable, CaseIterable {
  case nchw = "NCHW"
  case nhwc = "NHWC"
}

/// How a picture's bytes become a model's numbers: (byte − mean) × scale, for each colour.
public struct PictureInput: Sendable, Hashable {
  public var layout = PictureLayout.nhwc
  /// Blue first.
  public var isBGR = false
  public var mean: [Double] = [0, 0, 0]
  public var scale: [Double] = [1 / 255.0, 1 / 255.0, 1 / 255.0]

  public init(layout: PictureLayout = .nhwc, isBGR: Bool = false) {
    self.layout = layout
    self.isBGR = isBGR
  }
}

/// A model's own page: what it takes, gives and means, where it is from, and what its files must be.
///
/// `manifest.yaml` in `models/NAME/VERSION/`; docs/models.md describes it.
public struct ModelManifest: Sendable, Hashable {
  public struct File: Sendable, Hashable {
    public var name: String
    public var size: Int
    /// SHA-256 of the file as it lies there, hexadecimal.
    public var digest: String
    /// Of what is in it, when it is encrypted.
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
  /// What samples from −1 to 1 are multiplied by for a wake word: 32,768 for models that were trained on whole numbers.
  public var soundScale = 32_768.0
  /// Names of classes, in the order of the model's outputs.
  public var labels: [String] = []
  /// One of `files` that has a label a line, for long lists.
  public var labelsFile: String?
  /// Empty until the model was opened once.
  public var inputs: [TensorSpec] = []
  public var outputs: [TensorSpec] = []
  public var files: [File]

  public init(name: String, version: String, task: ModelTask, files: [File] = []) {
    self.name = name
    self.version = version
    self.task = task
    self.files = files
  }

  /// - Throws: when a model takes or gives other tensors than its page says.
  func check(_ session: any ModelSession) throws(InferenceError) {
    for (kind, said, found) in [("takes", inputs, session.inputs), ("gives", outputs, session.outputs)]
    where !said.isEmpty {
      let isSame =
        said.count == found.count
        && zip(said, found).allSatisfy { one, other in
          one.type == other.type && one.shape.count == other.shape.count
            && zip(one.shape, other.shape).allSatisfy { $0 == $1 || $0 == -1 || $1 == -1 }
        }
      guard isSame else {
        func text(_ list: [TensorSpec]) -> String { list.map(\.description).joined(separator: ", ") }
        throw InferenceError(
          .model, "the model '\(name)' \(kind) \(text(found)), and its manifest says \(text(said))")
      }
    }
  }

  public var isEncrypted: Bool { files.contains { $0.plainDigest != nil } }

  public static let fileName = "manifest.yaml"
  static let maximumSize = 1 << 20

  static let keys: [String: [String]] = [
    "": [
      "format", "name", "version", "task", "title", "licence", "source", "decoder", "picture", "sound_scale",
      "labels", "labels_file", "inputs", "outputs", "files",
    ],
    "picture": ["layout", "order", "mean", "scale"],
    "tensor": ["name", "type", "shape"],
    "file": ["name", "size", "sha256", "plain_sha256"],
  ]

  public init(text: String, file: String) throws(DocumentError) {
    try self.init(try YAMLDocument(text: text, file: file).root)
  }

  init(_ value: YAMLValue) throws(DocumentError) {
    let root = try value.mapping(keys: Self.keys[""] ?? [])
    let format = try root.required("format")
    guard try format.integer(in: 0...1_000_000) == 1 else {
      throw format.error("this version of vrbridge reads manifests of format 1")
    }
    let name = try root.required("name")
    let version = try root.required("version")
    self.init(
      name: try name.string(), version: try version.string(),
      task: try root.required("task").choice(ModelTask.allCases.map { ($0.rawValue, $0) }))
    guard Self.isName(self.name) else { throw name.error("a model's name is made of a-z, 0-9, '-' and '_'") }
    guard Self.isName(self.version) else {
      throw version.error("a version is made of a-z, 0-9, '.', '-' and '_'")
    }
    title = try root["title"]?.string() ?? ""
    licence = try root["licence"]?.string() ?? ""
    source = try root["source"]?.string() ?? ""
    decoder = try root["decoder"]?.choice(ModelDecoder.allCases.map { ($0.rawValue, $0) })
    if let given = root["picture"] { picture = try Self.picture(given) }
    if let given = root["sound_scale"] { soundScale = try given.number(in: 1...32_768) }
    for item in try root["labels"]?.list(count: 0...100_000) ?? [] {
      let label = try item.string()
      guard Self.isLabel(label) else { throw item.error("a label has no control characters") }
      labels.append(label)
    }
    for item in try root["inputs"]?.list(count: 0...64) ?? [] { inputs.append(try Self.tensor(item)) }
    for item in try root["outputs"]?.list(count: 0...256) ?? [] { outputs.append(try Self.tensor(item)) }
    for item in try root.required("files").list(count: 1...16) { files.append(try Self.file(item)) }
    guard Set(files.map(\.name)).count == files.count else { throw root.error("two files have one name") }
    if let given = root["labels_file"] {
      let name = try given.string()
      guard files.contains(where: { $0.name == name }) else {
        throw given.error("'\(name)' is none of the files")
      }
      labelsFile = name
    }
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
        "a file's name is made of a-z, A-Z, 0-9, '.', '-' and '_', and lies in the model's folder")
    }
    func digest(_ value: YAMLValue) throws(DocumentError) -> String {
      let text = try value.string()
      guard text.utf8.count == 64, text.allSatisfy({ $0.isHexDigit && !$0.isUppercase }) else {
        throw value.error("a SHA-256 is 64 hexadecimal digits, in small letters")
      }
      return text
    }
    return File(
      name: name, size: try map.required("size").integer(in: 0...(1 << 34)),
      digest: try digest(map.required("sha256")),
      plainDigest: try map["plain_sha256"].map { value throws(DocumentError) in try digest(value) })
  }

  public static func isName(_ text: String) -> Bool {
    guard let first = text.utf8.first, text.utf8.count <= 64, first != UInt8(ascii: ".") else { return false }
    return text.utf8.allSatisfy { byte in
      (97...122).contains(byte) || (48...57).contains(byte) || [45, 46, 95].contains(byte)
    }
  }

  /// Labels are shown in terminals and renderers.
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

  /// The manifest as its file: the same manifest gives the same bytes, which are what is signed.
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
