import CSherpaOnnx
import Inference

/// Tells windows with a voice from those without.
public protocol VoiceDetecting: AnyObject {
  /// - Parameter window: `VoiceDetector.window` samples, −1 to 1.
  func isVoice(_ window: [Float]) -> Bool
  /// Forgets what came before.
  func reset()
}

/// Silero VAD through sherpa-onnx.
public final class VoiceDetector: VoiceDetecting {
  /// Samples that are judged at a time: 32 ms.
  public static let window = 512
  /// Seconds that a voice must be gone before a window counts as silent: the detector's own smoothing.
  public static let silence = 0.1

  private let handle: OpaquePointer
  private let files: MemoryFiles

  public init(_ package: ModelPackage, library: SherpaLibrary, threshold: Double) throws(SpeechFault) {
    let name = "\(package.manifest.name) \(package.manifest.version)"
    do throws(InferenceError) { files = try MemoryFiles(package.files) } catch {
      throw SpeechFault("\(name): \(error)")
    }
    guard
      let made = csherpa_detector_create(
        library.handle.pointer, files.first, Float(threshold), Float(Self.silence), 0.06, Int32(Self.window))
    else { throw SpeechFault("\(name): sherpa-onnx can't read it as Silero VAD") }
    handle = made
  }

  deinit { csherpa_detector_free(handle) }

  public func isVoice(_ window: [Float]) -> Bool {
    window.withUnsafeBufferPointer { csherpa_detect(handle, $0.baseAddress, Int32(clamping: $0.count)) } == 1
  }

  public func reset() { csherpa_detector_reset(handle) }
}
