import MCAP
import Spatial
import SwiftProtobuf

/// One file of a recording: the writer, and what the file holds so far that later records refer to.
///
/// Belongs to the recorder's thread.
public final class RecordingFile {
  public let writer: SessionWriter
  /// CLOCK_MONOTONIC, when the file was made.
  package let started: Timestamp
  /// The device whose frame cameras are mounted on; nil until a headset was recorded.
  package var headDevice: UInt32?
  /// Camera models in the file, which holds each change once.
  private var models: [String: CameraModel] = [:]

  package init(_ writer: SessionWriter, started: Timestamp, headDevice: UInt32?) {
    self.writer = writer
    self.started = started
    self.headDevice = headDevice
  }

  package func write(_ model: CameraModel, camera: String, at time: Timestamp) throws(OutputError) {
    guard models[camera] != model else { return }
    models[camera] = model
    let parent = headDevice.map { "device-\($0)" } ?? "head"
    try writer.write(model: model, camera: camera, parent: parent, at: time)
  }

  package func write(
    at time: Timestamp, _ fill: (inout Vrbridge_Session_Event) -> Void
  ) throws(OutputError) {
    var event = Vrbridge_Session_Event()
    event.timeNs = time.nanoseconds
    fill(&event)
    try writer.write(event, on: .events, at: time)
  }
}
