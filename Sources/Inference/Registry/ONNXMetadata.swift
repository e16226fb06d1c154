/// The metadata of an ONNX model: `metadata_props`, field 14 of ModelProto (onnx.proto of the ONNX project), pairs of
/// key (field 1) and value (field 2).
///
/// The reader skips the weights, which generated code would parse.
package enum ONNXMetadata {
  package static func value(_ key: String, in model: [UInt8]) -> String? {
    var reader = ProtobufFields(model[...])
    while let field = reader.next() {
      guard field.number == 14, let body = field.body else { continue }
      var pair = (key: "", value: "")
      var inner = ProtobufFields(body)
      while let entry = inner.next() {
        guard let body = entry.body else { continue }
        if entry.number == 1 { pair.key = String(decoding: body, as: UTF8.self) }
        if entry.number == 2 { pair.value = String(decoding: body, as: UTF8.self) }
      }
      if pair.key == key { return pair.value }
    }
    return nil
  }
}
