import Crypto
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
  public static func registry() throws -> (registry: ModelRegistry, key: Curve25519.Signing.PrivateKey) {
    let key = Curve25519.Signing.PrivateKey()
    let registry = ModelRegistry(
      folder: try Places.temporaryFolder(), trusted: TrustedKeys([SigningKey.publicText(key)]))
    try add("double", double, to: registry, key)
    var manifest = ModelManifest(name: "color", version: "1", task: .imageClassification)
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
    _ key: Curve25519.Signing.PrivateKey
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
