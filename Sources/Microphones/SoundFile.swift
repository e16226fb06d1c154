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
    guard stat(path, &information) == 0 else {
      throw MicrophoneError("\(path) can't be read: \(String(cString: strerror(errno)))")
    }
    guard information.st_mode & S_IFMT != S_IFDIR else {
      throw MicrophoneError("\(path) is a folder; name a WAV file")
    }
    guard information.st_size <= maximumSize else {
      throw MicrophoneError("\(path) is larger than \(maximumSize >> 20) MB; cut it into parts")
    }
    guard let data = FileManager.default.contents(atPath: path) else {
      throw MicrophoneError("\(path) can't be read; check its permissions")
    }
    return try samples([UInt8](data), file: path)
  }

  static func samples(_ bytes: [UInt8], file: String) throws(MicrophoneError) -> [Int16] {
    let bytes = completed(bytes)
    var spec = SDL_AudioSpec()
    var buffer: UnsafeMutablePointer<UInt8>?
    var length: UInt32 = 0
    let isLoaded = bytes.withUnsafeBytes {
      SDL_LoadWAV_RW(SDL_RWFromConstMem($0.baseAddress, Int32($0.count)), 1, &spec, &buffer, &length) != nil
    }
    guard isLoaded, let buffer else {
      throw MicrophoneError("\(file) is no WAV file: \(SDLAudio.problem); convert it to 16-bit PCM")
    }
    defer { SDL_FreeWAV(buffer) }
    guard
      let stream = SDL_NewAudioStream(
        spec.format, spec.channels, spec.freq, SDL_AudioFormat(AUDIO_S16LSB), 1, Int32(AudioBlock.rate))
    else { throw MicrophoneError("\(file): SDL can't convert it: \(SDLAudio.problem)") }
    defer { SDL_FreeAudioStream(stream) }
    let frameSize = Int(spec.format & 0xff) / 8 * Int(spec.channels)
    let frames = Int(length) / max(1, frameSize)
    // The resampler holds its last input back, also when it is flushed: a quarter of a second of silence pushes it out.
    let silence = [UInt8](repeating: spec.silence, count: Int(spec.freq) / 4 * frameSize)
    guard SDL_AudioStreamPut(stream, buffer, Int32(frames * frameSize)) == 0,
      SDL_AudioStreamPut(stream, silence, Int32(silence.count)) == 0, SDL_AudioStreamFlush(stream) == 0
    else { throw MicrophoneError("\(file): SDL can't convert it: \(SDLAudio.problem)") }
    var samples = [Int16](repeating: 0, count: Int(SDL_AudioStreamAvailable(stream)) / 2)
    let size = samples.withUnsafeMutableBytes { SDL_AudioStreamGet(stream, $0.baseAddress, Int32($0.count)) }
    let wanted = (frames * Int(AudioBlock.rate) + Int(spec.freq) - 1) / max(1, Int(spec.freq))
    samples.removeLast(samples.count - min(wanted, max(0, Int(size) / 2)))
    return samples
  }

  /// Returns a WAV file with the lengths that its recorder, when it was killed, left at 0 or at the largest number (RIFF,
  /// Microsoft 1991).
  static func completed(_ bytes: [UInt8]) -> [UInt8] {
    func number(_ offset: Int) -> Int {
      bytes[offset..<(offset + 4)].reversed().reduce(0) { $0 << 8 | Int($1) }
    }
    guard bytes.count >= 12, bytes.starts(with: Array("RIFF".utf8)), number(4) + 8 != bytes.count else {
      return bytes
    }
    var offset = 12
    while offset + 8 <= bytes.count {
      let size = number(offset + 4)
      guard bytes[offset..<(offset + 4)].elementsEqual(Array("data".utf8)) else {
        offset += 8 + size + size % 2
        continue
      }
      let rest = bytes.count - offset - 8
      guard size == 0 || size > rest else { return bytes }
      var result = bytes
      for (place, value) in [(4, bytes.count - 8), (offset + 4, rest)] {
        for byte in 0..<4 { result[place + byte] = UInt8(truncatingIfNeeded: value >> (8 * byte)) }
      }
      return result
    }
    return bytes
  }
}
