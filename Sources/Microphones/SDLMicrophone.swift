import CLinux
import CSDL2
import Foundation
import Glibc
import Sensing
import Spatial

/// A microphone that SDL reads: any device, resampled by SDL to 16 kHz, mono.
///
/// One thread opens, reads and closes it.
public final class SDLMicrophone {
  public let name: String
  private let device: SDL_AudioDeviceID
  private let audio: SDLAudio
  private var clock = SampleClock(rate: Double(AudioBlock.rate))
  private var lastData: Int64

  /// Samples that SDL hands over at a time: 32 ms.
  private static let block: UInt16 = 512
  /// Nanoseconds without a sample after which the device counts as gone: a server of sound that died says nothing.
  private static let patience: Int64 = 3_000_000_000

  /// - Parameter name: as SDL lists it; nil where devices have no names.
  public init(name: String?, _ audio: SDLAudio) throws(MicrophoneFault) {
    var wanted = SDL_AudioSpec()
    var given = SDL_AudioSpec()
    wanted.freq = Int32(AudioBlock.rate)
    wanted.format = SDL_AudioFormat(AUDIO_S16LSB)
    wanted.channels = 1
    wanted.samples = Self.block
    // Before the first property is set, so that what is not open is not closed.
    let opened = SDL_OpenAudioDevice(name, 1, &wanted, &given, 0)
    guard opened != 0 else {
      throw MicrophoneFault("the microphone '\(name ?? "default")' can't be opened: \(SDLAudio.problem)")
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

  /// What came since the last call; waits up to a block for it.
  ///
  /// - Returns: nil when nothing came.
  /// - Throws: when the device is gone.
  public func read() throws(MicrophoneFault) -> AudioBlock? {
    var samples = [Int16](repeating: 0, count: 8192)
    let size = samples.withUnsafeMutableBytes { SDL_DequeueAudio(device, $0.baseAddress, UInt32($0.count)) }
    let now = linux_monotonic_ns()
    let count = Int(size) / 2
    guard count > 0 else {
      if SDL_GetAudioDeviceStatus(device) == SDL_AUDIO_STOPPED || now - lastData > Self.patience {
        throw MicrophoneFault("the microphone '\(name)' is gone")
      }
      // SDL's queue has no descriptor to wait on.
      usleep(8000)
      return nil
    }
    lastData = now
    samples.removeLast(samples.count - count)
    // What waits in the queue was taken after these.
    let waiting = Int(SDL_GetQueuedAudioSize(device)) / 2
    let readAt = now - Int64(Double(waiting) / Double(AudioBlock.rate) * 1e9)
    let (captured, lost) = clock.add(count, readAt: readAt)
    return AudioBlock(
      microphone: name, samples: samples, captured: captured, received: Timestamp(nanoseconds: now),
      lost: lost)
  }
}
