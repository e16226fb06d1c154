public import Sensing

/// Something that a client may do or read. Every route, request, spoken command and kind of data has an action.
public enum Action: Sendable, Hashable {
  case route(Route)
  case request(Request)
  case command(Command)
  case receive(Data)
  case connect(Output)

  /// Routes of the HTTP service that need the same rights.
  public enum Route: String, Sendable, CaseIterable {
    /// `/health/live` and `/health/ready`, which supervisors read without a token.
    case health
    /// Files of the dashboard, which contain nothing of the bridge.
    case page
    /// `/openapi.json`.
    case document
    case metrics
    /// Metadata and health of the model server: `/v2` and `/v2/health`.
    case modelServer
    /// Names, metadata, state and statistics of models.
    case models
    /// Inference and classification.
    case inference
    /// Loading and unloading of models.
    case modelChange
    /// `/frames`: a frame of a client's own camera.
    case frame
    /// `/live`; the contents of its lines are `receive` actions.
    case live
    /// `/live/frame`.
    case liveFrame
    case recording, recordCamera, recordMicrophone
    case recenter
    case role
  }

  /// Requests of the socket. One message of the protocol may need several.
  public enum Request: String, Sendable, CaseIterable {
    case hello, ping
    /// A subscription; its streams are `receive` actions.
    case subscribe, unsubscribe
    case openPosePage
    case listDevices
    case haptic, light
    case setRole, recenter
    case measure
    case shareFrames, submitFrame, releaseFrames
    case startRecording, recordCamera, recordMicrophone, stopRecording, getRecording
    case listen, ask, forgetConversation
  }

  /// Commands that are spoken, or sent as text by a client.
  public enum Command: String, Sendable, CaseIterable {
    case recenter, startRecording, stopRecording
    case label, note
    case ask, describe
    case forget, cancel
    case confirm, refuse
  }

  /// Kinds of data, on the socket as in `/live`, Foxglove and VRPN.
  public enum Data: String, Sendable, CaseIterable {
    case poses
    case controls
    /// Arrival, state and loss of devices.
    case devices
    /// Images, and names and calibrations of cameras.
    case frames
    /// Annotations made from frames.
    case annotations
    /// Transcripts, intents and answers; audio and prompts.
    case speech
    /// Whether a microphone is open.
    case listening
    /// State of the recording and of models.
    case activity
    case log

    /// The data of an annotation.
    public init(_ kind: Annotation.Kind) {
      if kind == .listening {
        self = .listening
      } else {
        switch kind.scope {
        case .camera: self = .annotations
        case .microphone: self = .speech
        }
      }
    }
  }

  /// Outputs with connections of their own.
  public enum Output: String, Sendable, CaseIterable {
    case foxglove, vrpn
  }
}

extension Action: CaseIterable {
  public static var allCases: [Action] {
    Route.allCases.map { .route($0) } + Request.allCases.map { .request($0) }
      + Command.allCases.map { .command($0) } + Data.allCases.map { .receive($0) }
      + Output.allCases.map { .connect($0) }
  }
}
