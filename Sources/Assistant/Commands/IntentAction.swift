internal import Authorisation
import Dialogue

extension Intent {
  /// The action that decides on the rights to give the command.
  var command: Action.Command {
    switch self {
    case .recenter: .recenter
    case .startRecording: .startRecording
    case .stopRecording: .stopRecording
    case .label: .label
    case .note: .note
    case .ask: .ask
    case .describe: .describe
    case .forget: .forget
    case .cancel: .cancel
    case .confirm: .confirm
    case .refuse: .refuse
    }
  }
}
