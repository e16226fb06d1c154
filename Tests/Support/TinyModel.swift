import Cryptography
import Foundation
import Inference

/// Models of one operation, as OpenVINO's IR has them: text that a test writes.
public enum TinyModel {
  /// y = x + x, of rows of three.
  public static let double = """
    <?xml version="1.0"?><net name="double" version="11"><layers>
    <layer id="0" name="x" type="Parameter" version="opset1"><data shape="?,3" element_type="f32"/>
    <output><port id="0" precision="FP32" names="x"><dim>-1</dim><dim>3</dim></port></output></layer>
    <layer id="1" name="sum" type="Add" version="opset1"><data auto_broadcast="numpy"/>
    <input><port id="0" precision="FP32"><dim>-1</dim><dim>3</dim></port><port id="1" precision="FP32"><dim>-1</dim><dim>3</dim></port></input>
    <output><port id="2" precision="FP32" names="y"><dim>-1</dim><dim>3</dim></port></output></layer>
    <layer id="2" name="y/result" type="Result" version="opset1"><input><port id="0" precision="FP32"><dim>-1</dim><dim>3</dim></port></input></layer>
    </layers><edges><edge from-layer="0" from-port="0" to-layer="1" to-port="0"/><edge from-layer="0" from-port="0" to-layer="1" to-port="1"/>
    <edge from-layer="1" from-port="2" to-layer="2" to-port="0"/></edges></net>
    """

  /// The same as an ONNX file.
  public static let doubleONNX = onnx(
    message(
      1, message(1, text: "x") + message(1, text: "x") + message(2, text: "y") + message(4, text: "Add")))

  /// x + x as the first output and x as the second, both through an Identity, whose names follow from each other.
  public static func identityONNX(_ first: String, _ second: String) -> [UInt8] {
    func node(_ operation: String, _ inputs: [String], _ output: String) -> [UInt8] {
      message(
        1,
        inputs.flatMap { message(1, text: $0) } + message(2, text: output) + message(4, text: operation))
    }
    return onnx(
      node("Add", ["x", "x"], "inner") + node("Identity", ["inner"], first)
        + node("Identity", ["x"], second), outputs: [first, second])
  }

  /// The same inside of an If whose condition has two dimensions.
  public static let choiceONNX: [UInt8] = {
    func branch(_ output: String) -> [UInt8] {
      let node =
        message(1, text: "x") + message(1, text: "x") + message(2, text: output) + message(4, text: "Add")
      return message(1, node) + message(2, text: output) + message(12, value(output))
    }
    func attribute(_ name: String, _ graph: [UInt8]) -> [UInt8] {
      // Of the type GRAPH.
      message(5, message(1, text: name) + message(6, graph) + number(20, 5))
    }
    // A boolean [1, 1] that is true.
    let condition = number(1, 1) + number(1, 1) + number(2, 9) + message(8, text: "c") + message(9, [1])
    let choice =
      message(1, text: "c") + message(2, text: "y") + message(4, text: "If")
      + attribute("then_branch", branch("a")) + attribute("else_branch", branch("b"))
    return onnx(message(1, choice) + message(5, condition))
  }()

  // Protobuf's fields, as ONNX's format has them (onnx.proto).
  private static func key(_ number: Int, _ kind: Int) -> [UInt8] { varint(number << 3 | kind) }
  private static func varint(_ value: Int) -> [UInt8] {
    value < 128 ? [UInt8(value)] : [UInt8(value & 127 | 128)] + varint(value >> 7)
  }
  private static func number(_ field: Int, _ value: Int) -> [UInt8] { key(field, 0) + varint(value) }
  private static func message(_ field: Int, _ bytes: [UInt8]) -> [UInt8] {
    key(field, 2) + varint(bytes.count) + bytes
  }
  private static func message(_ field: Int, text: String) -> [UInt8] { message(field, Array(text.utf8)) }
  /// A tensor of floats, [n, 3].
  private static func value(_ name: String) -> [UInt8] {
    let shape = message(1, message(2, text: "n")) + message(1, number(1, 3))
    return message(1, text: name) + message(2, message(1, number(1, 1) + message(2, shape)))
  }
  /// A model from x.
  private static func onnx(_ graph: [UInt8], outputs: [String] = ["y"]) -> [UInt8] {
    number(1, 8)
      + message(
        7,
        graph + message(2, text: "g") + message(11, value("x"))
          + outputs.flatMap { message(12, value($0)) })
      + message(8, number(2, 13))
  }

  /// The mean of each colour of a picture of 4 by 4, so that a red picture is of the class "red".
  public static let color = """
    <?xml version="1.0"?><net name="color" version="11"><layers>
    <layer id="0" name="picture" type="Parameter" version="opset1"><data shape="1,3,4,4" element_type="f32"/>
    <output><port id="0" precision="FP32" names="picture"><dim>1</dim><dim>3</dim><dim>4</dim><dim>4</dim></port></output></layer>
    <layer id="1" name="pool" type="AvgPool" version="opset1"><data strides="4, 4" pads_begin="0, 0" pads_end="0, 0" kernel="4, 4" exclude-pad="true" rounding_type="floor" auto_pad="explicit"/>
    <input><port id="0" precision="FP32"><dim>1</dim><dim>3</dim><dim>4</dim><dim>4</dim></port></input>
    <output><port id="1" precision="FP32" names="scores"><dim>1</dim><dim>3</dim><dim>1</dim><dim>1</dim></port></output></layer>
    <layer id="2" name="r" type="Result" version="opset1"><input><port id="0" precision="FP32"><dim>1</dim><dim>3</dim><dim>1</dim><dim>1</dim></port></input></layer>
    </layers><edges><edge from-layer="0" from-port="0" to-layer="1" to-port="0"/><edge from-layer="1" from-port="1" to-layer="2" to-port="0"/></edges></net>
    """

  /// A registry in a folder of its own with these two, signed by a key that it trusts.
  public static func registry() throws -> (registry: ModelRegistry, key: Ed25519.PrivateKey) {
    let key = try Ed25519.PrivateKey()
    let registry = ModelRegistry(
      folder: try TestPaths.temporaryFolder(), trusted: TrustedKeys([SigningKey.publicText(key)]))
    try add("double", double, to: registry, key)
    var manifest = ModelManifest(
      name: "color", version: "1", task: ModelTask(rawValue: "image-classification"))
    manifest.picture = PictureInput(layout: .nchw)
    manifest.labels = ["red", "green", "blue"]
    try registry.add(
      ModelPackage(
        manifest: manifest, files: [ModelPackage.File(name: "color.xml", bytes: Array(color.utf8))]),
      signedWith: key)
    return (registry, key)
  }

  public static func add(
    _ name: String, version: String = "1", _ text: String, to registry: ModelRegistry,
    _ key: Ed25519.PrivateKey
  ) throws {
    try registry.add(
      ModelPackage(
        manifest: ModelManifest(name: name, version: version, task: .tensors),
        files: [ModelPackage.File(name: "\(name).xml", bytes: Array(text.utf8))]), signedWith: key)
  }

  public static func host(_ registry: ModelRegistry) -> ModelHost {
    ModelHost(registry: registry, local: OpenVINOEngine(folder: Models.runtime))
  }
}
