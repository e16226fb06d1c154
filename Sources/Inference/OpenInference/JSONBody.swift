import Foundation
import Synchronization

/// JSON of other parties, parsed within bounds.
///
/// A number of two bytes takes about a hundred in memory once it is parsed, so the values are counted before: those of one
/// body, and those of all bodies that are parsed at the same time. Large tensors belong into the binary extension.
public enum JSONBody {
  /// Bytes of JSON.
  public static let maximumSize = 16 << 20
  /// Lists and objects within each other.
  public static let maximumDepth = 32
  /// Values, keys included: enough for a picture of 640 by 640 pixels.
  public static let maximumValues = 1_300_000
  /// Bodies with fewer values are bounded by the number of requests alone.
  private static let small = 10_000

  private static let inUse = Mutex(0)

  /// Parses an object and reads it; its values count until `body` returns.
  ///
  /// - Throws: `OpenInferenceError` beyond the bounds, and for text that is no JSON object.
  public static func read<Result>(
    _ bytes: ArraySlice<UInt8>, _ body: ([String: Any]) throws(OpenInferenceError) -> Result
  ) throws(OpenInferenceError) -> Result {
    let count = try count(bytes)
    let share = count > small ? count : 0
    let isAdmitted = inUse.withLock { used in
      guard used + share <= 2 * maximumValues else { return false }
      used += share
      return true
    }
    guard isAdmitted else {
      throw OpenInferenceError(
        "other requests use the memory for JSON; send the request again later, or tensors as binary data",
        isBusy: true)
    }
    defer { inUse.withLock { $0 -= share } }
    guard let value = try? JSONSerialization.jsonObject(with: Data(bytes)) as? [String: Any] else {
      throw OpenInferenceError("the body is no JSON object")
    }
    return try body(value)
  }

  /// Counts the values of a text, valid or not, without memory.
  static func count(_ bytes: ArraySlice<UInt8>) throws(OpenInferenceError) -> Int {
    guard bytes.count <= maximumSize else {
      throw OpenInferenceError(
        "the JSON has \(bytes.count) bytes; at most \(maximumSize) are read: send tensors as binary data")
    }
    var (values, depth, deepest) = (1, 0, 0)
    var (isText, isEscaped) = (false, false)
    bytes.withUnsafeBufferPointer { buffer in
      for byte in buffer {
        if isText {
          if isEscaped {
            isEscaped = false
          } else if byte == UInt8(ascii: "\\") {
            isEscaped = true
          } else if byte == UInt8(ascii: "\"") {
            isText = false
          }
          continue
        }
        switch byte {
        case UInt8(ascii: "\""): isText = true
        case UInt8(ascii: ","), UInt8(ascii: ":"): values += 1
        case UInt8(ascii: "["), UInt8(ascii: "{"):
          values += 1
          depth += 1
          deepest = max(deepest, depth)
        case UInt8(ascii: "]"), UInt8(ascii: "}"): depth -= 1
        default: break
        }
      }
    }
    guard deepest <= maximumDepth else {
      throw OpenInferenceError(
        "the JSON is nested \(deepest) levels deep; at most \(maximumDepth) are read")
    }
    guard values <= maximumValues else {
      throw OpenInferenceError(
        "the JSON has about \(values) values; at most \(maximumValues) are read: send tensors as binary data")
    }
    return values
  }
}
