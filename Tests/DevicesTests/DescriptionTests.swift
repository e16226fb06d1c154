import Foundation
import StrictYAML
import TestSupport
import Testing

@testable import Devices

struct DescriptionTests {
  static let valid = """
    format: 1
    family: test-device
    name: Test
    kind: tracker
    roles: [tracker]
    sources: ["made up"]
    parts:
      - name: imu
        match:
          - { bus: usb, vendor: 0x1234, product: 0x5678 }
        sample_rate: 1000
        features:
          - { name: ranges, id: 2, length: 8 }
        reports:
          - id: 1
            length: 32
            clock: { at: 1, type: u32, rate: 1000000 }
            samples:
              at: 5
              axes: [x, y, z]
              accelerometer: { at: 0, type: i16, unit: g, full_scale: 4 }
              gyroscope: { at: 6, type: i16, unit: deg/s, full_scale: 2000 }
            controls:
              - { path: /input/a/click, kind: button, at: 20 }

    """

  @Test func everyShippedFamilyIsRight() throws {
    let (catalog, faults) = try DeviceCatalog.load(folder: TestPaths.descriptions)
    #expect(faults.isEmpty, "\(faults)")
    #expect(catalog.descriptions.count >= 8)
    for description in catalog.descriptions { #expect(!description.sources.isEmpty) }
  }

  @Test func theValidOneIsValid() throws {
    _ = try DescriptionParser.parse(text: Self.valid, file: "v.yaml")
  }

  /// Each fault: what is replaced, by what, the line of the fault, and a piece of the message.
  static let faults: [(String, String, Int, String)] = [
    ("format: 1", "format: 2", 1, "version"),
    ("family: test-device", "family: Test Device", 2, "small letters"),
    ("kind: tracker", "kind: hat", 4, "headset, controller, tracker"),
    ("roles: [tracker]", "roles: [tail]", 5, "left_hand"),
    ("roles: [tracker]", "rolls: [tracker]", 5, "unknown key 'rolls'"),
    ("vendor: 0x1234, ", "", 10, "vendor"),
    ("vendor: 0x1234", "vendor: 0x12345", 10, "out of range"),
    ("bus: usb", "bus: pci", 10, "usb, bluetooth, virtual"),
    ("sample_rate: 1000", "sample_rate: fast", 11, "not a number"),
    ("    sample_rate: 1000\n", "", 8, "sample_rate"),
    ("length: 32\n", "length: 8\n", 20, "behind the report"),
    ("at: 1, type: u32", "at: 30, type: u32", 16, "ends at byte 34"),
    ("type: u32, rate", "type: i32, rate", 16, "unsigned counter"),
    ("at: 0, type: i16", "at: 0, type: s16", 20, "u, i or o"),
    ("at: 0, type: i16", "at: 0, type: u65", 20, "u, i or o"),
    ("axes: [x, y, z]", "axes: [x, y, y]", 19, "each axis once"),
    ("axes: [x, y, z]", "axes: [-x, y, z]", 19, "mirror"),
    ("unit: g, full_scale: 4", "unit: ft, full_scale: 4", 20, "m/s2, g"),
    ("unit: g, full_scale: 4", "unit: g", 20, "one way to scale"),
    ("unit: g, full_scale: 4", "unit: g, full_scale: 0", 20, "greater than 0"),
    ("unit: g, full_scale: 4", "unit: g, scale: 1, full_scale: 4", 20, "one way to scale"),
    (
      "unit: g, full_scale: 4",
      "unit: g, full_scale_by: { feature: none, at: 1, values: { 0: 2 }, default: 2 }", 20, "ranges"
    ),
    ("path: /input/a/click", "path: a", 23, "/input/"),
    ("kind: button, at: 20", "kind: button, at: 40", 23, "behind the report"),
    ("- id: 1\n", "- virtual: imu\n", 14, "driver"),
    (
      "    reports:\n", "    mode_switch: { seen: 9, part: eye, report: [1] }\n    reports:\n", 8,
      "no part is named 'eye'"
    ),
    ("- id: 1\n", "- { }\n", 16, "not YAML"),
    ("name: imu", "name: imu\n    name: imu", 8, "twice"),
    (
      "type: i16, unit: g, full_scale: 4",
      "type: i16, unit: g, stride: 6, ratio: { multiplier: { at: 0, type: u8 }, "
        + "divisor: { at: 1, type: u8 }, usual: [1, 1] }", 20, "goes with samples"
    ),
    (
      "{ name: ranges, id: 2, length: 8 }", "{ name: ranges, id: 2, length: 2, blocks: [1, 2] }", 13,
      "nothing"
    ),
    (
      "    features:\n", "    emulation: { features: [{ id: 9, length: 6, address: 1 }] }\n    features:\n",
      12,
      "six bytes"
    ),
  ]

  @Test(arguments: faults.indices)
  func aFaultIsRefusedWithItsPlace(_ index: Int) throws {
    let (old, new, line, message) = Self.faults[index]
    let text = Self.valid.replacingOccurrences(of: old, with: new)
    #expect(text != Self.valid)
    do {
      _ = try DescriptionParser.parse(text: text, file: "f.yaml")
      Issue.record("'\(new)' was accepted")
    } catch {
      // Whole-block faults may be told at the block's first line.
      #expect(abs(error.line - line) <= 1, "\(error)")
      #expect(error.column > 0)
      #expect(error.description.contains(message), "\(error)")
    }
  }

  @Test func oneFaultyFileLeavesTheOthers() throws {
    let folder = try TestPaths.temporaryFolder()
    try Self.valid.write(toFile: folder + "/a.yaml", atomically: true, encoding: .utf8)
    try "family: [".write(toFile: folder + "/b.yaml", atomically: true, encoding: .utf8)
    try Self.valid.write(toFile: folder + "/c.yaml", atomically: true, encoding: .utf8)
    try Data([0xff, 0xfe, 0x00]).write(to: URL(fileURLWithPath: folder + "/d.yaml"))
    let (catalog, faults) = try DeviceCatalog.load(folder: folder)
    #expect(catalog.descriptions.map(\.family) == ["test-device"])
    #expect(faults.count == 3)
  }

  // MARK: the published schema

  private var schema: [String: Any] {
    get throws {
      let data = try Data(
        contentsOf: URL(fileURLWithPath: TestPaths.root + "/docs/reference/device-description.schema.json"))
      return try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
    }
  }

  @Test func thePageOfDevicesIsTheOneOfTheDescriptions() throws {
    let page = try String(
      contentsOfFile: TestPaths.descriptions + "/../docs/reference/devices.md", encoding: .utf8)
    #expect(
      page == DeviceTable.markdown(try TestPaths.catalog()),
      "make the page again: vrbridge devices --known --markdown --descriptions devices > docs/reference/devices.md"
    )
    for description in try TestPaths.catalog().descriptions { #expect(description.confidence != .unstated) }
  }

  /// The schema's definitions have exactly the keys that the parser takes.
  @Test func schemaAndParserKnowTheSameKeys() throws {
    let definitions = try #require(try schema["$defs"] as? [String: [String: Any]])
    for (name, keys) in DescriptionParser.keys {
      let definition = name == "description" ? try schema : try #require(definitions[name], "\(name)")
      let properties = try #require(definition["properties"] as? [String: Any], "\(name)")
      #expect(Set(properties.keys) == Set(keys), "\(name)")
      #expect(definition["additionalProperties"] as? Bool == false, "\(name)")
    }
  }

  /// A validator that we did not write takes every shipped file and the valid one, and refuses what has unknown
  /// keys or values.
  @Test func aJSONSchemaValidatorAgrees() throws {
    let folder = try TestPaths.temporaryFolder()
    try Self.valid.write(toFile: folder + "/good.yaml", atomically: true, encoding: .utf8)
    var refused = 0
    for (index, fault) in Self.faults.enumerated() {
      // What only code can check (sizes, references, doubled keys) is no matter of the schema.
      let isStructural = [
        "format: 2", "family: Test Device", "kind: hat", "roles: [tail]", "rolls: [tracker]", "bus: pci",
        "vendor: 0x12345", "type: s16", "unit: ft", "path: a",
      ].contains { fault.1.contains($0) }
      guard isStructural else { continue }
      let text = Self.valid.replacingOccurrences(of: fault.0, with: fault.1)
      try text.write(toFile: folder + "/bad-\(index).yaml", atomically: true, encoding: .utf8)
      refused += 1
    }
    #expect(refused >= 9)
    let script = """
      import sys, json, yaml, glob, jsonschema
      schema = json.load(open(sys.argv[1]))
      jsonschema.Draft7Validator.check_schema(schema)
      validator = jsonschema.Draft7Validator(schema)
      wrong = []
      for path in sorted(glob.glob(sys.argv[2] + "/*.yaml")) + sorted(glob.glob(sys.argv[3] + "/*.yaml")):
          errors = [e.message for e in validator.iter_errors(json.loads(json.dumps(yaml.safe_load(open(path)))))]
          if bool(errors) != ("/bad-" in path): wrong.append((path, errors[:2]))
      sys.exit(repr(wrong) if wrong else 0)
      """
    let result = try python(
      script,
      [TestPaths.root + "/docs/reference/device-description.schema.json", TestPaths.descriptions, folder])
    #expect(result.status == 0, "\(result.output)")
  }

  /// Runs with a Python that has jsonschema and PyYAML (`make test` installs Debian's).
  private func python(_ script: String, _ arguments: [String]) throws -> (status: Int32, output: String) {
    for program in ["/usr/bin/python3", "/usr/bin/env"] {
      let prefix = program.hasSuffix("env") ? ["python3"] : []
      let probe = try launch(program, prefix + ["-c", "import jsonschema, yaml"])
      if probe.status == 0 { return try launch(program, prefix + ["-c", script] + arguments) }
    }
    return (1, "no python3 with jsonschema and yaml; apt-get install python3-jsonschema python3-yaml")
  }

  private func launch(_ program: String, _ arguments: [String]) throws -> (status: Int32, output: String) {
    let process = Process()
    let pipe = Pipe()
    process.executableURL = URL(fileURLWithPath: program)
    process.arguments = arguments
    process.standardOutput = pipe
    process.standardError = pipe
    try process.run()
    let data = pipe.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return (process.terminationStatus, String(decoding: data, as: UTF8.self))
  }
}
