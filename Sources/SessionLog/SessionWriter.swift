import Cryptography
import Foundation
import MCAP
import Sensing
import Spatial
import SwiftProtobuf

/// Writes a session: one channel per topic, and each message with its times.
public final class SessionWriter {
  private let file: MCAPWriter
  private var channels: [SessionTopic: UInt16] = [:]
  private var schemas: [String: UInt16] = [:]
  private var digests: [String: Data] = [:]
  private var lastPose: [UInt32: Int64] = [:]
  private var wholeSize: UInt64 = 0

  /// ns between poses for viewers; the file also holds every state.
  public static let posePeriod: Int64 = 10_000_000
  public static let profile = ""
  static let descriptors: [String: String] = [
    "vrbridge": SchemaDescriptors.session, "foxglove": SchemaDescriptors.foxglove,
  ]

  /// - Parameters:
  ///   - information: the metadata record `session`: program, machine and time.
  public init(
    _ output: any OutputFile, information: [String: String],
    compression: MCAPCompression = .zstandard(level: 1)
  ) throws(OutputError) {
    var options = MCAPWriter.Options()
    options.library = information["library"] ?? "vrbridge"
    options.compression = compression
    file = try MCAPWriter(output, options: options)
    try file.write(MCAPMetadata(name: "session", values: information))
    wholeSize = file.size
  }

  /// Bytes in the file.
  public var size: UInt64 { file.size }
  public var messageCount: UInt64 { file.messageCount }

  private func channel(_ topic: SessionTopic) throws(OutputError) -> UInt16 {
    if let known = channels[topic] { return known }
    let name = topic.schema
    let schema: UInt16
    if let known = schemas[name] {
      schema = known
    } else {
      let set = Data(base64Encoded: topic.descriptorSet) ?? Data()
      schema = try file.add(MCAPSchema(name: name, encoding: "protobuf", data: [UInt8](set)))
      schemas[name] = schema
    }
    let id = try file.add(
      MCAPChannel(schemaID: schema, topic: topic.path, messageEncoding: "protobuf", metadata: topic.metadata))
    channels[topic] = id
    wholeSize = file.size
    return id
  }

  /// - Parameters:
  ///   - logTime: time of arrival.
  ///   - published: time of capture.
  public func write(
    _ message: some SwiftProtobuf.Message, on topic: SessionTopic, at logTime: Timestamp,
    published: Timestamp? = nil
  ) throws(OutputError) {
    // Serialising can't fail: no message here has required fields or extensions.
    let bytes: [UInt8] = (try? message.serializedBytes()) ?? []
    let id = try channel(topic)
    try bytes.span.bytes.withUnsafeBytes { bytes throws(OutputError) in
      try file.write(
        channel: id, logTime: Self.stamp(logTime), publishTime: Self.stamp(published ?? logTime), data: bytes)
    }
  }

  public func write(_ report: SessionReport, device: UInt32, part: UInt32, name: String) throws(OutputError) {
    let bytes = [UInt8](unsafeUninitializedCapacity: WireFormat.reportLength(report.data.count)) {
      WireFormat.write(report, into: UnsafeMutableRawBufferPointer($0))
      $1 = $0.count
    }
    try bytes.span.bytes.withUnsafeBytes { bytes throws(OutputError) in
      try write(report: bytes, device: device, part: part, name: name)
    }
  }

  /// - Parameter bytes: the message in `WireFormat`'s encoding.
  public func write(
    report bytes: UnsafeRawBufferPointer, device: UInt32, part: UInt32, name: String
  ) throws(OutputError) {
    guard let (received, captured) = WireFormat.reportStamps(bytes) else { return }
    let id = try channel(.report(device: device, part: part, name: name))
    try file.write(
      channel: id, logTime: Self.stamp(received), publishTime: Self.stamp(captured ?? received), data: bytes)
  }

  public func write(_ state: TrackedState, device: UInt32) throws(OutputError) {
    let bytes = SessionReader.bytes(of: state)
    try bytes.span.bytes.withUnsafeBytes { bytes throws(OutputError) in
      try write(state: bytes, device: device)
    }
  }

  /// Writes every state in full, and at most a hundred times a second as a pose and a transform, which viewers show.
  ///
  /// - Parameter bytes: the message in `WireFormat`'s encoding.
  public func write(state bytes: UnsafeRawBufferPointer, device: UInt32) throws(OutputError) {
    guard let (captured, received) = WireFormat.stateStamps(bytes) else { return }
    let id = try channel(.state(device: device))
    try file.write(
      channel: id, logTime: Self.stamp(received), publishTime: Self.stamp(captured), data: bytes)
    let since = captured.nanoseconds &- (lastPose[device] ?? .min / 2)
    guard since >= Self.posePeriod || since < 0, let state = WireFormat.state(bytes) else { return }
    lastPose[device] = captured.nanoseconds
    try write(Self.pose(state), on: .pose(device: device), at: received, published: captured)
    try write(
      Self.transform(state, device: device), on: .transforms, at: received, published: captured)
  }

  /// Writes a state of a reference system.
  public func write(groundTruth state: TrackedState, device: UInt32) throws(OutputError) {
    let id = try channel(.groundTruth(device: device))
    try file.write(
      channel: id, logTime: Self.stamp(state.received), publishTime: Self.stamp(state.captured),
      count: WireFormat.stateLength
    ) { WireFormat.write(state, into: $0) }
  }

  /// Encodes a state as `vrbridge.session.TrackedState`.
  public static func stateBytes(_ state: TrackedState) -> [UInt8] {
    [UInt8](unsafeUninitializedCapacity: WireFormat.stateLength) { buffer, count in
      WireFormat.write(state, into: UnsafeMutableRawBufferPointer(buffer))
      count = WireFormat.stateLength
    }
  }

  /// Encodes a pose; the position is absent for a device that has none.
  public static func pose(_ state: TrackedState) -> Foxglove_PoseInFrame {
    .with {
      $0.timestamp = state.captured.protobuf
      $0.frameID = "world"
      $0.pose = .with {
        if state.hasPosition { $0.position = state.worldFromDevice.position.foxglove }
        $0.orientation = state.worldFromDevice.orientation.foxglove
      }
    }
  }

  /// Encodes a transform; the translation is absent for a device without a position.
  public static func transform(_ state: TrackedState, device: UInt32) -> Foxglove_FrameTransform {
    .with {
      $0.timestamp = state.captured.protobuf
      $0.parentFrameID = "world"
      $0.childFrameID = "device-\(device)"
      if state.hasPosition { $0.translation = state.worldFromDevice.position.foxglove }
      $0.rotation = state.worldFromDevice.orientation.foxglove
    }
  }

  /// Writes a camera frame unchanged; `format` is jpeg, png or another that viewers read.
  public func write(
    image: Data, format: String, camera: String, captured: Timestamp, received: Timestamp
  ) throws(OutputError) {
    try write(
      Foxglove_CompressedImage.with {
        $0.timestamp = captured.protobuf
        $0.frameID = camera
        $0.data = image
        $0.format = format
      }, on: .image(camera: camera), at: received, published: captured)
  }

  /// Writes a block of audio: signed 16-bit little-endian samples, channels interleaved.
  public func write(
    audio: Data, sampleRate: UInt32, channels: UInt32, microphone: String, captured: Timestamp,
    received: Timestamp
  ) throws(OutputError) {
    try write(
      Foxglove_RawAudio.with {
        $0.timestamp = captured.protobuf
        $0.data = audio
        $0.format = "pcm-s16"
        $0.sampleRate = sampleRate
        $0.numberOfChannels = channels
      }, on: .audio(microphone: microphone), at: received, published: captured)
  }

  public func write(
    log text: String, level: Foxglove_Log.Level, name: String, at time: Timestamp
  ) throws(OutputError) {
    try write(
      Foxglove_Log.with {
        $0.timestamp = time.protobuf
        $0.level = level
        $0.message = text
        $0.name = name
      }, on: .log, at: time)
  }

  /// The SHA-256 by which events name an attachment's data.
  public static func digest(of attachment: [UInt8]) -> Data { Data(SHA256.hash(attachment)) }

  /// Writes an attachment unless the same data was attached under the name already.
  ///
  /// - Returns: the SHA-256 of the data.
  @discardableResult
  public func attach(
    _ data: [UInt8], name: String, mediaType: String, at time: Timestamp
  ) throws(OutputError) -> Data {
    let digest = Self.digest(of: data)
    guard digests[name] != digest else { return digest }
    digests[name] = digest
    try file.write(
      MCAPAttachment(logTime: Self.stamp(time), name: name, mediaType: mediaType, data: data))
    wholeSize = file.size
    return digest
  }

  public func write(metadata name: String, _ values: [String: String]) throws(OutputError) {
    try file.write(MCAPMetadata(name: name, values: values))
    wholeSize = file.size
  }

  /// Makes the records so far survive the end of the process and, when synced, a power failure.
  public func flush(sync: Bool) throws(OutputError) {
    try file.closeChunk()
    wholeSize = file.size
    if sync { try file.sync() }
  }

  public func finish() throws(OutputError) { try file.finish() }

  /// Ends a file after a write error: truncates a torn record, and writes the summary if there is room.
  ///
  /// - Returns: whether the file is complete.
  public func abandon() -> Bool {
    do {
      try file.cut(to: wholeSize)
      try file.finish()
      return true
    } catch {
      try? file.cut(to: wholeSize)
      return false
    }
  }

  private static func stamp(_ time: Timestamp) -> UInt64 { UInt64(max(0, time.nanoseconds)) }
}

extension Timestamp {
  public var protobuf: Google_Protobuf_Timestamp {
    .with {
      $0.seconds = nanoseconds / 1_000_000_000
      $0.nanos = Int32(nanoseconds % 1_000_000_000)
    }
  }
}

extension Google_Protobuf_Timestamp {
  /// The time; all times of a session are CLOCK_MONOTONIC.
  public var monotonic: Timestamp {
    Timestamp(
      nanoseconds: seconds.multipliedReportingOverflow(by: 1_000_000_000).partialValue &+ Int64(nanos))
  }
}

extension Vector3 {
  var foxglove: Foxglove_Vector3 { .with { ($0.x, $0.y, $0.z) = (x, y, z) } }
}

extension Quaternion {
  var foxglove: Foxglove_Quaternion { .with { ($0.x, $0.y, $0.z, $0.w) = (x, y, z, w) } }
}
