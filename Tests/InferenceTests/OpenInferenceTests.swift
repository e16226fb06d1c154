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
  func tensorsComeBack(_ type: ElementType, _ isBinary: Bool) throws {
    let tensors = [
      NamedTensor("a \"b\"", try Self.tensor(type, [2, 3], seed: 1)),
      NamedTensor("c", try Self.tensor(type, [1], seed: 2)),
    ]
    let (body, header) = try OpenInference.body(
      id: "7", model: "m", version: "1", key: "inputs", tensors: tensors.map { ($0, isBinary) })
    #expect((header != nil) == isBinary)
    let request = try OpenInference.request(body, headerLength: header, specs: [])
    #expect(request.inputs == tensors && request.id == "7")
    let (answer, length) = try OpenInference.body(
      id: nil, model: nil, version: nil, key: "outputs", tensors: tensors.map { ($0, isBinary) })
    #expect(try OpenInference.answer(answer, headerLength: length) == tensors)
  }

  @Test func wholeNumbersKeepAllBits() throws {
    let values: [Int64] = [.max, .min, 9_007_199_254_740_993]
    let bytes = values.flatMap { value in withUnsafeBytes(of: value) { Array($0) } }
    let tensor = try #require(Tensor(type: .int64, shape: [3], bytes: bytes))
    let (body, _) = try OpenInference.body(
      id: nil, model: nil, version: nil, key: "inputs", tensors: [(NamedTensor("x", tensor), false)])
    #expect(try OpenInference.request(body, headerLength: nil, specs: []).inputs[0].tensor == tensor)
  }

  @Test func whatJSONCantHoldIsSaid() throws {
    let tensor = Tensor(float32: [1], [.nan])
    #expect(throws: OpenInferenceFault.self) {
      try OpenInference.body(
        id: nil, model: nil, version: nil, key: "outputs", tensors: [(NamedTensor("x", tensor), false)])
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
  func aFaultIsRefused(_ text: String) {
    #expect(throws: OpenInferenceFault.self) {
      try OpenInference.request(Array(text.utf8), headerLength: nil, specs: [])
    }
  }

  /// Numbers that no type holds, in every type and as lengths, end in an answer.
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
    #expect(throws: OpenInferenceFault.self) {
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
    #expect(answer == "{\"predictions\":[{\"a\":[1.0,2.0],\"b\":[3]},{\"a\":[4.0,5.0],\"b\":[6]}]}")
    let columns = try TensorFlowServing.request(
      TensorFlowServing.body(zip(specs, rows.inputs).map { NamedTensor($0.name, $1) }), specs: specs)
    #expect(columns.inputs == rows.inputs)
    for bad in [
      "{}", "{\"instances\":[]}", "{\"instances\":[[1,2]]}", "{\"inputs\":{\"a\":[[1,2],[3]]}}",
      "{\"inputs\":[]}",
    ] {
      #expect(throws: OpenInferenceFault.self) {
        try TensorFlowServing.request(Array(bad.utf8), specs: specs)
      }
    }
  }

  /// Any bytes, and good messages with some bytes changed, end in an answer.
  @Test func anyBytesAreSurvived() throws {
    var random = SystemRandomNumberGenerator()
    let tensor = NamedTensor("x", Tensor(float32: [2, 3], [1, 2, 3, 4, 5, 6]))
    for isBinary in [true, false] {
      let (body, header) = try OpenInference.body(
        id: "i", model: nil, version: nil, key: "inputs", tensors: [(tensor, isBinary)])
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
