import Foundation
import Testing

@testable import Inference

/// Values that a tensor's type or shape can't hold are refused, with the tensor's name, the index and the reason.
struct CoercionTests {
  private func infer(_ type: String, _ shape: String, _ data: String) throws -> Tensor {
    let text =
      "{\"inputs\":[{\"name\":\"x\",\"datatype\":\"\(type)\",\"shape\":\(shape),\"data\":\(data)}]}"
    return try OpenInference.request(Array(text.utf8), headerLength: nil, specs: []).inputs[0].tensor
  }

  @Test(
    arguments: [
      ("INT32", "[2]", "[1,1.7]", "'x'[1]: 1.7 is no INT32: it has a fraction"),
      ("UINT8", "[2]", "[300,1]", "'x'[0]: 300 is no UINT8: the type's range is 0 to 255"),
      ("UINT8", "[1]", "[-1]", "range is 0 to 255"), ("INT8", "[1]", "[128]", "-128 to 127"),
      ("INT64", "[1]", "[9223372036854775808]", "9223372036854775808 is no INT64"),
      ("INT64", "[1]", "[-9223372036854775809]", "is no INT64"), ("INT64", "[1]", "[1e19]", "is no INT64"),
      ("UINT64", "[1]", "[-1]", "is no UINT64"), ("UINT64", "[1]", "[18446744073709551616]", "is no UINT64"),
      ("INT32", "[1]", "[true]", "true is no INT32: it is a boolean"),
      ("FP32", "[1]", "[false]", "it is a boolean"),
      ("FP32", "[1]", "[1e39]", "beyond the type's range"), ("FP16", "[1]", "[65520]", "beyond"),
      ("BF16", "[1]", "[3.4e38]", "beyond"), ("BOOL", "[1]", "[2]", "only true, false, 0 and 1"),
      ("BOOL", "[1]", "[0.5]", "only true"), ("INT32", "[1]", "[\"1\"]", "'x'[0]: a text is no number"),
      ("INT32", "[1]", "[null]", "'x'[0]: null is no number"),
      // Lists within lists have the lengths of the shape.
      ("INT32", "[2,2]", "[[1],[2,3,4]]", "'x'[0]: it has 1 elements, and its shape [2, 2] has there 2"),
      ("INT32", "[2,2]", "[[1,2,3,4]]", "'x': it has 1 elements"),
      ("INT32", "[2,2]", "[[1,2],3]", "'x'[1]: 3 where the shape [2, 2] has a list"),
      ("INT32", "[2]", "[[1,2]]", "'x': it has 1 elements"), ("INT32", "[4]", "[[1],[2],[3],[4]]", "a list"),
      ("INT32", "[2,2]", "[1,2,3]", "'x': it has 3 elements, and the shape [2, 2] takes 4"),
      ("INT32", "[2,2]", "[1,2,[3],4]", "'x'[2]: a list is no number"),
      ("FP32", "[]", "[[1]]", "'x'[0]: a list is no number"), ("FP32", "[]", "[[]]", "a list"),
      ("FP32", "[]", "[]", "'x': it has 0 elements"),
      ("FP32", "[1.9,4]", "[1,2,3,4]", "'shape' of 'x', number 0: 1.9 is no length of a dimension"),
      ("FP32", "[true]", "[1]", "number 0: true is no length"), ("FP32", "[\"1\"]", "[1]", "a text"),
      ("FP32", "[-1]", "[1]", "-1 is no length"), ("FP32", "[1]", "1", "'data' of 'x' is no list"),
      ("FP32", "[18446744073709551617]", "[1]", "is no length"),
    ] as [(String, String, String, String)])
  func otherValuesAreRefused(_ type: String, _ shape: String, _ data: String, _ part: String) {
    let error = #expect(throws: OpenInferenceError.self) { try infer(type, shape, data) }
    #expect(error?.description.contains(part) == true, "\(error as Any)")
  }

  @Test func valuesThatFitKeepTheirValue() throws {
    #expect(try infer("INT32", "[2,2]", "[[1,2],[3,4.0]]").numbers == [1, 2, 3, 4])
    #expect(try infer("INT32", "[2,2]", "[1,2,3,1e1]").numbers == [1, 2, 3, 10])
    #expect(try infer("INT32", "[]", "[7]").shape == [])
    #expect(try infer("BOOL", "[4]", "[true,false,0,1]").bytes == [1, 0, 0, 1])
    let limits = try infer("INT64", "[3]", "[9223372036854775807,-9223372036854775808,-1]")
    let whole = limits.bytes.withUnsafeBytes { Array($0.bindMemory(to: Int64.self)) }
    #expect(whole == [.max, .min, -1])
    #expect(try infer("UINT64", "[1]", "[18446744073709551615]").bytes == [UInt8](repeating: 255, count: 8))
    // Digits that Foundation keeps in decimal.
    for text in ["0.1000000000000000055511151231257827", "-0.12345678901234567", "123456789.12345678901"] {
      #expect(try infer("FP64", "[1]", "[\(text)]").numbers == [try #require(Double(text))])
    }
  }

  /// To nearest, ties to even, with one rounding.
  @Test func bfloat16AndHalfRoundToNearest() throws {
    func bits(_ type: ElementType, _ number: Double) throws -> UInt16 {
      let tensor = try #require(Tensor(type: type, shape: [1], numbers: [number]))
      return tensor.bytes.withUnsafeBytes { $0.loadUnaligned(as: UInt16.self) }
    }
    #expect(try bits(.bfloat16, 1.0) == 0x3f80 && bits(.bfloat16, 1.00390625) == 0x3f80)
    #expect(try bits(.bfloat16, 1.0039064) == 0x3f81 && bits(.bfloat16, 1.01171875) == 0x3f82)
    #expect(try bits(.bfloat16, -1.0078124) == 0xbf81 && bits(.bfloat16, 0.1) == 0x3dcd)
    #expect(try bits(.bfloat16, 1.00390625 + 1e-12) == 0x3f81)
    #expect(try bits(.bfloat16, .infinity) == 0x7f80 && bits(.bfloat16, .nan) & 0x7fff > 0x7f80)
    #expect(try bits(.float16, 1 + 0x1p-11 + 1e-12) == 0x3c01 && bits(.float16, 1 + 0x1p-11) == 0x3c00)
  }

  @Test(
    arguments: [
      ("\"id\":7", "'id' of the request is no text"),
      ("\"parameters\":{\"binary_data_output\":1}", "neither true nor false"),
      ("\"parameters\":[]", "is no object"),
      ("\"outputs\":[{\"name\":\"y\",\"parameters\":{\"classification\":1.7}}]", "no whole number"),
      ("\"outputs\":[{\"name\":\"y\",\"parameters\":{\"classification\":\"2\"}}]", "a text"),
      ("\"outputs\":[{\"name\":\"y\",\"parameters\":{\"binary_data\":\"yes\"}}]", "neither true"),
      ("\"outputs\":[{\"name\":\"y\"},{\"name\":\"y\"}]", "requested twice"),
    ] as [(String, String)])
  func fieldsOfOtherTypesAreRefused(_ field: String, _ part: String) throws {
    let input = "\"inputs\":[{\"name\":\"x\",\"datatype\":\"FP32\",\"shape\":[1],\"data\":[1]}]"
    let error = #expect(throws: OpenInferenceError.self) {
      try OpenInference.request(Array("{\(input),\(field)}".utf8), headerLength: nil, specs: [])
    }
    #expect(error?.description.contains(part) == true, "\(error as Any)")
    // Null is absence.
    let empty = "{\(input),\"id\":null,\"parameters\":null,\"outputs\":null}"
    #expect(try OpenInference.request(Array(empty.utf8), headerLength: nil, specs: []).inputs.count == 1)
    for size in ["4.5", "-4", "true", "\"4\""] {
      let text =
        "{\"inputs\":[{\"name\":\"x\",\"datatype\":\"FP32\",\"shape\":[1],\"parameters\":{\"binary_data_size\":\(size)}}]}"
      #expect(throws: OpenInferenceError.self) {
        try OpenInference.request(Array(text.utf8) + [0, 0, 0, 0], headerLength: text.utf8.count, specs: [])
      }
    }
  }

  // MARK: TensorFlow Serving

  private static let specs = [
    TensorSpec(name: "a", type: .int32, shape: [-1, 2]), TensorSpec(name: "b", type: .int32, shape: [-1]),
  ]

  @Test(
    arguments: [
      ("{\"instances\":[{\"a\":[1,2],\"b\":1.5}]}", "'b'[0]: 1.5 is no INT32"),
      ("{\"instances\":[{\"a\":[1,2],\"b\":1},{\"a\":[1],\"b\":1}]}", "'a'[1]: it has 1 elements"),
      ("{\"instances\":[{\"a\":[1,2],\"b\":1},{\"a\":3,\"b\":1}]}", "'a'[1]: 3 where"),
      ("{\"instances\":[{\"a\":[1,2],\"b\":1,\"c\":1}]}", "instance 0 has 'c', which is no input"),
      ("{\"instances\":[{\"a\":[1,2]}]}", "instance 0 has no 'b'"),
      ("{\"inputs\":{\"a\":[[1,2]],\"b\":[1],\"c\":[1]}}", "'inputs' has 'c'"),
      ("{\"inputs\":{\"a\":[[1,2]],\"b\":[1]},\"instances\":[1]}", "both"),
    ] as [(String, String)])
  func rowsThatDoNotFitAreRefused(_ text: String, _ part: String) {
    let error = #expect(throws: OpenInferenceError.self) {
      try TensorFlowServing.request(Array(text.utf8), specs: Self.specs)
    }
    #expect(error?.description.contains(part) == true, "\(error as Any)")
  }

  @Test func rowsOfVectorsAreScalars() throws {
    let tensors = [
      NamedTensor("a", try #require(Tensor(type: .int32, shape: [2, 2], numbers: [1, 2, 3, 4]))),
      NamedTensor("b", try #require(Tensor(type: .int32, shape: [2], numbers: [5, 6]))),
    ]
    func text(_ list: [NamedTensor]) throws -> String {
      String(decoding: try TensorFlowServing.answer(list, isRows: true), as: UTF8.self)
    }
    #expect(try text(tensors) == "{\"predictions\":[{\"a\":[1,2],\"b\":5},{\"a\":[3,4],\"b\":6}]}")
    #expect(try text([tensors[1]]) == "{\"predictions\":[5,6]}")
    let scalar = NamedTensor("c", try #require(Tensor(type: .int32, shape: [], numbers: [1])))
    #expect(throws: OpenInferenceError.self) { try text([scalar]) }
    #expect(
      String(decoding: try TensorFlowServing.answer([scalar], isRows: false), as: UTF8.self)
        == "{\"outputs\":1}")
  }
}
