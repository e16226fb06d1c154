import Foundation

/// Curves over time, or over another quantity, in panels one above the other.
public struct LinePlot {
  public enum Colour: Sendable {
    case red, green, blue

    var value: PlotCanvas.Colour {
      switch self {
      case .red: PlotCanvas.Colour(red: 0.80, green: 0.20, blue: 0.15)
      case .green: PlotCanvas.Colour(red: 0.10, green: 0.55, blue: 0.25)
      case .blue: PlotCanvas.Colour(red: 0.15, green: 0.35, blue: 0.75)
      }
    }
  }

  public struct Curve {
    public var name: String
    public var colour: Colour
    /// Values of the horizontal axis (seconds by default) and of the panel; those that are not finite are left out.
    public var points: [(x: Double, y: Double)]

    public init(name: String = "", colour: Colour, points: [(x: Double, y: Double)]) {
      self.name = name
      self.colour = colour
      self.points = points
    }
  }

  public struct Panel {
    public var title: String
    public var curves: [Curve]

    public init(_ title: String, _ curves: [Curve]) {
      self.title = title
      self.curves = curves
    }
  }

  public var panels: [Panel]
  /// Spans of the horizontal axis that are shaded.
  public var shaded: [ClosedRange<Double>]
  /// The line below the panels.
  public var note: String
  /// Unit of the horizontal axis.
  public var unit: String

  public init(panels: [Panel], shaded: [ClosedRange<Double>] = [], note: String = "", unit: String = "s") {
    self.panels = panels
    self.shaded = shaded
    self.note = note
    self.unit = unit
  }

  private static let (left, right, top, gap) = (80.0, 1170.0, 40.0, 50.0)

  /// Writes the plot as PNG.
  public func write(to path: String) throws(PictureError) {
    let canvas = try PlotCanvas(width: 1200, height: 840)
    let height =
      (canvas.height - Self.top - 60 - Self.gap * Double(panels.count - 1)) / Double(max(1, panels.count))
    let end = max(panels.flatMap { $0.curves.compactMap { $0.points.last?.x } }.max() ?? 1, 1e-9)
    for (index, panel) in panels.enumerated() {
      draw(
        panel, on: canvas, y: Self.top + Double(index) * (height + Self.gap), height: height, end: end,
        isLast: index == panels.count - 1)
    }
    canvas.text(note, x: Self.left, y: canvas.height - 12, .label)
    try canvas.write(to: path)
  }

  private func draw(
    _ panel: Panel, on canvas: PlotCanvas, y top: Double, height: Double, end: Double, isLast: Bool
  ) {
    func x(_ time: Double) -> Double { Self.left + (Self.right - Self.left) * time / end }
    for span in shaded {
      canvas.fill(
        .shade, x: x(span.lowerBound), y: top, width: max(1, x(span.upperBound) - x(span.lowerBound)),
        height: height)
    }
    let values = panel.curves.flatMap { $0.points.map(\.y) }.filter(\.isFinite)
    var (low, high) = (values.min() ?? 0, values.max() ?? 1)
    if high - low < 1e-6 { (low, high) = (low - 0.5, high + 0.5) }
    let margin = (high - low) * 0.05
    (low, high) = (low - margin, high + margin)
    func y(_ value: Double) -> Double { top + height * (high - value) / (high - low) }
    for tick in Self.ticks(low, high) {
      canvas.line([(Self.left, y(tick)), (Self.right, y(tick))], .grid)
      canvas.text(Self.label(tick), x: 12, y: y(tick) + 4, .label)
    }
    for tick in Self.ticks(0, end) {
      canvas.line([(x(tick), top), (x(tick), top + height)], .grid)
      if isLast {
        canvas.text(Self.label(tick) + " " + unit, x: x(tick) - 10, y: top + height + 20, .label)
      }
    }
    canvas.text(panel.title, x: Self.left, y: top - 8, size: 15)
    for (index, curve) in panel.curves.enumerated() {
      canvas.line(
        curve.points.filter { $0.y.isFinite }.map { (x($0.x), y($0.y)) }, curve.colour.value, width: 1.2)
      if panel.curves.count > 1 {
        canvas.text(
          curve.name, x: Self.right - 60 + Double(index) * 22, y: top - 8, size: 15, curve.colour.value)
      }
    }
  }

  /// Returns about five round numbers.
  private static func ticks(_ low: Double, _ high: Double) -> [Double] {
    let raw = (high - low) / 5
    guard raw > 0, raw.isFinite else { return [] }
    let power = pow(10, floor(log10(raw)))
    let step = [1, 2, 5, 10].first { $0 * power >= raw }.map { $0 * power } ?? raw
    return Array(Swift.stride(from: (low / step).rounded(.up) * step, through: high, by: step))
  }

  private static func label(_ value: Double) -> String {
    String(format: "%.4g", abs(value) < 1e-12 ? 0 : value)
  }
}
