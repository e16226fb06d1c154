import Foundation
import Imaging

/// Curves over time, or whatever `unit` counts, in panels one above the other, as a picture.
struct LinePlot {
  struct Curve {
    var name: String
    var color: (Double, Double, Double)
    /// Seconds, and whatever the panel shows.
    var points: [(x: Double, y: Double)]
  }

  static let red = (0.80, 0.20, 0.15)
  static let green = (0.10, 0.55, 0.25)
  static let blue = (0.15, 0.35, 0.75)

  var panels: [(title: String, curves: [Curve])]
  /// Seconds that are shaded.
  var shaded: [ClosedRange<Double>] = []
  var note = ""
  /// Of what goes to the right.
  var unit = "s"

  func write(to path: String) throws {
    let cairo = try Cairo(width: 1200, height: 840)
    cairo.color(1, 1, 1)
    cairo.fill(x: 0, y: 0, width: cairo.width, height: cairo.height)
    let (left, right, top, gap) = (80.0, 1170.0, 40.0, 50.0)
    let height = (cairo.height - top - 60 - gap * Double(panels.count - 1)) / Double(panels.count)
    let end = max(panels.flatMap { $0.curves.compactMap { $0.points.last?.x } }.max() ?? 1, 1e-9)
    func x(_ time: Double) -> Double { left + (right - left) * time / end }
    for (index, panel) in panels.enumerated() {
      let y0 = top + Double(index) * (height + gap)
      drawRest(cairo, y0, height, x)
      let values = panel.curves.flatMap { $0.points.map(\.y) }.filter(\.isFinite)
      var (low, high) = (values.min() ?? 0, values.max() ?? 1)
      if high - low < 1e-6 { (low, high) = (low - 0.5, high + 0.5) }
      let margin = (high - low) * 0.05
      (low, high) = (low - margin, high + margin)
      func y(_ value: Double) -> Double { y0 + height * (high - value) / (high - low) }
      cairo.lineWidth(1)
      for tick in Self.ticks(low, high) {
        cairo.color(0.85, 0.85, 0.85)
        cairo.line([(left, y(tick)), (right, y(tick))])
        cairo.color(0.3, 0.3, 0.3)
        cairo.text(Self.label(tick), x: 12, y: y(tick) + 4)
      }
      for tick in Self.ticks(0, end) {
        cairo.color(0.85, 0.85, 0.85)
        cairo.line([(x(tick), y0), (x(tick), y0 + height)])
        cairo.color(0.3, 0.3, 0.3)
        if index == panels.count - 1 {
          cairo.text(Self.label(tick) + " " + unit, x: x(tick) - 10, y: y0 + height + 20)
        }
      }
      cairo.color(0, 0, 0)
      cairo.text(panel.title, x: left, y: y0 - 8, size: 15)
      cairo.lineWidth(1.2)
      for (place, curve) in panel.curves.enumerated() {
        cairo.color(curve.color.0, curve.color.1, curve.color.2)
        cairo.line(curve.points.filter { $0.y.isFinite }.map { (x($0.x), y($0.y)) })
        if panel.curves.count > 1 {
          cairo.text(curve.name, x: right - 60 + Double(place) * 22, y: y0 - 8, size: 15)
        }
      }
    }
    cairo.color(0.3, 0.3, 0.3)
    cairo.text(note, x: left, y: cairo.height - 12)
    try cairo.write(to: path)
  }

  private func drawRest(_ cairo: Cairo, _ y: Double, _ height: Double, _ x: (Double) -> Double) {
    cairo.color(0.93, 0.95, 0.88)
    for span in shaded {
      cairo.fill(
        x: x(span.lowerBound), y: y, width: max(1, x(span.upperBound) - x(span.lowerBound)), height: height)
    }
  }

  /// Round numbers, some five of them.
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
