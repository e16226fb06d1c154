import CSDL2
import Foundation
import Glibc
import Sensing

/// A WAV file, converted by SDL to 16 kHz mono.
public enum SoundFile {
  /// Bytes of a file, at most: an hour of stereo at 48 kHz.
  private static let maximumSize = 700 << 20

  public static func read(_ path: String) throws(MicrophoneError) -> [Int16] {
    var information = stat()
    guard stat(path, &information) == 0 else { throw MicrophoneError("\(path) can't be read") }
    guard information.st_size <= maximumSize else {
      throw MicrophoneError("\(path) is larger than \(maximumSize >> 20) MB; cut it into parts")
    }
    var spec = SDL_AudioSpec()
    var buffer: UnsafeMutablePointer<UInt8>?
    var length: UInt32 = 0
    guard SDL_LoadWAV_RW(SDL_RWFromFile(path, "rb"), 1, &spec, &buffer, &length) != nil, let buffer else {
      throw MicrophoneError("\(path) is no WAV file: \(SDLAudio.problem)")
    }
    defer { SDL_FreeWAV(buffer) }
    guard
      let stream = SDL_NewAudioStream(
        spec.format, spec.channels, spec.freq, SDL_AudioFormat(AUDIO_S16LSB), 1, Int32(AudioBlock.rate))
    else { throw MicrophoneError("\(path): SDL can't convert it: \(SDLAudio.problem)") }
    defer { SDL_FreeAudioStream(stream) }
    guard SDL_AudioStreamPut(stream, buffer, Int32(length)) == 0, SDL_AudioStreamFlush(stream) == 0 else {
      throw MicrophoneError("\(path): SDL can't convert it: \(SDLAudio.problem)")
    }
    var samples = [Int16](repeating: 0, count: Int(SDL_AudioStreamAvailable(stream)) / 2)
    let size = samples.withUnsafeMutableBytes { SDL_AudioStreamGet(stream, $0.baseAddress, Int32($0.count)) }
    samples.removeLast(samples.count - max(0, Int(size) / 2))
    return samples
  }
}
