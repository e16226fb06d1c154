@testable import Inference

/// Writes ONNX files of a few operations (onnx.proto of the ONNX project).
struct SmallONNX {
  enum Length {
    case fixed(Int)
    case named(String)
  }

  private var graph: [UInt8] = []

  mutating func node(_ operation: String, _ inputs: [String], _ output: String, numbers: [String: Int] = [:])
  {
    var node = inputs.flatMap { Self.text(1, $0) } + Self.text(2, output) + Self.text(4, operation)
    for (name, value) in numbers {
      // Of the type INT.
      node += Self.field(5, Self.text(1, name) + Self.number(3, value) + Self.number(20, 2))
    }
    graph += Self.field(1, node)
  }

  mutating func constant(_ name: String, _ tensor: Tensor) {
    var constant = tensor.shape.flatMap { Self.number(1, $0) }
    constant += Self.number(2, Int(tensor.type.onnxNumber))
    constant += Self.text(8, name)
    constant += Self.field(9, tensor.bytes)
    graph += Self.field(5, constant)
  }

  mutating func input(_ name: String, _ shape: [Length], _ type: ElementType = .float32) {
    graph += Self.field(11, Self.port(name, type, shape))
  }

  mutating func output(_ name: String, _ shape: [Length], _ type: ElementType = .float32) {
    graph += Self.field(12, Self.port(name, type, shape))
  }

  var bytes: [UInt8] {
    Self.number(1, 8) + Self.field(7, graph + Self.text(2, "g")) + Self.field(8, Self.number(2, 13))
  }

  func package(_ name: String = "small", isBatch: Bool = false) -> ModelPackage {
    var manifest = ModelManifest(name: name, version: "1", task: .tensors)
    manifest.isBatch = isBatch
    return ModelPackage(manifest: manifest, files: [ModelPackage.File(name: "small.onnx", bytes: bytes)])
  }

  private static func port(_ name: String, _ type: ElementType, _ shape: [Length]) -> [UInt8] {
    let dimensions = shape.flatMap { length in
      switch length {
      case .fixed(let count): field(1, number(1, count))
      case .named(let name): field(1, text(2, name))
      }
    }
    return text(1, name) + field(2, field(1, number(1, Int(type.onnxNumber)) + field(2, dimensions)))
  }

  private static func varint(_ value: Int) -> [UInt8] {
    value < 128 ? [UInt8(value)] : [UInt8(value & 127 | 128)] + varint(value >> 7)
  }
  private static func number(_ field: Int, _ value: Int) -> [UInt8] { varint(field << 3) + varint(value) }
  private static func field(_ number: Int, _ bytes: [UInt8]) -> [UInt8] {
    varint(number << 3 | 2) + varint(bytes.count) + bytes
  }
  private static func text(_ number: Int, _ text: String) -> [UInt8] { field(number, Array(text.utf8)) }
}

extension SmallONNX {
  /// [b, t] times 32 by 4: only t = 32 fits, and the file does not say so.
  static func product(_ weights: [Float]) -> SmallONNX {
    var model = SmallONNX()
    model.node("MatMul", ["x", "w"], "y")
    model.constant("w", Tensor(float32: [32, 4], weights))
    model.input("x", [.named("b"), .named("t")])
    model.output("y", [.named("b"), .fixed(4)])
    return model
  }

  /// Adds positions of a fixed length to [b, t, 8], as a Transformer does.
  static func positions(_ weights: [Float]) -> SmallONNX {
    var model = SmallONNX()
    model.node("Add", ["x", "p"], "a")
    model.node("Relu", ["a"], "y")
    model.constant("p", Tensor(float32: [1, 16, 8], weights))
    model.input("x", [.named("b"), .named("t"), .fixed(8)])
    model.output("y", [.named("b"), .named("t"), .fixed(8)])
    return model
  }

  /// The elements that are not zero, in rows of two: an odd number of them fits no shape.
  static var pairs: SmallONNX {
    var model = SmallONNX()
    model.node("NonZero", ["x"], "i")
    model.node("Transpose", ["i"], "j")
    model.node("GatherND", ["x", "j"], "k")
    model.node("Reshape", ["k", "s"], "y")
    model.constant("s", Tensor(type: .int64, shape: [2], numbers: [-1, 2]) ?? Tensor(float32: [1], [0]))
    model.input("x", [.named("n")])
    model.output("y", [.named("m"), .fixed(2)])
    return model
  }

  /// One operation of one input with itself.
  static func double(_ type: ElementType, _ shape: [Length]) -> SmallONNX {
    var model = SmallONNX()
    model.node("Add", ["x", "x"], "y")
    model.input("x", shape, type)
    model.output("y", shape, type)
    return model
  }

  /// The running sum along the first dimension, which is time.
  static var runningSum: SmallONNX {
    var model = SmallONNX()
    model.node("CumSum", ["x", "axis"], "y")
    model.constant("axis", Tensor(type: .int64, shape: [], numbers: [0]) ?? Tensor(float32: [1], [0]))
    model.input("x", [.named("time"), .fixed(3)])
    model.output("y", [.named("time"), .fixed(3)])
    return model
  }

  /// The sum of two inputs of one length.
  static var sum: SmallONNX {
    var model = SmallONNX()
    model.node("Add", ["a", "b"], "y")
    model.input("a", [.named("n"), .fixed(3)])
    model.input("b", [.named("n"), .fixed(3)])
    model.output("y", [.named("n"), .fixed(3)])
    return model
  }
}
