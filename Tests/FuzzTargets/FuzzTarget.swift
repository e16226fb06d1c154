import Bridge
import BridgeProtocol
import Cameras
import DeviceEmulation
import Devices
import Dialogue
import Evaluation
import FoxgloveServer
import Foundation
import Imaging
import InertialTables
import Inference
import InferenceClients
import MCAP
import Perception
import Sensing
import SessionLog
import Spatial
import Speech
import SwiftProtobuf
import Tracking
import SessionTools

/// Everything that reads bytes from outside, as a function of bytes. For any input nothing may trap and no
/// pose may hold a NaN.
///
/// Driven by libFuzzer (`make fuzz`) and by the seeded driver of the test suite.
public enum FuzzTarget: String, CaseIterable, Sendable {
  case decoder
  case description
  case recording
  case reportDescriptor = "report-descriptor"
  case lighthouse
  case configuration
  case frames
  case table
  case mat
  case calibration
  /// The container of sessions.
  case mcap
  /// What is in it: descriptions, events and reports that are replayed.
  case session
  /// USB captures.
  case capture
  /// Datagrams of trackers.
  case datagram
  /// Messages of VRPN clients, after the cookie.
  case vrpn
  /// Text frames of Foxglove clients.
  case foxglove
  /// Bodies of HTTP requests: forms (multipart/form-data) and JSON. The first byte selects the content type.
  case upload
  /// Frames of clients: the query of the request, a zero byte, and the body.
  case frameRequest = "frame-request"
  /// Pictures of cameras.
  case picture
  /// Manifests of models, and the catalogue of them.
  case manifest
  /// Requests and answers of model servers: the first two bytes are the length of the JSON.
  case inference
  /// Examples of movements, which a person may have edited.
  case movement
  /// Streams of language models, and texts that recognisers heard.
  case speech
  /// Samples of a unit, and places that others measured.
  case placement
  /// Packets of confined processes, in the way of each reader of answers.
  case confined
  /// Files of the state folder. The first byte selects the file.
  case state

  /// A pose that is not finite: what the decoders must never let through.
  public struct NotFinite: Error {}

  public func run(_ input: [UInt8]) throws {
    switch self {
    case .decoder: try decode(input)
    case .description:
      let text = String(decoding: input, as: UTF8.self)
      guard let description = try? DescriptionParser.parse(text: text, file: "fuzz") else { return }
      // What the parser takes must compile and emulate too.
      guard let device = try? EmulatedDevice(description, options: EmulatedDevice.Options()),
        var generator = try? device.generator()
      else { return }
      for _ in 0..<4 { _ = generator.next() }
    case .recording: try play(input)
    case .reportDescriptor: _ = try? HIDReportDescriptor(input)
    case .lighthouse: _ = try? LighthouseConfiguration(blob: input)
    case .configuration:
      var configuration = Configuration()
      try? configuration.apply(text: String(decoding: input, as: UTF8.self), file: "fuzz")
      _ = configuration.text()
    case .table:
      guard let table = try? NumericTable(bytes: input, file: "fuzz"), let samples = try? InertialTable(table)
      else { return }
      for row in OrientationTrack(samples).rows where !row.worldFromUnit.isFinite || !row.bias.isFinite {
        throw NotFinite()
      }
    case .mat: _ = try? OpticalTrial(name: "fuzz", file: MATFile(bytes: input))
    case .calibration:
      guard let file = try? CalibrationFile(json: input, file: "fuzz") else { return }
      guard file.applied(to: InertialCalibration()).gyroscope.isFinite else { throw NotFinite() }
    case .mcap:
      let file = InputFile(bytes: input, name: "fuzz")
      try? MCAPScanner(file).scan { _ in .goOn }
      guard let indexed = try? MCAPFile(file) else { return }
      try? indexed.forEachMessage { _ in .goOn }
      for index in indexed.attachments { _ = try? indexed.attachment(index) }
      for index in indexed.metadata { _ = try? indexed.metadata(index) }
    case .session: try replay(input)
    case .datagram: _ = input.withUnsafeBytes { SlimeVRPacket.parse($0) }
    case .vrpn: readVRPN(input)
    case .foxglove: _ = FoxgloveMessage.Request(input)
    case .upload: try readUpload(input)
    case .frameRequest: try readFrame(input)
    case .state: try readState(input)
    case .confined: readAnswer(input)
    case .picture: _ = try? Picture.decode(input, maximumPixels: 1 << 22)
    case .manifest:
      let text = String(decoding: input, as: UTF8.self)
      if let manifest = try? ModelManifest(text: text, file: "fuzz") {
        // What was taken is written so that it is taken again.
        guard try ModelManifest(text: manifest.text, file: "fuzz") == manifest else { throw NotFinite() }
      }
      _ = try? ModelCatalog(text: text, file: "fuzz")
      _ = ModelSignature(text: text)
      _ = ONNXMetadata.value("labels", in: input)
      _ = try? Safetensors(input)
      guard SignedWeights.converted(input).count == input.count else { throw NotFinite() }
    case .inference:
      let length = input.count > 1 ? Int(input[0]) << 8 | Int(input[1]) : 0
      let body = Array(input.dropFirst(2))
      let specs = [TensorSpec(name: "x", type: .float32, shape: [-1, 3])]
      for header in [nil, length] {
        _ = try? OpenInference.request(body, headerLength: header, specs: specs)
        _ = try? OpenInference.answer(body, headerLength: header)
      }
      _ = try? OpenInference.metadata(body)
      guard ServerErrorText.read(body).count <= 200 else { throw NotFinite() }
      _ = try? TensorFlowServing.request(body, specs: specs)
    case .speech:
      var stream = ChatStream()
      if (try? stream.feed(input)) != nil { _ = try? stream.end() }
      let text = String(decoding: input, as: UTF8.self)
      _ = TextNormaliser.words(text)
      _ = NumberWords.withDigits(text)
      _ = IntentClassifier().classify(text, isAddressed: true)
      _ = WakePhrase("hey bridge").rest(of: text)
      if let tokens = Self.wordPieces?.tokens(text), tokens.count < 2 || tokens.count > 256 {
        throw NotFinite()
      }
    case .movement:
      guard let trace = try? JSONDecoder().decode(GestureTrace.self, from: Data(input)) else { return }
      let model = GestureModel(Self.builtIn + [(name: "fuzz", trace: trace)])
      if let match = model.recognise(trace), !match.confidence.isFinite { throw NotFinite() }
    case .placement: try place(input)
    case .capture: _ = try? PacketCapture.parse(input, file: "fuzz")
    case .frames:
      var reader = FrameReader(limit: Framing.maximumRequestLength)
      input.withUnsafeBytes { reader.append($0) }
      while let body = try? reader.next() { _ = try? ClientFrame(serializedBytes: Array(body)) }
    }
  }

  private static let wordPieces = WordPieceTokenizer([
    "[UNK]", "[CLS]", "[SEP]", "a", "##a", "##b", "é", "東", ".",
  ])

  /// Few enough to compare with each input.
  private static let builtIn = Array(BuiltInGestures.all.prefix(3))

  /// One decoder and tracker for each part of each family, in the order of the catalog.
  public static func parts(_ catalog: DeviceCatalog) -> [DeviceCatalog.Match] {
    catalog.descriptions.flatMap { description in
      description.parts.indices.map { DeviceCatalog.Match(description: description, partIndex: $0) }
    }
  }

  // Loaded once a process: libFuzzer calls `run` some thousand times a second.
  static let catalog: DeviceCatalog? = {
    let folder =
      ProcessInfo.processInfo.environment["VRBRIDGE_DEVICES"]
      ?? URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent().appendingPathComponent("devices").path
    return try? DeviceCatalog.load(folder: folder).catalog
  }()

  /// Input: part, then reports, each behind half its length and the milliseconds since the one before.
  private func decode(_ input: [UInt8]) throws {
    guard let catalog = Self.catalog, input.count > 1 else { return }
    let parts = Self.parts(catalog)
    let match = parts[Int(input[0]) % parts.count]
    let descriptor = try? EmulatedDevice(match.description, options: EmulatedDevice.Options()).descriptor
    guard
      let decoder = try? PartDecoder(
        part: match.part, descriptor: descriptor, controls: match.description.controls)
    else { return }
    let clock = match.part.reports.lazy.compactMap(\.clock).first.map { ($0.rate, $0.bits) }
    var tracker = DeviceTracker(
      calibration: InertialCalibration(), sampleRate: match.part.sampleRate, clock: clock, origin: .hardware)
    let batch = SampleBatch()
    var time: Int64 = 1_000_000_000
    var index = 1
    while index + 2 <= input.count {
      let length = 2 * Int(input[index])
      time += Int64(input[index + 1]) * 1_000_000
      index += 2
      let end = min(index + length, input.count)
      batch.begin()
      input[index..<end].withUnsafeBytes {
        _ = try? decoder.decode($0, received: Timestamp(nanoseconds: time), into: batch)
      }
      index = end
      for sample in 0..<batch.inertialCount { try check(tracker.process(batch.inertial(sample))) }
      if let orientation = batch.orientation { try check(tracker.process(orientation)) }
      for control in 0..<match.description.controls.count {
        guard batch.controlValue(control).isFinite else { throw NotFinite() }
      }
    }
  }

  /// Input: records. An even kind is a sample, as often as half the kind says: milliseconds, then rate and force in
  /// 16 bits. An odd one is a measurement: how late in milliseconds, then place, attitude, deviations and point as
  /// floats.
  private func place(_ input: [UInt8]) throws {
    var calibration = InertialCalibration()
    calibration.deviceFromUnit.position = Vector3(0.1, 0, -0.05)
    var tracker = DeviceTracker(
      calibration: calibration, sampleRate: 1000, clock: nil, origin: .hardware)
    var time: Int64 = 1_000_000_000
    var place = 0
    func word(_ index: Int) -> Double {
      Double(Int16(truncatingIfNeeded: Int(input[place + index]) | Int(input[place + index + 1]) << 8))
    }
    func float(_ index: Int) -> Double {
      Double(
        Float(bitPattern: (0..<4).reduce(0) { $0 | UInt32(input[place + index + $1]) << (8 * UInt32($1)) }))
    }
    while place < input.count {
      let kind = input[place]
      place += 1
      if kind % 2 == 0 {
        guard place + 13 <= input.count else { return }
        let rate = Vector3(word(1), word(3), word(5)) / 1000
        let force = Vector3(word(7), word(9), word(11)) / 100
        for _ in 0...(kind / 2) {
          time += Int64(input[place]) * 1_000_000 + 1
          try check(
            tracker.process(
              InertialSample(
                received: Timestamp(nanoseconds: time), angularVelocity: rate, specificForce: force)))
        }
        place += 13
      } else {
        guard place + 50 <= input.count else { return }
        let turn = Quaternion(x: float(14), y: float(18), z: float(22), w: float(26))
        _ = tracker.measure(
          PoseMeasurement(
            captured: Timestamp(nanoseconds: time).advanced(bySeconds: -word(0) / 1000),
            position: Vector3(float(2), float(6), float(10)), positionNoise: float(30),
            orientation: kind % 4 == 1 ? turn : nil, orientationNoise: float(34),
            point: Vector3(float(38), float(42), float(46))))
        place += 50
      }
    }
  }

  /// Input: records, each a kind, two bytes of length and what is in it.
  private func replay(_ input: [UInt8]) throws {
    let output = MemoryFile()
    var options = MCAPWriter.Options()
    // Bits are to be flipped in the records, not in their compression.
    options.compression = .none
    let writer = try MCAPWriter(output, options: options)
    func channel(_ schema: String, _ metadata: [String: String]) throws -> UInt16 {
      let id = try writer.add(MCAPSchema(name: schema, encoding: "protobuf", data: []))
      return try writer.add(
        MCAPChannel(schemaID: id, topic: schema, messageEncoding: "protobuf", metadata: metadata))
    }
    let events = try channel("vrbridge.session.Event", [:])
    let reports = try channel("vrbridge.session.Report", ["device": "1", "part": "0", "part_name": "x"])
    // A part that hardly any device has.
    let strays = try channel("vrbridge.session.Report", ["device": "1", "part": "63", "part_name": "y"])
    let states = try channel("vrbridge.session.TrackedState", ["device": "1"])
    var place = 0
    while place + 3 <= input.count {
      let kind = input[place]
      let end = min(place + 3 + Int(input[place + 1]) << 8 + Int(input[place + 2]), input.count)
      let body = Array(input[(place + 3)..<end])
      place = end
      if kind == 0 {
        try writer.write(MCAPAttachment(logTime: 0, name: "devices/x.yaml", mediaType: "", data: body))
      } else {
        try body.withUnsafeBytes {
          try writer.write(
            channel: kind == 1 ? events : kind == 2 ? reports : kind == 3 ? strays : states, logTime: 0,
            publishTime: 0, data: $0)
        }
      }
      // What stands outside of chunks comes in the order that it was written.
      try writer.closeChunk()
    }
    try writer.finish()
    let file = InputFile(bytes: output.bytes, name: "fuzz")
    var wrong = false
    _ = try? SessionVerifier(file).run(compares: true) { _, state in
      if !state.worldFromDevice.orientation.isFinite || !state.angularVelocity.isFinite { wrong = true }
    }
    if wrong { throw NotFinite() }
  }

  /// Where a session is put together.
  private final class MemoryFile: OutputFile {
    private(set) var bytes: [UInt8] = []
    func write(_ data: UnsafeRawBufferPointer) throws(OutputError) { bytes += data }
    func sync() throws(OutputError) {}
    func truncate(to size: UInt64) throws(OutputError) { bytes.removeLast(max(0, bytes.count - Int(size))) }
    func close() throws(OutputError) {}
    func makeSpool() throws(OutputError) -> any SpoolFile {
      throw OutputError(file: "memory", operation: "given an index", code: 28)
    }
  }

  private func check(_ state: TrackedState?) throws {
    guard let state else { return }
    guard state.worldFromDevice.orientation.isFinite, state.angularVelocity.isFinite,
      state.worldFromDevice.position.isFinite, !state.uncertainty.inclination.isNaN
    else { throw NotFinite() }
    let q = state.worldFromDevice.orientation.components
    guard abs((q * q).sum() - 1) < 1e-9 else { throw NotFinite() }
  }
}
