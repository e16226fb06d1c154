import Interop
import ModelService

/// Bytes of network clients.
extension FuzzTarget {
  /// Input: messages as they follow one another on the connection.
  func readVRPN(_ input: [UInt8]) {
    var rest = input[...]
    while let header = VRPNMessage.Header(rest) {
      let body = rest.dropFirst(VRPNMessage.Header.size).prefix(header.padded)
      _ = VRPNMessage.name(in: body)
      guard body.count == header.padded else { return }
      rest = rest.dropFirst(VRPNMessage.Header.size + header.padded)
    }
  }

  private static let contentTypes = [
    "multipart/form-data; boundary=x", "multipart/form-data; boundary=\"a b\"; charset=utf-8",
    "application/json", "image/jpeg",
  ]

  /// Input: content type, then the body.
  func readUpload(_ input: [UInt8]) throws {
    guard let selector = input.first else { return }
    let body = Array(input.dropFirst())
    let type = Self.contentTypes[Int(selector) % Self.contentTypes.count]
    if let upload = try? PictureUpload(body, contentType: type) {
      // A part of the body, decoded at most.
      guard upload.bytes.count <= body.count else { throw NotFinite() }
    }
    _ = try? PictureUpload([], contentType: String(decoding: body, as: UTF8.self))
    _ = try? TextRequest.read(body)
  }
}
