import Foundation
import Imaging
import Perception
import TestSupport
import Testing

/// `vrbridge gestures` as a user runs it.
struct GestureCommandTests {
  /// Debian's Python, where it has what trains networks.
  static let python = "/usr/bin/python3"
  static let canTrain = FileManager.default.fileExists(atPath: "/usr/lib/python3/dist-packages/torch")
  private let state: String
  private let environment: [String: String]

  init() throws {
    state = try TestPaths.temporaryFolder()
    environment = [
      "VRBRIDGE_MODELS": state + "/models", "VRBRIDGE_OPENVINO": Models.runtime, "VRBRIDGE_STATE": state,
      "XDG_CONFIG_HOME": state, "TERM": "dumb",
    ]
  }

  private func gestures(_ arguments: [String], within seconds: Double = 120) async throws -> (
    code: Int32?, output: String, errors: String
  ) {
    try await Program.run("vrbridge", ["gestures"] + arguments, environment: environment, within: seconds)
  }

  /// Five examples each of two movements, none like the other.
  private func teach() throws {
    let store = GestureStore(folder: state + "/gestures")
    for number in 0..<5 {
      let size = 0.2 + 0.03 * Double(number)
      for (name, place) in [
        ("zed", { s in s < 1.0 / 3 ? (3 * s, 1) : s < 2.0 / 3 ? (2 - 3 * s, 2 - 3 * s) : (3 * s - 2, 0) }),
        ("roof", { s in (s, s < 0.5 ? 2 * s : 2 - 2 * s) }),
      ] as [(String, (Double) -> (Double, Double))] {
        let points = (0..<40).map { index in
          let (x, y) = place(Double(index) / 39)
          return GestureTrace.Point(time: Double(index) * 0.025, x: size * x, y: 0.3 * y, z: 0.01 * x)
        }
        _ = try store.add(GestureTrace(points: points), to: name)
      }
    }
  }

  @Test func whatCannotBeTrainedIsToldInOneSentence() async throws {
    for arguments in [["train"], ["train", "--network"]] {
      let result = try await gestures(arguments)
      #expect(result.code == 2 && result.errors.contains("gestures record"), "\(result.errors)")
    }
    try teach()
    let plain = try await gestures(["train"])
    #expect(plain.code == 0 && plain.output.contains("10 examples of 2 gestures"))
    for (arguments, message) in [
      (["train", "--network", "--optimiser", "magic"], "magic"),
      (["train", "--network", "--epochs", "0"], "--epochs"),
      (["train", "--network", "--no-compare", "--python", "/nonexistent/python"], "could not train"),
      (["train", "--data", "/nonexistent"], "PERSON_GESTURE"),
      (["explain", "nothing/1"], "no example nothing/1"),
      (["explain", "zed/1", "--network"], "movements"),
      (["export", state + "/x.onnx"], "no network yet"),
      (["eval", "--motion", "/nonexistent"], "is not there"),
    ] {
      let result = try await gestures(arguments)
      #expect(result.code != 0 && result.errors.contains(message), "\(arguments): \(result)")
    }
    #expect(!FileManager.default.fileExists(atPath: state + "/models/movements"))
  }

  @Test func whatAnAnswerRestsOnIsDrawn() async throws {
    try teach()
    let result = try await gestures(["explain", "zed/2", "--out", state + "/zed.png"])
    #expect(result.code == 0 && result.output.hasPrefix("zed: "), "\(result)")
    #expect(result.output.contains(#/between \d\.\d\d and \d\.\d\d s/#))
    let picture = try PNG.decode(Array(try Data(contentsOf: URL(fileURLWithPath: state + "/zed.png"))))
    #expect(picture.width == 800)
  }

  @Test(
    .enabled(if: canTrain && Models.areHere, "needs python3-torch, python3-onnx and the library for models"))
  func aNetworkIsTrainedSignedAndTellsTheMovements() async throws {
    try teach()
    let plot = state + "/loss.png"
    let result = try await gestures(
      ["train", "--network", "--epochs", "3", "--python", Self.python, "--plot", plot], within: 300)
    #expect(result.code == 0, "\(result.errors)")
    let lines = result.output.split(separator: "\n")
    #expect(lines.contains { $0.hasPrefix("the nearest example: 100.0 % of 10") }, "\(result.output)")
    #expect(
      lines.contains { $0.hasPrefix("a network: ") } && lines.contains { $0.hasPrefix("epoch 3: loss") })
    // Ten of ten can't be bettered.
    #expect(result.output.contains("movements: examples"))
    #expect(try PNG.decode(Array(try Data(contentsOf: URL(fileURLWithPath: plot)))).width == 1200)
    let verified = try await Program.run(
      "vrbridge", ["models", "verify"], environment: environment)
    #expect(verified.code == 0 && verified.output.contains("movements"), "\(verified)")
    // It knows what it learned from, and a running bridge's model is the file that is exported.
    for name in ["zed", "roof"] {
      let answer = try await gestures(["explain", name + "/3", "--network", "--out", state + "/m.png"])
      #expect(answer.code == 0 && answer.output.hasPrefix("\(name): "), "\(answer)")
    }
    let export = try await gestures(["export", state + "/x.onnx"])
    #expect(export.code == 0 && export.output.contains("none, circle clockwise"))
    #expect(
      try Data(contentsOf: URL(fileURLWithPath: state + "/x.onnx"))
        == Data(contentsOf: URL(fileURLWithPath: state + "/models/movements/1/network.onnx")))
    // Another time with the same seed: another version, the same network.
    let again = try await gestures(
      [
        "train", "--network", "--epochs", "2", "--python", Self.python, "--no-compare", "--optimiser",
        "momentum",
      ],
      within: 300)
    #expect(again.code == 0 && again.output.contains("movements 2: in"), "\(again)")
    let third = try await gestures(
      [
        "train", "--network", "--epochs", "2", "--python", Self.python, "--no-compare", "--optimiser",
        "momentum",
      ],
      within: 300)
    #expect(
      third.output.split(separator: "\n").filter { $0.hasPrefix("epoch") }
        == again.output.split(separator: "\n").filter { $0.hasPrefix("epoch") })
  }
}
