/// What an ONNX file states about a model that the engines do not report: names of dimensions, types inside, and operations
/// that look elements up (onnx.proto of the ONNX project).
struct ONNXFacts {
  /// The names of a tensor's dimensions, by the name of the input or output; nil for lengths and for dimensions without a name.
  private(set) var inputs: [String: [String?]] = [:]
  private(set) var outputs: [String: [String?]] = [:]
  /// Types of 64-bit floating-point and unsigned numbers among constants and conversions.
  private(set) var wideTypes: Set<ElementType> = []
  /// Whether an element is looked up by an index, and whether an input consists of integers.
  private(set) var looksUp = false
  private(set) var takesIntegers = false
  /// Whether numbers become integers inside, and whether a graph is inside of the graph (`If`, `Loop`, `Scan`).
  private(set) var makesIntegers = false
  private(set) var hasInnerGraphs = false

  private static let lookups: Set<String> = [
    "Gather", "GatherElements", "GatherND", "Scatter", "ScatterElements", "ScatterND",
  ]
  /// Graphs inside of graphs, which a file could nest without end.
  private static let maximumDepth = 16

  /// - Returns: nil for files of other formats.
  init?(_ file: ModelPackage.File?) {
    guard let file, file.name.hasSuffix(".onnx") else { return nil }
    var model = ProtobufFields(file.bytes[...])
    while let field = model.next() {
      if field.number == 7, let graph = field.body { read(graph: graph, depth: 0) }
    }
  }

  private mutating func read(graph: ArraySlice<UInt8>, depth: Int) {
    guard depth < Self.maximumDepth else { return }
    var fields = ProtobufFields(graph)
    while let field = fields.next() {
      guard let body = field.body else { continue }
      switch field.number {
      case 1: read(node: body, depth: depth)
      case 5: read(constant: body)
      case 11 where depth == 0:
        let port = Self.port(body)
        inputs[port.name] = port.dimensions
        if let type = port.type, type.isInteger { takesIntegers = true }
      case 12 where depth == 0:
        let port = Self.port(body)
        outputs[port.name] = port.dimensions
      default: break
      }
    }
  }

  private mutating func read(node: ArraySlice<UInt8>, depth: Int) {
    var operation = ""
    var attributes: [ArraySlice<UInt8>] = []
    var fields = ProtobufFields(node)
    while let field = fields.next() {
      if field.number == 4 { operation = field.text }
      if field.number == 5, let body = field.body { attributes.append(body) }
    }
    if Self.lookups.contains(operation) { looksUp = true }
    for attribute in attributes {
      var name = ""
      var number: UInt64?
      var fields = ProtobufFields(attribute)
      while let field = fields.next() {
        switch (field.number, field.body) {
        case (1, _): name = field.text
        case (3, _): number = field.value
        case (5, .some(let constant)): read(constant: constant)
        case (6, .some(let graph)):
          hasInnerGraphs = true
          read(graph: graph, depth: depth + 1)
        default: break
        }
      }
      if operation == "Cast", name == "to", let number {
        note(type: number)
        if ElementType(onnxNumber: Int32(clamping: number))?.isInteger == true { makesIntegers = true }
      }
    }
  }

  private mutating func read(constant: ArraySlice<UInt8>) {
    var fields = ProtobufFields(constant)
    while let field = fields.next() {
      if field.number == 2 { note(type: field.value) }
    }
  }

  private mutating func note(type number: UInt64) {
    guard let type = ElementType(onnxNumber: Int32(clamping: number)), [.float64, .uint64].contains(type)
    else { return }
    wideTypes.insert(type)
  }

  private static func port(
    _ bytes: ArraySlice<UInt8>
  ) -> (name: String, type: ElementType?, dimensions: [String?]) {
    var (name, type, dimensions): (String, ElementType?, [String?]) = ("", nil, [])
    each(bytes) { field in
      if field.number == 1 { name = field.text }
      guard field.number == 2, let body = field.body else { return }
      each(body, 1) { tensor in
        each(tensor) { field in
          if field.number == 1 { type = ElementType(onnxNumber: Int32(clamping: field.value)) }
          guard field.number == 2, let shape = field.body else { return }
          each(shape, 1) { dimension in
            var text = ""
            each(dimension) { if $0.number == 2 { text = $0.text } }
            // Exporters write ? for a dimension without a name.
            dimensions.append(text.isEmpty || text == "?" ? nil : text)
          }
        }
      }
    }
    return (name, type, dimensions)
  }

  private static func each(_ bytes: ArraySlice<UInt8>, _ body: (ProtobufFields.Field) -> Void) {
    var fields = ProtobufFields(bytes)
    while let field = fields.next() { body(field) }
  }

  /// The messages in fields of one number.
  private static func each(_ bytes: ArraySlice<UInt8>, _ number: UInt64, _ body: (ArraySlice<UInt8>) -> Void)
  {
    each(bytes) { field in
      if field.number == number, let bytes = field.body { body(bytes) }
    }
  }
}

extension ElementType {
  var isInteger: Bool {
    switch self {
    case .bool, .float16, .bfloat16, .float32, .float64: false
    default: true
    }
  }
}
