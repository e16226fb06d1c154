/// OpenVINO computes integers of 64 bits, unsigned ones of 32 bits, and floating-point numbers of 64 bits in 32 bits with a
/// sign, without an error.
enum NarrowArithmetic {
  private static let narrowed: Set<ElementType> = [.uint32, .int64, .uint64, .float64]

  /// The effect on a model, for people; nil for a model that has no such numbers.
  static func note(inputs: [TensorSpec], outputs: [TensorSpec], _ facts: ONNXFacts?) -> String? {
    let ports = (inputs + outputs).filter { narrowed.contains($0.type) }
      .map { "'\($0.name)' (\($0.type.rawValue))" }
    let inside = facts.map { $0.wideTypes.map(\.rawValue).sorted() } ?? []
    guard !ports.isEmpty || !inside.isEmpty else { return nil }
    let parts = ports.prefix(8) + (inside.isEmpty ? [] : [inside.joined(separator: " and ") + " inside"])
    return "OpenVINO computes in 32 bits: \(parts.joined(separator: ", "))"
  }

  /// Whether ONNX Runtime computes what OpenVINO does not: numbers beyond 32 bits with a sign, and look-ups whose index is checked.
  static func prefersExact(inputs: [TensorSpec], outputs: [TensorSpec], _ facts: ONNXFacts) -> Bool {
    note(inputs: inputs, outputs: outputs, facts) != nil
      || (facts.looksUp && (facts.takesIntegers || facts.makesIntegers))
  }

  /// Refuses numbers that 32 bits do not hold.
  ///
  /// - Throws: `InferenceError` of kind `input`, with the index of the number.
  static func check(_ view: TensorView, _ spec: TensorSpec) throws(InferenceError) {
    let index: Int?
    switch view.type {
    case .int64: index = first(view.bytes, Int64.self) { Int32(exactly: $0) == nil }
    case .uint64: index = first(view.bytes, UInt64.self) { $0 > UInt64(Int32.max) }
    case .uint32: index = first(view.bytes, UInt32.self) { $0 > UInt32(Int32.max) }
    case .float64: index = first(view.bytes, Double.self) { $0.isFinite && Float($0).isInfinite }
    default: index = nil
    }
    guard let index else { return }
    throw InferenceError(
      .input,
      "the input '\(spec.name)' has a number at index \(index) that exceeds the 32 bits in which OpenVINO computes \(spec.type.rawValue); set 'engine: onnxruntime' for the model"
    )
  }

  private static func first<Element: BitwiseCopyable>(
    _ bytes: UnsafeRawBufferPointer, _: Element.Type, _ isOutside: (Element) -> Bool
  ) -> Int? {
    let width = MemoryLayout<Element>.size
    return (0..<(bytes.count / width)).first {
      isOutside(bytes.loadUnaligned(fromByteOffset: $0 * width, as: Element.self))
    }
  }
}
