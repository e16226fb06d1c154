import Foundation
import Testing

@testable import Inference

struct OpenInferenceTests {
  private static func tensor(_ type: ElementType, _ shape: [Int], seed: Int) throws -> Tensor {
    let count = shape.reduce(1, *)
    let numbers = (0..<count).map { Double(($0 * 7 + seed) % (type == .bool ? 2 : 100)) }
    return try #require(Tensor(type: type, shape: shape, numbers: numbers))
  }

  @Test(arguments: ElementType.allCases, [true, false])
  func tensorsSurviveTheMessage(_ type: ElementType, _ isBinary: Bool) throws {
    let tensors = [
      NamedTensor("a \"b\"", try Self.tensor(type, [2, 3], seed: 1)),
      NamedTensor("c", try Self.tensor(type, [1], seed: 2)),
    ]
    let (body, header) = try OpenInference.body(
      id: "7", model: "m", version: "1", key: "inputs",
      parts: tensors.map { isBinary ? .binary($0) : .numbers($0) })
    #expect((header != nil) == isBinary)
    let request = try OpenInference.request(body, headerLength: header, specs: [])
    #expect(request.inputs == tensors && request.id == "7")
    let (answer, length) = try OpenInference.body(
      id: nil, model: nil, version: nil, key: "outputs",
      parts: tensors.map { isBinary ? .binary($0) : .numbers($0) })
    #expect(try OpenInference.answer(answer, headerLength: length).outputs == tensors)
  }

  @Test func integersKeepAllBits() throws {
    let values: [Int64] = [.max, .min, 9_007_199_254_740_993]
    let bytes = values.flatMap { value in withUnsafeBytes(of: value) { Array($0) } }
    let tensor = try #require(Tensor(type: .int64, shape: [3], bytes: bytes))
    let (body, _) = try OpenInference.body(
      id: nil, model: nil, version: nil, key: "inputs", parts: [.numbers(NamedTensor("x", tensor))])
    #expect(try OpenInference.request(body, headerLength: nil, specs: []).inputs[0].tensor == tensor)
  }

  @Test func namesAndTextsAreEscaped() throws {
    let (body, header) = try OpenInference.body(
      id: "a\"\\\u{1}/é", model: nil, version: nil, key: "outputs",
      parts: [.texts(name: "n\n", shape: [1, 2], ["0.5:0:\"x\"", "0.2:1"])])
    let json = try #require(try JSONSerialization.jsonObject(with: Data(body)) as? [String: Any])
    #expect(header == nil && json["id"] as? String == "a\"\\\u{1}/é")
    let output = try #require((json["outputs"] as? [[String: Any]])?.first)
    #expect(output["name"] as? String == "n\n" && output["datatype"] as? String == "BYTES")
    #expect(output["data"] as? [String] == ["0.5:0:\"x\"", "0.2:1"] && output["shape"] as? [Int] == [1, 2])
  }

  @Test func numbersThatJSONCantHoldAreRejected() throws {
    let tensor = Tensor(float32: [1], [.nan])
    #expect(throws: OpenInferenceError.self) {
      try OpenInference.body(
        id: nil, model: nil, version: nil, key: "outputs", parts: [.numbers(NamedTensor("x", tensor))])
    }
  }

  @Test(arguments: [
    "", "[]", "{}", "{\"inputs\":[]}", "{\"inputs\":{}}", "{\"inputs\":[{\"name\":\"x\"}]}",
    "{\"inputs\":[{\"name\":\"x\",\"datatype\":\"FP32\",\"shape\":[2],\"data\":[1]}]}",
    "{\"inputs\":[{\"name\":\"x\",\"datatype\":\"FP32\",\"shape\":[1],\"data\":[1,2]}]}",
    "{\"inputs\":[{\"name\":\"x\",\"datatype\":\"FP32\",\"shape\":[-1],\"data\":[]}]}",
    "{\"inputs\":[{\"name\":\"x\",\"datatype\":\"BYTES\",\"shape\":[1],\"data\":[\"a\"]}]}",
    "{\"inputs\":[{\"name\":\"x\",\"datatype\":\"FP32\",\"shape\":[1],\"data\":[\"a\"]}]}",
    "{\"inputs\":[{\"name\":\"x\",\"datatype\":\"FP32\",\"shape\":[100000,100000],\"data\":[1]}]}",
    "{\"inputs\":[{\"name\":\"x\",\"datatype\":\"FP32\",\"shape\":[1],\"parameters\":{\"binary_data_size\":4}}]}",
    "{\"inputs\":[{\"name\":\"x\",\"datatype\":\"FP32\",\"shape\":[1],\"data\":[[[[[[[[[[[[1]]]]]]]]]]]]}]}",
  ])
  func anInvalidMessageIsRejected(_ text: String) {
    #expect(throws: OpenInferenceError.self) {
      try OpenInference.request(Array(text.utf8), headerLength: nil, specs: [])
    }
  }

  /// Numbers that no type holds, in every type and as lengths, give a request or an error.
  @Test(
    arguments: ElementType.allCases,
    ["1e300", "-1e300", "-1", "1.5", "18446744073709551615", "1e-400", "true"])
  func numbersBeyondTheirTypeAreSurvived(_ type: ElementType, _ number: String) {
    for shape in ["1", number] {
      let text =
        "{\"inputs\":[{\"name\":\"x\",\"datatype\":\"\(type.rawValue)\",\"shape\":[\(shape)],\"data\":[\(number)],"
        + "\"parameters\":{\"a\":\(number)}}],\"outputs\":[{\"name\":\"y\",\"parameters\":{\"classification\":\(number)}}]}"
      _ = try? OpenInference.request(Array(text.utf8), headerLength: nil, specs: [])
      _ = try? OpenInference.metadata(
        Array("{\"inputs\":[{\"name\":\"x\",\"datatype\":\"FP32\",\"shape\":[\(number)]}]}".utf8))
      _ = try? TensorFlowServing.request(
        Array("{\"instances\":[\(number)]}".utf8), specs: [TensorSpec(name: "x", type: type, shape: [-1])])
    }
  }

  @Test func aBodyWithoutJSONIsTheOnlyInput() throws {
    let spec = TensorSpec(name: "x", type: .uint8, shape: [-1, 3])
    let request = try OpenInference.request([1, 2, 3, 4, 5, 6], headerLength: 0, specs: [spec])
    #expect(request.inputs[0].tensor.shape == [2, 3])
    #expect(throws: OpenInferenceError.self) {
      try OpenInference.request([1, 2], headerLength: 0, specs: [spec])
    }
  }

  @Test func rowsAndColumnsOfTensorFlow() throws {
    let specs = [
      TensorSpec(name: "a", type: .float32, shape: [-1, 2]), TensorSpec(name: "b", type: .int32, shape: [-1]),
    ]
    let rows = try TensorFlowServing.request(
      Array("{\"instances\":[{\"a\":[1,2],\"b\":3},{\"a\":[4,5],\"b\":6}]}".utf8), specs: specs)
    #expect(rows.inputs.map(\.shape) == [[2, 2], [2]] && rows.inputs[1].numbers == [3, 6])
    let answer = try TensorFlowServing.answer(
      zip(specs, rows.inputs).map { NamedTensor($0.name, $1) }, isRows: true)
    #expect(
      String(decoding: answer, as: UTF8.self)
        == "{\"predictions\":[{\"a\":[1.0,2.0],\"b\":3},{\"a\":[4.0,5.0],\"b\":6}]}")
    let columns = try TensorFlowServing.request(
      TensorFlowServing.body(zip(specs, rows.inputs).map { NamedTensor($0.name, $1) }), specs: specs)
    #expect(columns.inputs == rows.inputs)
    for bad in [
      "{}", "{\"instances\":[]}", "{\"instances\":[[1,2]]}", "{\"inputs\":{\"a\":[[1,2],[3]]}}",
      "{\"inputs\":[]}",
    ] {
      #expect(throws: OpenInferenceError.self) {
        try TensorFlowServing.request(Array(bad.utf8), specs: specs)
      }
    }
  }

  /// Any bytes, and valid messages with some bytes changed, give a request or an error.
  @Test func anyBytesAreSurvived() throws {
    var random = SystemRandomNumberGenerator()
    let tensor = NamedTensor("x", Tensor(float32: [2, 3], [1, 2, 3, 4, 5, 6]))
    for isBinary in [true, false] {
      let (body, header) = try OpenInference.body(
        id: "i", model: nil, version: nil, key: "inputs",
        parts: [isBinary ? .binary(tensor) : .numbers(tensor)])
      for _ in 0..<3000 {
        var broken = body
        for _ in 0..<Int.random(in: 1...4, using: &random) {
          broken[Int.random(in: 0..<broken.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
        }
        let length = Bool.random(using: &random) ? header : Int.random(in: -5...300, using: &random)
        _ = try? OpenInference.request(broken, headerLength: length, specs: [])
        _ = try? OpenInference.answer(broken, headerLength: length)
        _ = try? OpenInference.metadata(broken)
        _ = try? TensorFlowServing.request(
          broken, specs: [TensorSpec(name: "x", type: .float32, shape: [-1])])
      }
    }
  }
}
