import Imaging
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

  /// Input: the query of a frame's request, a zero byte, and the body.
  func readFrame(_ input: [UInt8]) throws {
    let parts = input.split(separator: 0, maxSplits: 1, omittingEmptySubsequences: false)
    let query = String(decoding: parts.first ?? [], as: UTF8.self).split(separator: "&").map {
      $0.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
    }
    let body = Array(parts.count > 1 ? parts[1] : [])
    let frame = try? SubmittedFrame(body) { key in
      query.first { $0[0] == key }.map { $0.count > 1 ? String($0[1]) : "" }
    }
    guard let frame, let layout = frame.layout else { return }
    let image = try frame.bytes.withUnsafeBytes { try RGBImage(layout, $0) }
    let numbers = (frame.pose ?? []) + (frame.intrinsics ?? [])
    guard image.width == layout.width, numbers.allSatisfy(\.isFinite) else { throw NotFinite() }
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
