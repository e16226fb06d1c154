import Foundation
import MCAP
import SwiftProtobuf
import Sensing
import Spatial

/// Metadata, topics and devices of a session, without its messages.
public struct SessionSummary: Sendable {
  public struct Topic: Sendable {
    public var name: String
    public var schema: String
    public var messages: UInt64
  }

  public struct Device: Sendable {
    public var number: UInt32
    public var family: String
    public var serial: String
    public var role: String
    public var origin: String
    public var calibration: String
  }

  public var path: String
  public var size: UInt64
  public var library: String
  /// Values of the metadata record `session`.
  public var information: [String: String] = [:]
  public var metadata: [MCAPMetadata] = []
  public var topics: [Topic] = []
  public var devices: [Device] = []
  public var attachments: [MCAPAttachmentIndex] = []
  public var messages: UInt64
  public var chunks: UInt32
  /// Seconds between the first and the last message.
  public var duration: Double
  /// Records that the recording lost.
  public var lost: UInt64 = 0
  /// Whether the file was finished.
  public var isComplete: Bool
  public var faults: [String] = []

  public init(path: String) throws {
    let file = try MCAPFile(InputFile(path: path))
    self.path = path
    size = file.input.size
    library = file.library
    messages = file.statistics.messageCount
    chunks = file.statistics.chunkCount
    duration =
      Double(file.statistics.endTime &- min(file.statistics.startTime, file.statistics.endTime)) * 1e-9
    isComplete = file.isFinished
    faults = file.faults.map(\.description)
    attachments = file.attachments
    for index in file.metadata {
      do { metadata.append(try file.metadata(index)) } catch { faults.append(error.description) }
    }
    information = metadata.first { $0.name == "session" }?.values ?? [:]
    topics = file.channels.values.map { channel in
      Topic(
        name: channel.topic, schema: file.schemas[channel.schemaID]?.name ?? "",
        messages: file.statistics.channelMessageCounts[channel.id] ?? 0)
    }.sorted { $0.name < $1.name }
    let events = Set(
      file.channels.values.filter { file.schemas[$0.schemaID]?.name == "vrbridge.session.Event" }.map(\.id))
    var found: [UInt32: Device] = [:]
    var problems: [String] = []
    var lost: UInt64 = 0
    if !events.isEmpty {
      try file.forEachMessage(on: events, onFault: { problems.append($0.description) }) { message in
        guard let event = try? Vrbridge_Session_Event(serializedBytes: Array(message.data)) else {
          return .goOn
        }
        switch event.event {
        case .partOpened(let opened):
          let serial =
            opened.identity.configuredSerial.isEmpty
            ? opened.identity.serial : opened.identity.configuredSerial
          found[opened.deviceID] = Device(
            number: opened.deviceID, family: opened.family,
            serial: serial.isEmpty ? found[opened.deviceID]?.serial ?? "" : serial, role: opened.role,
            origin: opened.identity.origin, calibration: opened.calibration.source)
        case .roleChanged(let change): found[change.deviceID]?.role = change.role
        case .loss(let loss): lost += loss.records
        default: break
        }
        return .goOn
      }
    }
    self.lost = lost
    faults += problems
    devices = found.values.sorted { $0.number < $1.number }
  }
}
