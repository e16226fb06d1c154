/// The names of an ONNX model's inputs and outputs, as its graph declares them (onnx.proto of the ONNX project).
///
/// OpenVINO removes Identity operations, and names an output that such an operation produced after the value behind it; it
/// shows 4095 bytes of a name.
struct ONNXPorts {
  private(set) var inputs: [String] = []
  private(set) var outputs: [String] = []

  /// - Returns: nil for files of other formats.
  init?(_ files: [ModelPackage.File]) {
    guard let file = files.first, file.name.hasSuffix(".onnx") else { return nil }
    var model = ProtobufFields(file.bytes[...])
    var initializers: Set<String> = []
    while let field = model.next() {
      guard field.number == 7, let graph = field.body else { continue }
      var reader = ProtobufFields(graph)
      while let part = reader.next() {
        guard let body = part.body else { continue }
        switch part.number {
        case 5: if let name = Self.text(8, in: body) { initializers.insert(name) }
        case 11: inputs.append(Self.text(1, in: body) ?? "")
        case 12: outputs.append(Self.text(1, in: body) ?? "")
        default: break
        }
      }
    }
    // Old models list their weights as inputs, too.
    inputs.removeAll(where: initializers.contains)
  }

  private static func text(_ number: UInt64, in message: ArraySlice<UInt8>) -> String? {
    var reader = ProtobufFields(message)
    while let field = reader.next() {
      if field.number == number, let body = field.body { return String(decoding: body, as: UTF8.self) }
    }
    return nil
  }

  /// Returns the tensors of an engine, which are in the order of the graph, with the declared names.
  static func named(_ specs: [TensorSpec], _ declared: [String]?) -> [TensorSpec] {
    guard let declared, declared.count == specs.count, !declared.contains(""),
      // A name of both lists shows whether they have the same order.
      specs.indices.allSatisfy({ declared[$0] == specs[$0].name || !declared.contains(specs[$0].name) })
    else { return specs }
    return zip(specs, declared).map { TensorSpec(name: $1, type: $0.type, shape: $0.shape) }
  }
}
