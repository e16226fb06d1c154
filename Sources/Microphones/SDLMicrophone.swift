import CLinux
import CSDL2
import Foundation
import Glibc
import Sensing
import Spatial

/// A microphone that SDL reads, resampled by SDL to 16 kHz mono.
///
/// It must be opened, read and closed on one thread.
public final class SDLMicrophone {
  public let name: String
  private let device: SDL_AudioDeviceID
  private let audio: SDLAudio
  private var clock = SampleClock(rate: Double(AudioBlock.rate))
  private var lastData: Int64

  /// Samples of one block of SDL: 32 ms.
  private static let block: UInt16 = 512
  /// Nanoseconds without a sample after which the device counts as disconnected: a sound server that died reports nothing.
  private static let timeout: Int64 = 3_000_000_000

  /// - Parameter name: SDL's name; nil where devices have no names.
  public init(name: String?, _ audio: SDLAudio) throws(MicrophoneError) {
    var wanted = SDL_AudioSpec()
    var given = SDL_AudioSpec()
    wanted.freq = Int32(AudioBlock.rate)
    wanted.format = SDL_AudioFormat(AUDIO_S16LSB)
    wanted.channels = 1
    wanted.samples = Self.block
    // Before the first property is set, so that the deinitialiser does not run for a device that is not open.
    let opened = SDL_OpenAudioDevice(name, 1, &wanted, &given, 0)
    guard opened != 0 else {
      throw MicrophoneError("the microphone '\(name ?? "default")' can't be opened: \(SDLAudio.problem)")
    }
    device = opened
    self.audio = audio
    self.name = name ?? "default"
    lastData = linux_monotonic_ns()
    SDL_PauseAudioDevice(device, 0)
  }

  deinit {
    SDL_CloseAudioDevice(device)
  }

  /// Returns the samples since the last call, waiting up to a quarter of a block; nil for none.
  ///
  /// - Throws: `MicrophoneError` when the device is disconnected.
  public func read() throws(MicrophoneError) -> AudioBlock? {
    var samples = [Int16](repeating: 0, count: 8192)
    let size = samples.withUnsafeMutableBytes { SDL_DequeueAudio(device, $0.baseAddress, UInt32($0.count)) }
    let now = linux_monotonic_ns()
    let count = Int(size) / 2
    guard count > 0 else {
      if SDL_GetAudioDeviceStatus(device) == SDL_AUDIO_STOPPED || now - lastData > Self.timeout {
        throw MicrophoneError("the microphone '\(name)' is disconnected")
      }
      // SDL's queue has no descriptor to wait on.
      usleep(8000)
      return nil
    }
    lastData = now
    samples.removeLast(samples.count - count)
    // The samples that are still queued were captured after these.
    let waiting = Int(SDL_GetQueuedAudioSize(device)) / 2
    let readAt = now - Int64(Double(waiting) / Double(AudioBlock.rate) * 1e9)
    let (captured, lost) = clock.add(count, readAt: readAt)
    return AudioBlock(
      microphone: name, samples: samples, captured: captured, received: Timestamp(nanoseconds: now),
      lost: lost)
  }
}
