import Assistant
import BridgeProtocol
import Dialogue
import SwiftProtobuf

extension Vrbridge_V1_Prompt {
  /// Maps the preview of a prompt to its message.
  init(_ preview: PromptPreview) {
    self.init()
    parts = preview.messages.map { message in
      .with {
        $0.role = message.role.rawValue
        $0.text = message.text
        $0.pictureBytes = UInt32(clamping: message.picture.count)
      }
    }
    tokens = UInt32(clamping: preview.tokens)
    destination = preview.destination
    intent = preview.intent
  }
}
