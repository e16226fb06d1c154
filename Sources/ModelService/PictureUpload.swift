import Foundation
import Imaging
import Inference

/// A picture in the body of a request: as it is, in a form (multipart/form-data, RFC 7578), or as base64 in JSON.
package struct PictureUpload {
  package var bytes: [UInt8]
  var model: String?
  var top: Int?

  package init(_ body: [UInt8], contentType: String) throws(PictureError) {
    let type = contentType.lowercased()
    if type.hasPrefix("multipart/form-data") {
      self = try Self.form(body, contentType)
    } else if type.hasPrefix("application/json") {
      let problem = "the body must be a JSON object with the image's base64 in 'image'"
      do throws(OpenInferenceError) {
        self = try JSONBody.read(body[...]) { json throws(OpenInferenceError) in
          guard let text = json["image"] as? String,
            let data = Data(base64Encoded: text, options: .ignoreUnknownCharacters)
          else { throw OpenInferenceError(problem) }
          var upload = PictureUpload(bytes: Array(data))
          upload.model = try JSONField.text(json, "model", of: "the request")
          upload.top = try JSONField.count(json, "top", of: "the request")
          guard (1...1000).contains(upload.top ?? 1) else {
            throw OpenInferenceError("'top' is no whole number from 1 to 1000")
          }
          return upload
        }
      } catch {
        throw PictureError(
          description: error.description == problem ? problem : "\(error.description); \(problem)")
      }
    } else {
      bytes = body
    }
    guard !bytes.isEmpty else { throw PictureError(description: "the body holds no image") }
  }

  private init(bytes: [UInt8]) { self.bytes = bytes }

  private static func form(_ body: [UInt8], _ contentType: String) throws(PictureError) -> PictureUpload {
    let marks = contentType.components(separatedBy: "boundary=")
    guard marks.count == 2 else { throw PictureError(description: "the form has no boundary") }
    let given = marks[1].prefix { $0 != ";" }
    let boundary = given.trimmingCharacters(in: CharacterSet(charactersIn: " \""))
    guard !boundary.isEmpty, boundary.utf8.count <= 70 else {
      throw PictureError(description: "the form's boundary has 1 to 70 letters")
    }
    let data = Data(body)
    let mark = Data("--\(boundary)".utf8)
    var result: PictureUpload?
    var (model, top): (String?, Int?) = (nil, nil)
    var start = data.range(of: mark)
    var parts = 0
    while let opening = start, parts < 16,
      let next = data.range(of: mark, in: opening.upperBound..<data.endIndex)
    {
      parts += 1
      start = next
      let part = data[opening.upperBound..<next.lowerBound]
      guard let gap = part.range(of: Data("\r\n\r\n".utf8)) else { continue }
      let head = String(decoding: part[..<gap.lowerBound], as: UTF8.self).lowercased()
      var content = part[gap.upperBound...]
      if content.suffix(2) == Data("\r\n".utf8) { content = content.dropLast(2) }
      if head.contains("name=\"model\"") {
        model = String(decoding: content, as: UTF8.self)
      } else if head.contains("name=\"top\"") {
        top = try Self.count(String(decoding: content, as: UTF8.self))
      } else if result == nil {
        result = PictureUpload(bytes: Array(content))
      }
    }
    guard var result else { throw PictureError(description: "the form has no image") }
    result.model = model
    result.top = top
    return result
  }

  /// Returns the number of labels that a parameter requests.
  static func count(_ text: String) throws(PictureError) -> Int {
    guard let count = Int(text), (1...1000).contains(count) else {
      throw PictureError(
        description: "'top' is '\(text.prefix(32))', which is no whole number from 1 to 1000")
    }
    return count
  }
}
