import Foundation
import Inference
import Synchronization

/// The recogniser and the voice detector of the registry. The recogniser is loaded at its first use, and again when
/// another version is chosen.
public final class SpeechModels: Sendable {
  public static let recogniserName = "speech-recognition"
  public static let detectorName = "voice-activity"

  private struct Stamp: Equatable {
    var versions: [String]
    var choice: VersionChoice
    var trust: String
  }
  private struct State {
    var recogniser: SherpaRecogniser?
    var stamp: Stamp?
    /// When the registry was last read.
    var checked: ContinuousClock.Instant?
  }
  private let registry: ModelRegistry
  private let library: String
  private let name: String
  private let language: String?
  private let threads: Int
  private let state = Mutex(State())

  /// - Parameters:
  ///   - library: folder or file of sherpa-onnx.
  ///   - name: of the recogniser in the registry.
  public init(
    registry: ModelRegistry, library: String, name: String = SpeechModels.recogniserName,
    language: String? = nil, threads: Int = 1
  ) {
    self.registry = registry
    self.library = library
    self.name = name
    self.language = language
    self.threads = threads
  }

  /// Returns the chosen version of the recogniser. Where a new version cannot be loaded, the previous one is kept.
  ///
  /// The registry is read once a second at most.
  public func recogniser() throws(SpeechError) -> any SpeechRecogniser {
    let known: SherpaRecogniser? = state.withLock { state in
      if let checked = state.checked, ContinuousClock.now - checked < .seconds(1) { return state.recogniser }
      return nil
    }
    if let known { return known }
    let stamp = Stamp(
      versions: registry.versions(of: name), choice: registry.choice(of: name), trust: registry.trustStamp)
    let current: SherpaRecogniser? = state.withLock { state in
      state.checked = .now
      return state.stamp == stamp ? state.recogniser : nil
    }
    if let current { return current }
    do throws(SpeechError) {
      let (package, digest) = try package(name)
      let made = try SherpaRecogniser(
        package, digest: digest, library: try SherpaLibrary.shared(folder: library), language: language,
        threads: threads)
      state.withLock { state in
        state.recogniser = made
        state.stamp = stamp
      }
      return made
    } catch {
      let old: SherpaRecogniser? = state.withLock { state in
        // A version that was revoked while it ran ends.
        if let running = state.recogniser?.identity,
          registry.entry(running.model, running.version, deep: false).problem != nil
        {
          state.recogniser = nil
        }
        if state.recogniser != nil { state.stamp = stamp }
        return state.recogniser
      }
      if let old { return old }
      throw error
    }
  }

  /// Returns a new detector, for one stream of sound.
  public func detector(threshold: Double) throws(SpeechError) -> VoiceDetector {
    let (package, _) = try package(Self.detectorName)
    return try VoiceDetector(
      package, library: try SherpaLibrary.shared(folder: library), threshold: threshold)
  }

  func package(_ name: String) throws(SpeechError) -> (ModelPackage, digest: String) {
    let versions = registry.versions(of: name)
    let choice = registry.choice(of: name)
    if let refusal = choice.refusal {
      throw SpeechError(refusal.description, code: "speech-model-invalid")
    }
    guard let version = choice.version(among: versions, draw: 1) else {
      throw SpeechError(
        "the model '\(name)' is not in \(registry.folder); get it with: vrbridge models pull \(name)",
        code: "speech-model-missing")
    }
    do throws(RegistryError) {
      let found = try registry.package(name, version)
      return (found.package, found.digest)
    } catch { throw SpeechError(error.description, code: "speech-model-invalid") }
  }
}
