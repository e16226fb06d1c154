import Foundation
import Testing

@testable import Inference

/// JSON that is small as text and large in memory.
struct JSONBodyTests {
  private func problem(_ text: String) -> String {
    do throws(OpenInferenceError) {
      try JSONBody.read(Array(text.utf8)[...]) { _ in }
      return ""
    } catch { return error.description }
  }

  @Test func valuesAreCountedBeforeTheyAreParsed() {
    let many = String(repeating: "0,", count: JSONBody.maximumValues)
    #expect(problem("{\"a\":[\(many)0]}").contains("at most \(JSONBody.maximumValues) are read"))
    #expect(problem("{\"a\":[\(many.dropLast(20))0]}").isEmpty)
    // Separators within a text are no values.
    #expect(problem("{\"a\":\"\\\"\(many)\"}").isEmpty)
  }

  @Test func depthIsBounded() {
    func nested(_ depth: Int) -> String {
      "{\"a\":" + String(repeating: "[", count: depth - 1) + String(repeating: "]", count: depth - 1) + "}"
    }
    #expect(problem(nested(JSONBody.maximumDepth)).isEmpty)
    #expect(problem(nested(JSONBody.maximumDepth + 1)).contains("nested 33 levels deep"))
    #expect(problem(nested(2_000_000)).contains("nested 2000000 levels deep"))
  }

  @Test func sizeIsBounded() {
    let text = "{\"a\":\"" + String(repeating: "x", count: JSONBody.maximumSize) + "\"}"
    #expect(problem(text).contains("the JSON has \(JSONBody.maximumSize + 8) bytes"))
  }

  /// Two bodies of the largest size at the same time are parsed, a third is not.
  @Test func bodiesShareTheMemory() throws {
    let large = Array("{\"a\":[\(String(repeating: "0,", count: JSONBody.maximumValues - 20))0]}".utf8)[...]
    var refusal: OpenInferenceError?
    try JSONBody.read(large) { _ throws(OpenInferenceError) in
      try JSONBody.read(large) { _ throws(OpenInferenceError) in
        do throws(OpenInferenceError) { try JSONBody.read(large) { _ in } } catch { refusal = error }
        // Requests without large values are served.
        try JSONBody.read(Array("{}".utf8)[...]) { _ in }
      }
    }
    #expect(refusal?.isBusy == true && refusal?.kind == .late)
    try JSONBody.read(large) { _ in }
  }

  /// Text in front of binary tensors is bounded, the tensors are not.
  @Test func binaryTensorsAreNotCounted() throws {
    let size = 20 << 20
    let head =
      "{\"inputs\":[{\"name\":\"x\",\"datatype\":\"UINT8\",\"shape\":[\(size)],\"parameters\":{\"binary_data_size\":\(size)}}]}"
    let body = Array(head.utf8) + [UInt8](repeating: 44, count: size)
    let request = try OpenInference.request(body, headerLength: head.utf8.count, specs: [])
    #expect(request.inputs.first?.tensor.bytes.count == size)
  }
}
