import Foundation
import MCAP
import Sensing
import Spatial
import SwiftProtobuf

/// A record of a session, in the order of processing.
public enum SessionRecord {
  case report(device: UInt32, part: Int, SessionReport)
  /// The bytes of a `TrackedState`.
  case state(device: UInt32, UnsafeRawBufferPointer)
  case groundTruth(device: UInt32, UnsafeRawBufferPointer)
  case event(Vrbridge_Session_Event)
  case image(camera: String, Foxglove_CompressedImage)
  case cameraCalibration(camera: String, Foxglove_CameraCalibration)
  case cameraMount(camera: String, Foxglove_FrameTransform)
  case audio(microphone: String, Foxglove_RawAudio)
  /// A message of another topic, undecoded.
  case other(SessionTopic?, UnsafeRawBufferPointer)
}

/// Reads a session in the order of its processing, whether its file was finished or not.
public struct SessionReader: Sendable {
  public let path: String
  private let input: InputFile

  public init(path: String) throws { self.init(try InputFile(path: path)) }

  public init(_ input: InputFile) {
    path = input.path
    self.input = input
  }

  /// The position of a record in the file.
  public struct Location: Sendable, CustomStringConvertible {
    /// Offset of the chunk in the file, bytes.
    public var chunk: UInt64
    public var channel: UInt16
    public var sequence: UInt32
    /// ns.
    public var logTime: UInt64
    public var publishTime: UInt64

    public var description: String {
      "chunk at byte \(chunk), channel \(channel), message \(sequence), log time \(logTime)"
    }
  }

  /// The result of reading a file.
  public struct Contents: Sendable {
    public var metadata: [MCAPMetadata] = []
    public var attachments: [MCAPAttachment] = []
    public var faults: [MCAPError] = []
    /// Whether the file has its end mark.
    public var isComplete = false
  }

  /// - Parameters:
  ///   - wanted: returns whether to decode the messages of a topic; others are skipped.
  ///   - attachment: receives each attachment before all records.
  @discardableResult
  public func read(
    wanted: (SessionTopic) -> Bool = { _ in true }, attachment: (MCAPAttachment) throws -> Void = { _ in },
    _ body: (SessionRecord, Location) throws -> MCAPScanner.Decision
  ) throws -> Contents {
    var contents = Contents()
    var topics = SessionTopics()
    /// By channel number.
    var channels: [Channel] = []
    try SessionScan(input).run { event in
      topics.note(event)
      switch event {
      case .message(let message, let chunk):
        let number = Int(message.channelID)
        let kind = number < channels.count ? channels[number].kind : .other
        if kind == .unwanted { return .goOn }
        let location = Location(
          chunk: chunk, channel: message.channelID, sequence: message.sequence, logTime: message.logTime,
          publishTime: message.publishTime)
        let topic = number < channels.count && kind == .other ? channels[number].topic : nil
        guard let record = Self.record(kind, topic, message.data) else {
          contents.faults.append(
            MCAPError(
              at: chunk, "message \(message.sequence) of channel \(message.channelID) can't be decoded"))
          return .goOn
        }
        return try body(record, location)
      case .channel(let channel):
        let topic = topics[channel.id]
        while channels.count <= Int(channel.id) { channels.append(Channel(topic: nil, kind: .other)) }
        let isWanted = topic.map(wanted) ?? true
        channels[Int(channel.id)] = Channel(topic: topic, kind: isWanted ? Kind(topic) : .unwanted)
      case .attachment(let found):
        try attachment(found)
        contents.attachments.append(found)
      case .metadata(let found): contents.metadata.append(found)
      case .fault(let fault): contents.faults.append(fault)
      case .end: contents.isComplete = true
      case .header, .schema, .chunkEnd, .dataEnd: break
      }
      return .goOn
    }
    return contents
  }

  private struct Channel {
    var topic: SessionTopic?
    var kind: Kind
  }

  /// The topic of a channel without text, so that reading it for each message is cheap.
  private enum Kind: Equatable {
    case unwanted
    case report(device: UInt32, part: Int)
    case state(device: UInt32)
    case groundTruth(device: UInt32)
    case event
    case other

    init(_ topic: SessionTopic?) {
      switch topic {
      case .report(let device, let part, _): self = .report(device: device, part: Int(part))
      case .state(let device): self = .state(device: device)
      case .groundTruth(let device): self = .groundTruth(device: device)
      case .events: self = .event
      default: self = .other
      }
    }
  }

  private static func record(_ kind: Kind, _ topic: SessionTopic?, _ data: UnsafeRawBufferPointer)
    -> SessionRecord?
  {
    switch (kind, topic) {
    case (.report(let device, let part), _):
      return WireFormat.report(data).map { .report(device: device, part: part, $0) }
    case (.state(let device), _): return .state(device: device, data)
    case (.groundTruth(let device), _): return .groundTruth(device: device, data)
    case (.event, _): return (try? Vrbridge_Session_Event(serializedBytes: Array(data))).map { .event($0) }
    case (_, .image(let camera)):
      return (try? Foxglove_CompressedImage(serializedBytes: Array(data))).map { .image(camera: camera, $0) }
    case (_, .cameraCalibration(let camera)):
      return (try? Foxglove_CameraCalibration(serializedBytes: Array(data))).map {
        .cameraCalibration(camera: camera, $0)
      }
    case (_, .cameraMount(let camera)):
      return (try? Foxglove_FrameTransform(serializedBytes: Array(data))).map {
        .cameraMount(camera: camera, $0)
      }
    case (_, .audio(let microphone)):
      return (try? Foxglove_RawAudio(serializedBytes: Array(data))).map { .audio(microphone: microphone, $0) }
    default: return .other(topic, data)
    }
  }

  /// Decodes the bytes of a recorded state; returns nil for invalid bytes.
  public static func bytes(of state: TrackedState) -> [UInt8] {
    [UInt8](unsafeUninitializedCapacity: WireFormat.stateLength) { buffer, count in
      WireFormat.write(state, into: UnsafeMutableRawBufferPointer(buffer))
      count = WireFormat.stateLength
    }
  }

  public static func state(_ bytes: UnsafeRawBufferPointer) -> TrackedState? { WireFormat.state(bytes) }
}
