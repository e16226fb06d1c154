import Bridge
import BridgeProtocol
import Foundation
import Glibc
import Sensing
import Spatial
import SwiftProtobuf
import TestSupport
import Testing

/// The annotation header, compiled as a user would, reads messages of the protobuf library, and arbitrary bytes.
struct AnnotationHeaderTests {
  /// Reads an Annotation from a file and prints what it made of it.
  private static let reader = """
    #include "vrbridge_annotations.h"
    int main(int count, char **arguments) {
        static unsigned char bytes[1 << 20];
        for (int i = 1; i < count; i++) {
            FILE *file = fopen(arguments[i], "rb");
            size_t length = file ? fread(bytes, 1, sizeof bytes, file) : 0;
            if (file) fclose(file);
            /* On the heap and of the right length, so that a sanitizer sees a read past the end. */
            unsigned char *copy = (unsigned char *)malloc(length ? length : 1);
            memcpy(copy, bytes, length);
            vrb_annotation a;
            vrb_read_annotation(copy, length, &a);
            free(copy);
            vrb_pose head;
            memset(&head, 0, sizeof head);
            head.orientation[1] = 0.70710678118654757; head.orientation[3] = 0.70710678118654757;
            head.position[0] = 10;
            double place[3] = {0, 0, 0};
            int placed = vrb_annotation_place(&a, &head, 2, place);
            printf("%llu|%u|%u|%s|%.6f|%lld|%.9f|%.9f|%.6f|%u|%u|%u|%u|%.9f|%d|%.6f %.6f %.6f\\n", (unsigned long long)a.id,
                   a.kind, a.space, a.label, a.confidence, (long long)a.captured_ns, a.direction[2], a.distance,
                   a.time_to_live_s, a.ended, a.text_state, a.hand, a.joint_count,
                   a.joint_count ? a.joints[a.joint_count - 1].position[1] : 0.0, placed, place[0], place[1], place[2]);
        }
        return 0;
    }
    """

  /// A sanitizer's library must be the first that is loaded.
  private static let environment = ["LD_PRELOAD": ""]

  private func compile() async throws -> String {
    let folder = try TestPaths.temporaryFolder()
    try Self.reader.write(toFile: folder + "/reader.c", atomically: true, encoding: .utf8)
    let result = try await Program.run(
      "/usr/bin/env",
      [
        "cc", "-std=c99", "-O1", "-g", "-Wall", "-Wextra", "-Werror", "-fsanitize=address,undefined",
        "-fno-sanitize-recover=all", "-I" + TestPaths.root + "/Sources/CVRBridge/include",
        folder + "/reader.c",
        "-o",
        folder + "/reader",
      ], within: 60)
    try #require(result.code == 0, "\(result.errors)")
    return folder + "/reader"
  }

  private func annotation(_ text: String = "Pumpe – 3 🚰") -> Vrbridge_V1_Annotation {
    .with {
      $0.id = 1 << 60
      $0.kind = .hand
      $0.label = text
      $0.confidence = 0.75
      $0.model = "hand-landmarks"
      $0.modelDigest = String(repeating: "ab", count: 32)
      $0.capturedNs = -5
      $0.publishedNs = 1 << 50
      $0.region = .with {
        $0.camera = "left"
        $0.points = (0..<42).map { Float($0) }
      }
      $0.anchor = .with {
        $0.space = .head
        $0.direction = .with { $0.z = -1 }
        $0.distance = 0
      }
      $0.joints = (0..<30).map { index in
        .with {
          $0.position = .with { $0.y = Double(index) / 10 }
          $0.orientation = [0, 0, 0, 1]
          $0.radius = 0.01
        }
      }
      $0.handedness = .right
      $0.timeToLiveS = 0.5
      $0.textState = .partial
      $0.words = [.with { $0.text = "Pumpe" }]
    }
  }

  @Test func itReadsMessagesOfTheProtobufLibrary() async throws {
    let reader = try await compile()
    let file = try TestPaths.temporaryFolder() + "/a"
    func read(_ message: Vrbridge_V1_Annotation) async throws -> [String] {
      try Data(message.serializedBytes() as [UInt8]).write(to: URL(fileURLWithPath: file))
      let result = try await Program.run(reader, [file], environment: Self.environment)
      #expect(result.code == 0, "\(result.errors)")
      return result.output.trimmingCharacters(in: .newlines).components(separatedBy: "|")
    }
    // The head looks along -X (a quarter turn about Y) from x = 10: two metres ahead is x = 8. More joints than a hand
    // has are left out.
    let fieldsOfHand = try await read(annotation())
    #expect(
      fieldsOfHand == [
        String(1 << 60), "1", "2", "Pumpe – 3 🚰", "0.750000", "-5", "-1.000000000", "0.000000000", "0.500000",
        "0",
        "1", "2", "26", "2.500000000", "0", "8.000000 0.000000 0.000000",
      ])
    // A label that is too long is cut at a character.
    let long = try await read(annotation(String(repeating: "ü", count: 2000)))
    try #require(long.count == 16)
    #expect(long[3] == String(repeating: "ü", count: 511))
    // Without an anchor there is no position; fields of a newer protocol are skipped.
    var plain = Vrbridge_V1_Annotation()
    plain.id = 3
    plain.ended = true
    var bytes: [UInt8] = try plain.serializedBytes()
    bytes += [0xfa, 0x3f, 3, 1, 2, 3, 0x80, 0x40, 7]
    try Data(bytes).write(to: URL(fileURLWithPath: file))
    let fields = try await Program.run(reader, [file], environment: Self.environment).output.components(
      separatedBy: "|")
    try #require(fields.count == 16)
    #expect(fields[0] == "3" && fields[2] == "0" && fields[9] == "1" && fields[14] == "-2")
  }

  @Test func itReadsNothingBeyondTheBytes() async throws {
    let reader = try await compile()
    let folder = try TestPaths.temporaryFolder()
    let whole: [UInt8] = try annotation().serializedBytes()
    var files: [String] = []
    for number in 0..<400 {
      var bytes = whole
      for _ in 0..<Int.random(in: 0...5) {
        bytes[Int.random(in: 0..<bytes.count)] = .random(in: 0...255)
      }
      files.append("\(folder)/\(number)")
      try Data(bytes.prefix(number < 200 ? bytes.count * number / 200 : bytes.count))
        .write(to: URL(fileURLWithPath: files[number]))
    }
    let result = try await Program.run(reader, files, environment: Self.environment, within: 60)
    #expect(result.code == 0, "\(result.errors.suffix(1500))")
    #expect(result.output.split(separator: "\n").count >= 400)
  }
}

/// The examples of docs/how-to/feed-a-renderer.md, compiled and run as it says.
@Suite(.serialized) struct RendererTests {
  private func daemon() async throws -> (Program, [String: String]) {
    let environment = [
      "VRBRIDGE_SOCKET": try TestPaths.temporaryFolder() + "/s", "XDG_CONFIG_HOME": "/nonexistent",
      "XDG_STATE_HOME": try TestPaths.temporaryFolder(), "VRBRIDGE_MODELS": Models.folder,
      "VRBRIDGE_OPENVINO": Models.runtime, "VRBRIDGE_STATE": Models.state, "SDL_VIDEODRIVER": "offscreen",
    ]
    let daemon = try Program(
      "vrbridge", ["run", "--no-hardware", "--demo", "--perception", "text"], environment: environment)
    #expect(await eventually(within: 20) { daemon.errors.contains("role=left_hand") }, "\(daemon.errors)")
    return (daemon, environment)
  }

  @Test(
    .enabled(
      if: FileManager.default.fileExists(atPath: "/usr/include/SDL2/SDL_ttf.h"), "needs libsdl2-ttf-dev"),
    .enabled(if: Models.areHere, "needs the models that 'make test' fetches"))
  func theRendererInCShowsWhatIsAnnotated() async throws {
    let folder = try TestPaths.temporaryFolder()
    let root = TestPaths.root
    let compiled = try await Program.run(
      "/bin/sh",
      [
        "-c",
        "cc -O2 -Wall -Wextra -Werror -o \(folder)/renderer \(root)/examples/renderer.c -I\(root)/Sources/CVRBridge/include $(pkg-config --cflags --libs sdl2 SDL2_ttf) -lm",
      ], within: 60)
    try #require(compiled.code == 0, "\(compiled.errors)")
    let (daemon, environment) = try await daemon()
    // How many colours are in the picture, and whether the yellow of writing (255, 240, 120) is.
    let look = """
      import struct, sys
      d = open(sys.argv[1], "rb").read(); o, = struct.unpack_from("<I", d, 10)
      seen = set(d[i:i+3] for i in range(o, len(d) - 3, 4)); print(len(seen), bytes([120, 240, 255]) in seen)
      """
    var output = ""
    var picture = ""
    // The demonstration's head turns; the sign is in its view most of the time.
    for _ in 0..<6 where !picture.contains("True") {
      let run = try await Program.run(
        folder + "/renderer", ["--seconds", "4", "--picture", folder + "/x.bmp"], environment: environment)
      #expect(run.code == 0, "\(run.errors)")
      output = run.output
      picture = try await Program.run("/usr/bin/env", ["python3", "-c", look, folder + "/x.bmp"]).output
    }
    #expect(picture.contains("True"), "\(picture) \(output) \(daemon.errors)")
    #expect((Int(picture.split(separator: " ").first ?? "") ?? 0) > 30)
    daemon.signal(SIGTERM)
    #expect(await daemon.exitCode(within: 5) == 0)
  }

  @Test(.enabled(if: Models.areHere, "needs the models that 'make test' fetches"))
  func theExampleInSwiftPrintsPosesAndLabels() async throws {
    let (daemon, environment) = try await daemon()
    let example = try await Program.run("example-renderer", ["8"], environment: environment)
    #expect(example.code == 0 && example.output.contains("head looks along"), "\(example.output)")
    #expect(example.output.contains("PUMP") && example.output.contains("predicted"), "\(example.output)")
    daemon.signal(SIGTERM)
    #expect(await daemon.exitCode(within: 5) == 0)
    let alone = try await Program.run("example-renderer", ["1"], environment: environment)
    #expect(alone.code == 1 && alone.output.contains("no bridge answers"), "\(alone.output)")
  }

  @Test(
    .enabled(
      if: FileManager.default.fileExists(atPath: "/usr/bin/protoc")
        && FileManager.default.fileExists(
          atPath: "/usr/lib/python3/dist-packages/google/protobuf/__init__.py"),
      "needs protobuf-compiler and python3-protobuf"),
    .enabled(if: Models.areHere, "needs the models that 'make test' fetches"))
  func theExampleInPythonPrintsPosesAndLabels() async throws {
    let folder = try TestPaths.temporaryFolder()
    let made = try await Program.run(
      "/usr/bin/protoc",
      [
        "--python_out=" + folder, "--proto_path=" + TestPaths.root + "/Sources/BridgeProtocol/Protos",
        "vrbridge.proto",
      ])
    try #require(made.code == 0, "\(made.errors)")
    var (daemon, environment) = try await daemon()
    environment["PYTHONPATH"] = folder
    let script = TestPaths.root + "/examples/watch.py"
    let example = try await Program.run("/usr/bin/python3", [script, "8"], environment: environment)
    #expect(example.code == 0, "\(example.errors)")
    #expect(
      example.output.contains(" ms old") && example.output.contains("text ")
        && example.output.contains("PUMP"))
    daemon.signal(SIGTERM)
    #expect(await daemon.exitCode(within: 5) == 0)
    let alone = try await Program.run("/usr/bin/python3", [script, "1"], environment: environment)
    #expect(alone.code == 1 && alone.errors.contains("start one with"), "\(alone.errors)")
  }
}
