import Foundation
import Inference
import Spatial
import TestSupport
import Testing

@testable import Speech

@Suite struct SignedWeightsTests {
  /// A value of a field, and its number in the schema.
  private indirect enum Value {
    case number(Int, width: Int)
    case text(String)
    case bytes([UInt8])
    case table([Int: Value])
    case tables([[Int: Value]])
    case texts([String])
  }

  /// Writes a FlatBuffers file front to back, so that each offset points forward.
  private struct Writer {
    var bytes: [UInt8] = [0, 0, 0, 0] + Array("ORTM".utf8)

    mutating func put(_ value: Int, width: Int, at place: Int) {
      for byte in 0..<width { bytes[place + byte] = UInt8(truncatingIfNeeded: value >> (8 * byte)) }
    }

    mutating func append(_ value: Int, width: Int) -> Int {
      bytes += [UInt8](repeating: 0, count: (width - bytes.count % width) % width)
      bytes += [UInt8](repeating: 0, count: width)
      put(value, width: width, at: bytes.count - width)
      return bytes.count - width
    }

    mutating func table(_ fields: [Int: Value]) -> Int {
      let last = fields.keys.max() ?? 0
      _ = append(0, width: 4)
      let row = append(4 + 2 * (last + 1), width: 2)
      _ = append(0, width: 2)
      for _ in 0...last { _ = append(0, width: 2) }
      let start = append(0, width: 4)
      put(start - row, width: 4, at: start)
      var later: [(Int, Value)] = []
      for (field, value) in fields.sorted(by: { $0.key < $1.key }) {
        let place: Int
        if case .number(let number, let width) = value {
          place = append(number, width: width)
        } else {
          place = append(0, width: 4)
          later.append((place, value))
        }
        put(place - start, width: 2, at: row + 4 + 2 * field)
      }
      for (place, value) in later { put(target(value) - place, width: 4, at: place) }
      return start
    }

    mutating func vector(_ values: [Value]) -> Int {
      let start = append(values.count, width: 4)
      let places = values.map { _ in append(0, width: 4) }
      for (place, value) in zip(places, values) { put(target(value) - place, width: 4, at: place) }
      return start
    }

    mutating func target(_ value: Value) -> Int {
      switch value {
      case .number: return 0
      case .text(let text): return target(.bytes(Array(text.utf8)))
      case .bytes(let data):
        let start = append(data.count, width: 4)
        bytes += data
        return start
      case .table(let fields): return table(fields)
      case .tables(let tables): return vector(tables.map { .table($0) })
      case .texts(let texts): return vector(texts.map { .text($0) })
      }
    }
  }

  private func tensor(_ name: String, _ data: [UInt8]) -> [Int: Value] {
    [0: .text(name), 3: .number(2, width: 4), 4: .bytes(data)]
  }

  private func argument(_ name: String) -> [Int: Value] {
    [0: .text(name), 2: .table([1: .number(1, width: 1), 2: .table([0: .number(2, width: 4)])])]
  }

  private func node(_ operation: String, _ inputs: [String], attributes: [[Int: Value]] = []) -> [Int: Value]
  {
    [5: .text(operation), 8: .texts(inputs), 10: .tables(attributes)]
  }

  /// Weights W with zero point z, used in a graph within the graph, and an embedding E that is looked up.
  private func model(_ nodes: [[Int: Value]]) -> [UInt8] {
    let inner: [Int: Value] = [0: .tables([]), 1: .tables([argument("W")]), 2: .tables(nodes)]
    let outer: [Int: Value] = [
      0: .tables([tensor("W", [0, 127, 128, 255]), tensor("z", [130]), tensor("E", [1, 2])]),
      1: .tables([argument("W"), argument("z"), argument("E")]),
      2: .tables([node("If", ["c"], attributes: [[7: .table(inner)]]), node("Gather", ["E", "i"])]),
    ]
    var writer = Writer()
    let root = writer.table([0: .text("6"), 1: .table([7: .table(outer)])])
    writer.put(root, width: 4, at: 0)
    return writer.bytes
  }

  /// Name, type and bytes of each tensor of the outer graph, and the types of the arguments of both.
  private func read(_ bytes: [UInt8]) throws -> (tensors: [String: (Int, [UInt8])], arguments: [Int]) {
    let graph = try #require(FlatBufferTable(file: bytes)?.table(1)?.table(7))
    var tensors: [String: (Int, [UInt8])] = [:]
    for tensor in graph.tables(0) {
      let range = try #require(tensor.elements(4, width: 1))
      tensors[tensor.text(0) ?? ""] = (tensor.integer(3, width: 4) ?? 0, Array(bytes[range]))
    }
    let inner = try #require(graph.tables(2).first?.tables(10).first?.table(7))
    let arguments = (graph.tables(1) + inner.tables(1)).map {
      $0.table(2)?.table(2)?.integer(0, width: 4) ?? 0
    }
    return (tensors, arguments)
  }

  @Test func weightsAndTheirZeroPointsAreConvertedTogether() throws {
    let bytes = model([node("MatMulIntegerToFloat", ["a", "W", "s", "t", "y", "z"])])
    let after = SignedWeights.converted(bytes)
    let (tensors, arguments) = try read(after)
    #expect(tensors["W"]?.0 == 3 && tensors["W"]?.1 == [128, 255, 0, 127])
    #expect(tensors["z"]?.0 == 3 && tensors["z"]?.1 == [2])
    #expect(tensors["E"]?.0 == 2 && tensors["E"]?.1 == [1, 2])
    #expect(arguments == [3, 3, 2, 3])
    #expect(SignedWeights.converted(after) == after)
  }

  @Test func tensorsWithOtherUsesAreUnchanged() throws {
    for nodes in [
      [
        node("MatMulIntegerToFloat", ["a", "W", "s", "t", "y", "z"]),
        node("DequantizeLinear", ["E", "s", "z"]),
      ],
      [node("DynamicQuantizeMatMul", ["a", "W", "s", "z"]), node("Transpose", ["W"])],
      [node("DynamicQuantizeMatMul", ["a", "W", "s"])], [],
    ] {
      let bytes = model(nodes)
      #expect(SignedWeights.converted(bytes) == bytes)
    }
    #expect(SignedWeights.converted([1, 2, 3]) == [1, 2, 3])
  }

  @Test func damagedModelsDoNotTrap() throws {
    let whole = model([node("DynamicQuantizeMatMul", ["a", "W", "s", "z"])])
    #expect(SignedWeights.converted(whole) != whole)
    for count in 0..<whole.count { _ = SignedWeights.converted(Array(whole.prefix(count))) }
    var random = SeededRandom(seed: 5)
    for _ in 0..<20_000 {
      var bytes = whole
      for _ in 0..<Int.random(in: 1...4, using: &random) {
        bytes[Int.random(in: 8..<bytes.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
      }
      #expect(SignedWeights.converted(bytes).count == bytes.count)
    }
  }

  /// The real model gives equal results with signed and unsigned weights.
  @Test(.enabled(if: Models.hear && SignedWeights.areQuicker, "needs models, and a processor with VNNI"))
  func theRealModelGivesEqualResults() async throws {
    let models = try EngineTests.models()
    let (package, _) = try models.package("speech-recognition")
    let library = try SherpaLibrary.shared(folder: Models.speechRuntime)
    let changed = package.files.filter { SignedWeights.converted($0.bytes) != $0.bytes }
    #expect(changed.count == 2, "encoder and decoder")
    let signed = try SherpaRecogniser(package, digest: "", library: library)
    let unsigned = try SherpaRecogniser(package, digest: "", library: library, signedWeights: false)
    for text in ["what am I looking at", "take a note, the left pump is dry and the valve is open"] {
      let samples = try await EngineTests.speak(text).map { Float($0) / 32_768 }
      let found = try signed.recognise(samples)
      let same = try unsigned.recognise(samples)
      #expect(!found.text.isEmpty && found == same)
    }
  }
}
