import Foundation
import MCAP
import SessionLog
import SwiftProtobuf

/// Lists the transcripts, answers and annotations of a session as lines with times.
public enum SessionNotes {
  /// Returns lines such as `1:05 said: start recording`, in the order of their times.
  ///
  /// - Parameter path: of a session with annotations.
  public static func lines(_ path: String) throws -> [String] {
    struct Note {
      /// Nanoseconds.
      var time: UInt64
      var kind: String
      var text: String
      var isFinal: Bool
    }
    var notes: [String: Note] = [:]
    var began: UInt64?
    try SessionReader(path: path).read(wanted: { topic in
      switch topic {
      case .scene, .speech: true
      default: false
      }
    }) { record, message in
      began = min(began ?? message.logTime, message.logTime)
      guard case .other(_, let bytes) = record,
        let update = try? Foxglove_SceneUpdate(serializedBytes: Array(bytes))
      else { return .goOn }
      for entity in update.entities {
        var values: [String: String] = [:]
        for pair in entity.metadata { values[pair.key] = pair.value }
        guard let kind = values["kind"], let label = values["label"], !label.isEmpty,
          !["hand", "listening"].contains(kind)
        else { continue }
        // A later text of an annotation replaces the earlier one; an object keeps the time of its first annotation.
        let key = "\(entity.id) \(["object", "text"].contains(kind) ? label : "")"
        notes[key] = Note(
          time: notes[key]?.time ?? message.logTime, kind: kind, text: label,
          isFinal: values["text_state"] != "partial")
      }
      return .goOn
    }
    let verbs = [
      "transcript": "said", "answer": "answered", "intent": "wanted", "object": "seen",
      "text": "written there",
      "gesture": "gesture",
    ]
    let start = began ?? 0
    return notes.values.sorted { ($0.time, $0.text) < ($1.time, $1.text) }.filter(\.isFinal).map { note in
      let seconds = Int((note.time &- start) / 1_000_000_000)
      return String(format: "%d:%02d ", seconds / 60, seconds % 60)
        + "\(verbs[note.kind] ?? note.kind): \(note.text)"
    }
  }
}
