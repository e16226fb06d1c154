import CSherpaOnnx
import Inference

/// Detects a voice in windows of sound.
public protocol VoiceDetecting: AnyObject {
  /// - Parameter window: `VoiceDetector.window` samples, −1 to 1.
  func isVoice(_ window: [Float]) -> Bool
  /// Resets the state to that before the first window.
  func reset()
}

/// Silero VAD through sherpa-onnx.
public final class VoiceDetector: VoiceDetecting {
  /// Samples of a window: 32 ms.
  public static let window = 512
  /// Seconds for which the detector holds its state after the end of a voice.
  public static let silence = 0.1
  /// Seconds of a voice before the detector reports it.
  private static let leastVoice: Float = 0.06

  private let handle: OpaquePointer
  /// Kept, as ONNX Runtime may map its input.
  private let files: MemoryFiles

  /// - Parameter threshold: confidence from which a window counts as voice, 0 to 1.
  public init(_ package: ModelPackage, library: SherpaLibrary, threshold: Double) throws(SpeechError) {
    let name = "\(package.manifest.name) \(package.manifest.version)"
    do throws(InferenceError) { files = try MemoryFiles(package.files) } catch {
      throw SpeechError("\(name): \(error)", code: "speech-model-invalid")
    }
    guard
      let made = csherpa_detector_create(
        library.handle.pointer, files.first, Float(threshold), Float(Self.silence), Self.leastVoice,
        Int32(Self.window))
    else {
      throw SpeechError(
        "\(name): sherpa-onnx cannot load it as Silero VAD; install it again with: vrbridge models pull "
          + package.manifest.name, code: "speech-model-invalid")
    }
    handle = made
  }

  deinit { csherpa_detector_free(handle) }

  public func isVoice(_ window: [Float]) -> Bool {
    window.withUnsafeBufferPointer { csherpa_detect(handle, $0.baseAddress, Int32(clamping: $0.count)) } == 1
  }

  public func reset() { csherpa_detector_reset(handle) }
}
