internal import Authorisation
import Sensing
import Spatial

/// A text to act on, spoken or sent by a client.
struct SpokenRequest {
  var text: String
  /// Of the speaker or the client. A command in the text is carried out with these.
  var rights: Rights
  /// The text is meant for the bridge, not overheard.
  var isAddressed: Bool
  /// The utterance of the text; nil for a client's text.
  var utterance: UtteranceID?
  /// Where annotations about the request appear.
  var anchor: Annotation.Anchor?
  /// When the text was complete.
  var captured: Timestamp
}
