/// The contents of a session's channel.
public enum SessionTopic: Hashable, Sendable {
  case report(device: UInt32, part: UInt32, name: String)
  case state(device: UInt32)
  /// States of a device from a reference system, such as optical motion capture.
  case groundTruth(device: UInt32)
  case pose(device: UInt32)
  case transforms
  case control(device: UInt32)
  case figures(device: UInt32)
  case events
  case recorder
  case log
  case image(camera: String)
  case cameraCalibration(camera: String)
  /// A camera's pose on the head.
  case cameraMount(camera: String)
  case imageAnnotations(camera: String)
  case scene
  case audio(microphone: String)
  /// Transcripts, intents and answers.
  case speech
  /// Prompts to a language model.
  case prompts

  /// The topic's name. Parts and cameras have free names, in which unusual characters become hyphens.
  public var path: String {
    switch self {
    case .report(let device, _, let name): "/devices/\(device)/\(Self.safe(name))/report"
    case .state(let device): "/devices/\(device)/state"
    case .groundTruth(let device): "/devices/\(device)/ground_truth"
    case .pose(let device): "/devices/\(device)/pose"
    case .transforms: "/tf"
    case .control(let device): "/devices/\(device)/control"
    case .figures(let device): "/devices/\(device)/figures"
    case .events: "/session/events"
    case .recorder: "/session/recorder"
    case .log: "/log"
    case .image(let camera): "/cameras/\(Self.safe(camera))/image"
    case .cameraCalibration(let camera): "/cameras/\(Self.safe(camera))/calibration"
    case .cameraMount(let camera): "/cameras/\(Self.safe(camera))/mount"
    case .imageAnnotations(let camera): "/cameras/\(Self.safe(camera))/annotations"
    case .scene: "/scene"
    case .audio(let microphone): "/microphones/\(Self.safe(microphone))/audio"
    case .speech: "/speech"
    case .prompts: "/prompts"
    }
  }

  /// Full name of the message type.
  public var schema: String {
    switch self {
    case .report: "vrbridge.session.Report"
    case .state, .groundTruth: "vrbridge.session.TrackedState"
    case .pose: "foxglove.PoseInFrame"
    case .transforms: "foxglove.FrameTransform"
    case .control: "vrbridge.session.ControlChange"
    case .figures: "vrbridge.session.Figures"
    case .events: "vrbridge.session.Event"
    case .recorder: "vrbridge.session.Recorder"
    case .log: "foxglove.Log"
    case .image: "foxglove.CompressedImage"
    case .cameraCalibration: "foxglove.CameraCalibration"
    case .cameraMount: "foxglove.FrameTransform"
    case .imageAnnotations: "foxglove.ImageAnnotations"
    case .scene: "foxglove.SceneUpdate"
    case .audio: "foxglove.RawAudio"
    case .speech: "foxglove.SceneUpdate"
    case .prompts: "foxglove.Log"
    }
  }

  /// The schema and all schemas it refers to: a FileDescriptorSet, base64.
  public var descriptorSet: String {
    SessionWriter.descriptors[schema.split(separator: ".").first.map(String.init) ?? ""] ?? ""
  }

  /// The channel's metadata: identifiers that a reader needs besides the topic's name.
  var metadata: [String: String] {
    switch self {
    case .report(let device, let part, let name):
      ["device": String(device), "part": String(part), "part_name": name]
    case .state(let device), .pose(let device), .control(let device), .figures(let device):
      ["device": String(device)]
    case .groundTruth(let device): ["device": String(device), "kind": "ground_truth"]
    case .image(let camera), .cameraCalibration(let camera), .cameraMount(let camera),
      .imageAnnotations(let camera):
      ["camera": camera]
    case .audio(let microphone): ["microphone": microphone]
    case .speech, .prompts: ["kind": "speech"]
    case .transforms, .events, .recorder, .log, .scene: [:]
    }
  }

  /// Returns nil for channels of other programs.
  init?(schema: String, metadata: [String: String]) {
    let device = metadata["device"].flatMap { UInt32($0) }
    switch schema {
    case "vrbridge.session.Report":
      guard let device, let part = metadata["part"].flatMap({ UInt32($0) }), part < 64 else { return nil }
      self = .report(device: device, part: part, name: metadata["part_name"] ?? "")
    case "vrbridge.session.TrackedState":
      guard let device else { return nil }
      self = metadata["kind"] == "ground_truth" ? .groundTruth(device: device) : .state(device: device)
    case "vrbridge.session.ControlChange":
      guard let device else { return nil }
      self = .control(device: device)
    case "vrbridge.session.Figures":
      guard let device else { return nil }
      self = .figures(device: device)
    case "vrbridge.session.Event": self = .events
    case "vrbridge.session.Recorder": self = .recorder
    case "foxglove.PoseInFrame":
      guard let device else { return nil }
      self = .pose(device: device)
    case "foxglove.FrameTransform":
      self = metadata["camera"].map { .cameraMount(camera: $0) } ?? .transforms
    case "foxglove.Log": self = metadata["kind"] == "speech" ? .prompts : .log
    case "foxglove.CompressedImage": self = .image(camera: metadata["camera"] ?? "")
    case "foxglove.CameraCalibration": self = .cameraCalibration(camera: metadata["camera"] ?? "")
    case "foxglove.ImageAnnotations": self = .imageAnnotations(camera: metadata["camera"] ?? "")
    case "foxglove.SceneUpdate": self = metadata["kind"] == "speech" ? .speech : .scene
    case "foxglove.RawAudio": self = .audio(microphone: metadata["microphone"] ?? "")
    default: return nil
    }
  }

  private static func safe(_ name: String) -> String {
    let text = name.map { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "_" || $0 == "-") ? $0 : "-" }
    return text.isEmpty ? "unnamed" : String(text)
  }
}
