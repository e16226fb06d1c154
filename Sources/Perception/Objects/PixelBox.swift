/// An upright rectangle in an image, in pixels.
public struct PixelBox: Sendable, Hashable {
  // Not a SIMD4, which is aligned to 32 bytes, for the reason that `Vector3` states.
  public var left: Double
  public var top: Double
  public var right: Double
  public var bottom: Double

  public init(left: Double, top: Double, right: Double, bottom: Double) {
    self.left = left
    self.top = top
    self.right = right
    self.bottom = bottom
  }

  public var width: Double { right - left }
  public var height: Double { bottom - top }
  public var area: Double { width * height }
  public var centerX: Double { (left + right) / 2 }
  public var centerY: Double { (top + bottom) / 2 }

  public var isFinite: Bool { left.isFinite && top.isFinite && right.isFinite && bottom.isFinite }

  public static func * (box: PixelBox, factor: Double) -> PixelBox {
    PixelBox(
      left: box.left * factor, top: box.top * factor, right: box.right * factor, bottom: box.bottom * factor)
  }

  public static func / (box: PixelBox, divisor: Double) -> PixelBox {
    PixelBox(
      left: box.left / divisor, top: box.top / divisor, right: box.right / divisor,
      bottom: box.bottom / divisor)
  }

  /// The box with its edges inside an image.
  public func clamped(width: Double, height: Double) -> PixelBox {
    PixelBox(
      left: min(max(left, 0), width), top: min(max(top, 0), height), right: min(max(right, 0), width),
      bottom: min(max(bottom, 0), height))
  }

  /// Area of the intersection with another box.
  public func sharedArea(_ other: PixelBox) -> Double {
    max(0, min(right, other.right) - max(left, other.left))
      * max(0, min(bottom, other.bottom) - max(top, other.top))
  }

  /// Intersection over union with another box, 0 to 1.
  public func overlap(_ other: PixelBox) -> Double {
    let shared = sharedArea(other)
    let union = area + other.area - shared
    return union > 0 ? shared / union : 0
  }
}
