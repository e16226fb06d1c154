import Foundation
import Testing

@testable import Inference

struct SafetensorsTests {
  private func file(_ table: String, _ count: Int = 16) -> [UInt8] {
    let length = UInt64(table.utf8.count)
    return (0..<8).map { UInt8(truncatingIfNeeded: length >> (8 * $0)) } + Array(table.utf8)
      + [UInt8](repeating: 1, count: count)
  }

  @Test func tensorsHaveTheOffsetsOfTheTable() throws {
    let table =
      #"{"__metadata__":{"format":"pt"},"a":{"dtype":"F32","shape":[1,2],"data_offsets":[0,8]},"b":{"dtype":"I64","shape":[],"data_offsets":[8,16]}}"#
    let found = try Safetensors(file(table)).entries
    #expect(
      found["a"] == Safetensors.Entry(type: "F32", shape: [1, 2], offset: 8 + table.utf8.count, size: 8))
    #expect(found["b"]?.offset == 16 + table.utf8.count && found.count == 2)
  }

  @Test(arguments: [
    "", "[]", "{", #"{"a":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}}"#,
    #"{"a":{"dtype":"F32","shape":[2],"data_offsets":[12,20]}}"#,
    #"{"a":{"dtype":"F32","shape":[-2],"data_offsets":[8,0]}}"#,
    #"{"a":{"dtype":"F32","shape":[4294967296,4294967296,4],"data_offsets":[0,0]}}"#,
    #"{"a":{"dtype":"X9","shape":[2],"data_offsets":[0,8]}}"#, #"{"a":7}"#,
    #"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0]}}"#,
  ]) func brokenTablesAreRefused(_ table: String) {
    #expect(throws: InferenceError.self) { try Safetensors(file(table)) }
  }

  @Test func invalidLengthsAreRefused() {
    #expect(throws: InferenceError.self) { try Safetensors([1, 2, 3]) }
    #expect(throws: InferenceError.self) { try Safetensors([UInt8](repeating: 255, count: 64)) }
    var random = SystemRandomNumberGenerator()
    let good = file(#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#)
    for _ in 0..<2000 {
      var bad = good
      for _ in 0..<3 {
        bad[Int.random(in: 0..<bad.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
      }
      _ = try? Safetensors(bad)
    }
  }

  @Test func otherWeightsAreNotConverted() throws {
    let weights = ModelPackage.File(name: "model.safetensors", bytes: file("{}"))
    #expect(try BertGraph.files([ModelPackage.File(name: "model.onnx", bytes: [])], name: "m") == nil)
    #expect(throws: InferenceError.self) { try BertGraph.files([weights], name: "m") }
    for config in [
      "{}", #"{"model_type":"gpt2"}"#,
      #"{"model_type":"bert","hidden_act":"gelu","hidden_size":8,"layer_norm_eps":1e-12,"max_position_embeddings":4,"num_attention_heads":2,"num_hidden_layers":1}"#,
    ] {
      let beside = ModelPackage.File(name: "config.json", bytes: Array(config.utf8))
      #expect(throws: InferenceError.self) { try BertGraph.files([weights, beside], name: "m") }
    }
  }
}
