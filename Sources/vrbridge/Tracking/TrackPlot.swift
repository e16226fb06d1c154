import Evaluation
import Foundation
import Spatial

/// Tilt and heading, bias, and rest over time, as a picture.
struct TrackPlot {
  private struct Curve {
    var name: String
    var color: (Double, Double, Double)
    var values: [Double]
  }

  private let times: [Double]
  private let panels: [(title: String, curves: [Curve])]
  private let resting: [Bool]

  private static let red = (0.80, 0.20, 0.15)
  private static let green = (0.10, 0.55, 0.25)
  private static let blue = (0.15, 0.35, 0.75)

  init(_ track: OrientationTrack) {
    let start = track.rows.first?.time ?? 0
    // More points than pixels only cost time.
    let stride = max(1, track.rows.count / 4000)
    let rows = Swift.stride(from: 0, to: track.rows.count, by: stride).map { track.rows[$0] }
    times = rows.map { $0.time - start }
    resting = rows.map(\.isAtRest)
    let degrees = 180 / Double.pi
    var turns = 0.0
    var last = 0.0
    let headings = rows.map { row -> Double in
      let forward = row.worldFromUnit.rotate(Vector3(0, 0, -1))
      let heading = atan2(-forward.x, -forward.z) * degrees
      // Without jumps from 180 to -180.
      if heading - last > 180 { turns -= 360 } else if heading - last < -180 { turns += 360 }
      last = heading
      return heading + turns
    }
    func up(_ row: OrientationTrack.Row) -> Vector3 { row.worldFromUnit.conjugate.rotate(Vector3(0, 1, 0)) }
    panels = [
      (
        "heading, degrees (counter-clockwise from above)",
        [Curve(name: "heading", color: Self.blue, values: headings)]
      ),
      (
        "direction of up in the sensor's axes",
        [
          Curve(name: "x", color: Self.red, values: rows.map { up($0).x }),
          Curve(name: "y", color: Self.green, values: rows.map { up($0).y }),
          Curve(name: "z", color: Self.blue, values: rows.map { up($0).z }),
        ]
      ),
      (
        "gyroscope bias, degrees per second",
        [
          Curve(name: "x", color: Self.red, values: rows.map { $0.bias.x * degrees }),
          Curve(name: "y", color: Self.green, values: rows.map { $0.bias.y * degrees }),
          Curve(name: "z", color: Self.blue, values: rows.map { $0.bias.z * degrees }),
        ]
      ),
    ]
  }

  func write(to path: String) throws {
    let cairo = try Cairo(width: 1200, height: 840)
    cairo.color(1, 1, 1)
    cairo.fill(x: 0, y: 0, width: cairo.width, height: cairo.height)
    let (left, right, top, gap) = (80.0, 1170.0, 40.0, 50.0)
    let height = (cairo.height - top - 60 - gap * Double(panels.count - 1)) / Double(panels.count)
    let end = max(times.last ?? 1, 1e-9)
    func x(_ time: Double) -> Double { left + (right - left) * time / end }
    for (index, panel) in panels.enumerated() {
      let y0 = top + Double(index) * (height + gap)
      drawRest(cairo, y0, height, x)
      let values = panel.curves.flatMap(\.values).filter(\.isFinite)
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
          cairo.text(Self.label(tick) + " s", x: x(tick) - 10, y: y0 + height + 20)
        }
      }
      cairo.color(0, 0, 0)
      cairo.text(panel.title, x: left, y: y0 - 8, size: 15)
      cairo.lineWidth(1.2)
      for (place, curve) in panel.curves.enumerated() {
        cairo.color(curve.color.0, curve.color.1, curve.color.2)
        cairo.line(zip(times, curve.values).filter { $0.1.isFinite }.map { (x($0.0), y($0.1)) })
        if panel.curves.count > 1 {
          cairo.text(curve.name, x: right - 60 + Double(place) * 22, y: y0 - 8, size: 15)
        }
      }
    }
    cairo.color(0.3, 0.3, 0.3)
    cairo.text("shaded: at rest", x: left, y: cairo.height - 12)
    try cairo.write(to: path)
  }

  private func drawRest(_ cairo: Cairo, _ y: Double, _ height: Double, _ x: (Double) -> Double) {
    cairo.color(0.93, 0.95, 0.88)
    var start: Int?
    for index in 0...resting.count {
      let isAtRest = index < resting.count && resting[index]
      if isAtRest, start == nil { start = index }
      if !isAtRest, let begin = start {
        cairo.fill(
          x: x(times[begin]), y: y, width: max(1, x(times[index - 1]) - x(times[begin])), height: height)
        start = nil
      }
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
