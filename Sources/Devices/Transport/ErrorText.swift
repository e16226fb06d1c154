import Glibc

/// The system's words for an errno value (negative values, as C shims return them, are turned).
public func errorText(_ code: Int32) -> String {
  var buffer = [CChar](repeating: 0, count: 128)
  // strerror is not thread-safe; the XSI strerror_r fills the buffer.
  _ = strerror_r(abs(code), &buffer, buffer.count)
  let text = buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
  let decoded = String(decoding: text, as: UTF8.self)
  return decoded.isEmpty ? "error \(abs(code))" : decoded
}
