import Foundation

extension Error {
  /// The text of an error without the notation of Foundation's errors: the path, where it has one, and the cause.
  public var reason: String {
    switch self {
    case let error as any CodedError: return error.description
    case let error as POSIXError: return String(cString: strerror(error.code.rawValue))
    case let error as CocoaError:
      let path = error.userInfo[NSFilePathErrorKey] as? String ?? error.url?.path
      let cause =
        error.underlying?.reason ?? fileCauses[error.code] ?? "the operation failed (\(error.code.rawValue))"
      return path.map { "\($0): \(cause)" } ?? cause
    case is DecodingError: return "the content has another form than expected"
    default:
      let text = String(describing: self)
      guard text.hasPrefix("Error Domain=") else { return text }
      let error = self as NSError
      return error.domain == NSPOSIXErrorDomain
        ? String(cString: strerror(Int32(truncatingIfNeeded: error.code))) : error.localizedDescription
    }
  }
}

private let fileCauses: [CocoaError.Code: String] = [
  .fileNoSuchFile: "No such file or directory", .fileReadNoSuchFile: "No such file or directory",
  .fileReadNoPermission: "Permission denied", .fileWriteNoPermission: "Permission denied",
  .fileWriteFileExists: "File exists", .fileWriteOutOfSpace: "No space left on device",
  .fileReadUnknown: "it can't be read; it may be a folder", .fileWriteUnknown: "it can't be written",
  .fileReadInapplicableStringEncoding: "its text is not UTF-8", .fileReadCorruptFile: "it is damaged",
  .fileWriteInvalidFileName: "the name is not allowed", .fileReadInvalidFileName: "the name is not allowed",
]
