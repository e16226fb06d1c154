import Cameras
import Assistant
import CLinux
import Diagnostics
import Dialogue
import Perception
import Sensing
import SessionLog
import Spatial
import Speech
import TrackingPipeline

/// Microphones and speech: from sound to annotations and actions.
struct SpeechParts: Sendable {
  let service: SpeechService
  let microphones: MicrophoneService
  /// nil where no button opens the microphones.
  private let button: PushToTalk?

  init(
    _ context: BridgeAssembly.Context, _ tracking: TrackingParts, _ perception: PerceptionParts,
    clients: RemoteClients
  ) throws {
    let configuration = context.configuration
    let (manager, recording) = (tracking.manager, tracking.recording)
    let settings = configuration.speech.value
    let service = SpeechService(
      SpeechService.Settings(
        speech: settings, language: configuration.language.value,
        annotations: configuration.annotations.value, policy: configuration.accessPolicy),
      SpeechService.Dependencies(
        recognition: RecognitionModels(
          speech: settings.models(configuration.models.value, stateFolder: configuration.stateFolder),
          remote: clients.recogniser, host: perception.models),
        languageModel: clients.languageModel, promptTemplate: try Self.template(configuration),
        scene: perception.scene, annotationIDs: perception.annotationIDs,
        actions: Self.actions(configuration, tracking, perception), log: context.log))
    self.service = service
    microphones = MicrophoneService(
      names: context.replay == nil ? settings.microphones : [], log: context.log,
      headsetPorts: { manager.headsetPorts }, isOpen: { service.microphone($0, isOpen: $1) },
      record: { if recording.records(.microphone) { MicrophoneRecords.of($0).forEach(recording.submit) } },
      feed: { service.feed($0) })
    button =
      settings.activation == .button
      ? PushToTalk(path: settings.button) { role, control in
        manager.statuses.address(role: role, control: control)
      } : nil
  }

  private static func actions(
    _ configuration: Configuration, _ tracking: TrackingParts, _ perception: PerceptionParts
  ) -> SpeechActions {
    let (manager, recording, cameras) = (tracking.manager, tracking.recording, perception.cameras)
    return SpeechActions(
      recenter: { manager.recenter() },
      startRecording: {
        let plan = RecordingPlan(
          path: RecordingFile.new(configuration), streams: RecordedStream.standard)
        try recording.start(plan)
        return plan.path
      },
      stopRecording: { recording.requestStop() },
      head: { manager.pose(of: .head, at: $0) },
      picture: { cameras.picture(of: $0) }, publish: perception.publish,
      recordPrompt: { text, time in
        if recording.records(.microphone) { recording.submit(PromptRecord(text: text, time: time)) }
      })
  }

  private static func template(_ configuration: Configuration) throws -> PromptTemplate {
    do throws(PromptError) {
      guard let file = configuration.language.value.template else {
        return try PromptTemplate(PromptTemplate.standard, name: "built in")
      }
      return try PromptTemplate(file: file)
    } catch { throw StartError("prompt-template-invalid", error.description) }
  }

  /// Requests of clients.
  var requests: SpeechRequests {
    let service = service
    return SpeechRequests(
      hold: { service.hold($0) }, ask: { service.ask($0, by: $1) },
      explain: { await service.explain($0, by: $1, at: Timestamp(nanoseconds: linux_monotonic_ns())) },
      forget: { service.forget() })
  }

  /// Follows the push-to-talk button.
  func receive(_ event: TrackingEvent) {
    let address = PushToTalk.Address(device: DeviceID(event.device), index: UInt64(event.control))
    if let isHeld = button?.take(address, value: event.value) { service.hold(isHeld) }
  }
}
