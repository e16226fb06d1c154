public import Sandbox

/// The work of the confined process that decodes pictures.
public enum PictureRole {
  static let name = "pictures"

  public static let role = SandboxRole(name: name, calls: .compute) { (request) throws(SandboxRefusal) in
    guard let colours = PictureColours(rawValue: request.operation), request.parts.count == 1,
      let limits = PictureRequest.limits(request.body)
    else { throw SandboxRefusal(code: "picture-invalid", text: "the request is no picture") }
    let bytes = Array(request.parts[0])
    let found: PictureRequest.Pixels
    do throws(PictureError) {
      switch colours {
      case .colour:
        let picture = try Picture.decode(bytes, maximumPixels: limits.pixels, resolution: limits.resolution)
        found = PictureRequest.Pixels(
          bytes: picture.image.pixels, width: picture.image.width, height: picture.image.height,
          fullWidth: picture.width, fullHeight: picture.height)
      case .grey:
        let (pixels, width, height) = try JPEG.decodeGrey(bytes)
        found = PictureRequest.Pixels(
          bytes: pixels, width: width, height: height, fullWidth: width, fullHeight: height)
      }
    } catch {
      throw SandboxRefusal(code: error.code, text: error.description)
    }
    guard found.bytes.count <= request.output.count else {
      throw SandboxRefusal(code: "picture-invalid", text: "the image is too large")
    }
    request.output.copyBytes(from: found.bytes)
    var writer = SandboxWriter()
    for length in [found.width, found.height, found.fullWidth, found.fullHeight] {
      writer.put(UInt32(length))
    }
    return SandboxAnswer(parts: [0..<found.bytes.count], body: writer.bytes)
  }

  /// The plan of a process for pictures: the largest picture fits.
  public static func plan() -> SandboxPlan {
    var plan = SandboxPlan(role: name)
    plan.inputCapacity = 64 << 20
    // The pixels, a copy of them that is upright, and the coefficients of a progressive picture.
    plan.memory = 1 << 30
    plan.outputCapacity = RGBImage.maximumPixels * 4
    return plan
  }
}
