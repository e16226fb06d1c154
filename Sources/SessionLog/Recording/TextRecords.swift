import MCAP
import Sensing
import Spatial
import SwiftProtobuf

/// An annotation as Foxglove's messages show it.
public struct AnnotationRecord: QueuedRecord {
  public enum Content: Sendable {
    /// Drawn over the frames of a camera.
    case image(Foxglove_ImageAnnotations, camera: String)
    /// Drawn in the scene.
    case scene(Foxglove_SceneUpdate)
    /// A transcript, intent or answer, drawn in the scene.
    case speech(Foxglove_SceneUpdate)
  }
  public var content: Content
  public var time: Timestamp

  public init(_ content: Content, time: Timestamp) {
    self.content = content
    self.time = time
  }

  public var stream: RecordedStream {
    switch content {
    case .image, .scene: .annotations
    case .speech: .microphone
    }
  }
  public var byteCount: Int { 1024 }

  public func write(to file: RecordingFile) throws(OutputError) {
    switch content {
    case .image(let message, let camera):
      try file.writer.write(message, on: .imageAnnotations(camera: camera), at: time)
    case .scene(let message): try file.writer.write(message, on: .scene, at: time)
    case .speech(let message): try file.writer.write(message, on: .speech, at: time)
    }
  }
}

/// A prompt that was sent to a language model.
public struct PromptRecord: QueuedRecord {
  public var text: String
  public var time: Timestamp

  public init(text: String, time: Timestamp) {
    self.text = text
    self.time = time
  }

  public var stream: RecordedStream { .microphone }
  public var byteCount: Int { text.utf8.count + 64 }

  public func write(to file: RecordingFile) throws(OutputError) {
    try file.writer.write(
      Foxglove_Log.with {
        $0.timestamp = time.protobuf
        $0.level = .info
        $0.name = "prompt"
        $0.message = text
      }, on: .prompts, at: time)
  }
}

/// A line of the log.
public struct LogRecord: QueuedRecord {
  public var text: String
  public var level: Foxglove_Log.Level
  /// The program or part that wrote the line.
  public var name: String
  public var time: Timestamp

  public init(text: String, level: Foxglove_Log.Level, name: String, time: Timestamp) {
    self.text = text
    self.level = level
    self.name = name
    self.time = time
  }

  public var stream: RecordedStream { .log }
  public var byteCount: Int { text.utf8.count + 64 }

  public func write(to file: RecordingFile) throws(OutputError) {
    try file.writer.write(log: text, level: level, name: name, at: time)
  }
}
