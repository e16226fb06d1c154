import Foundation

extension Error {
  /// The text of an error without the notation of Foundation's errors: the path, where it has one, and the cause.
  public var reason: String {
    switch self {
    case let error as any CodedError: return error.description
    case let error as POSIXError: return String(cString: strerror(error.code.rawValue))
    // Foundation on Linux converts every NSError to this type.
    case let error as CocoaError where (self as NSError).domain == NSCocoaErrorDomain:
      let path = error.userInfo[NSFilePathErrorKey] as? String ?? error.url?.path
      let cause =
        error.underlying?.reason ?? fileCauses[error.code] ?? "the operation failed (\(error.code.rawValue))"
      return path.map { "\($0): \(cause)" } ?? cause
    case let error as DecodingError: return decodingCause(error)
    case is EncodingError: return "a value can't be written in this format"
    default:
      let text = String(describing: self)
      guard text.hasPrefix("Error Domain=") else { return text }
      let error = self as NSError
      if error.domain == NSPOSIXErrorDomain {
        return String(cString: strerror(Int32(truncatingIfNeeded: error.code)))
      }
      let stated = error.userInfo[NSLocalizedDescriptionKey] as? String
      let below = error.userInfo[NSUnderlyingErrorKey] as? any Error
      return stated ?? below?.reason ?? "the operation failed (\(error.domain) \(error.code))"
    }
  }
}

extension Error {
  /// The cause of an error of a file, for a message that names the file itself.
  public func cause(at path: String) -> String {
    let text = reason
    return text.hasPrefix(path + ": ") ? String(text.dropFirst(path.count + 2)) : text
  }
}

/// Returns the cause for which a file cannot be read, for interfaces that report failure without one.
public func readingProblem(_ path: String) -> String {
  do {
    let handle = try FileHandle(forReadingFrom: URL(fileURLWithPath: path))
    defer { try? handle.close() }
    _ = try handle.read(upToCount: 1)
    return "its content can't be used"
  } catch { return error.cause(at: path) }
}

/// Names the key, where the content has another form than expected.
private func decodingCause(_ error: DecodingError) -> String {
  func path(_ keys: [any CodingKey]) -> String {
    keys.map { key in key.intValue.map { "[\($0)]" } ?? key.stringValue }.joined(separator: ".")
  }
  switch error {
  case .keyNotFound(let key, let context):
    return "the key '\(path(context.codingPath + [key]))' is missing"
  case .typeMismatch(_, let context), .valueNotFound(_, let context):
    return context.codingPath.isEmpty
      ? "the content has another form than expected" : "'\(path(context.codingPath))' has another type"
  case .dataCorrupted(let context):
    return context.codingPath.isEmpty
      ? "the content is not valid JSON" : "'\(path(context.codingPath))' is not valid"
  @unknown default: return "the content has another form than expected"
  }
}

private let fileCauses: [CocoaError.Code: String] = [
  .fileNoSuchFile: "No such file or directory", .fileReadNoSuchFile: "No such file or directory",
  .fileReadNoPermission: "Permission denied", .fileWriteNoPermission: "Permission denied",
  .fileWriteFileExists: "File exists", .fileWriteOutOfSpace: "No space left on device",
  .fileReadUnknown: "it can't be read; it may be a folder", .fileWriteUnknown: "it can't be written",
  .propertyListReadCorrupt: "the content is not valid JSON",
  .fileReadInapplicableStringEncoding: "its text is not UTF-8", .fileReadCorruptFile: "it is damaged",
  .fileWriteInvalidFileName: "the name is not allowed", .fileReadInvalidFileName: "the name is not allowed",
]
