/// Color components from 0 to 1.
public struct AnnotationColor: Sendable, Hashable {
  public var red: Double
  public var green: Double
  public var blue: Double

  public init(_ red: Double, _ green: Double, _ blue: Double) {
    self.red = red
    self.green = green
    self.blue = blue
  }

  /// Of annotations made from speech.
  public static let speech = AnnotationColor(0.8, 0.4, 0.9)
}
