import Foundation
import Imaging
import InertialTables
import Spatial

extension LinePlot {
  /// Plots heading, direction of up and gyroscope bias over time, with spans at rest shaded.
  init(_ track: OrientationTrack) {
    let start = track.rows.first?.time ?? 0
    // More points than pixels would not show.
    let stride = max(1, track.rows.count / 4000)
    let rows = Swift.stride(from: 0, to: track.rows.count, by: stride).map { track.rows[$0] }
    let times = rows.map { $0.time - start }
    let resting = rows.map(\.isAtRest)
    let degrees = 180 / Double.pi
    var turns = 0.0
    var last = 0.0
    let headings = rows.map { row -> Double in
      let forward = row.worldFromUnit.rotate(Vector3(0, 0, -1))
      let heading = atan2(-forward.x, -forward.z) * degrees
      // Unwrapped: no jumps from 180° to −180°.
      if heading - last > 180 { turns -= 360 } else if heading - last < -180 { turns += 360 }
      last = heading
      return heading + turns
    }
    func up(_ row: OrientationTrack.Row) -> Vector3 { row.worldFromUnit.conjugate.rotate(Vector3(0, 1, 0)) }
    func curve(_ name: String, _ colour: LinePlot.Colour, _ values: [Double]) -> LinePlot.Curve {
      LinePlot.Curve(name: name, colour: colour, points: zip(times, values).map { ($0, $1) })
    }
    let panels = [
      LinePlot.Panel(
        "heading, degrees (counter-clockwise from above)", [curve("heading", .blue, headings)]),
      LinePlot.Panel(
        "direction of up in the sensor's axes",
        [
          curve("x", .red, rows.map { up($0).x }), curve("y", .green, rows.map { up($0).y }),
          curve("z", .blue, rows.map { up($0).z }),
        ]),
      LinePlot.Panel(
        "gyroscope bias, degrees per second",
        [
          curve("x", .red, rows.map { $0.bias.x * degrees }),
          curve("y", .green, rows.map { $0.bias.y * degrees }),
          curve("z", .blue, rows.map { $0.bias.z * degrees }),
        ]),
    ]
    var rests: [ClosedRange<Double>] = []
    var begin: Int?
    for index in 0...resting.count {
      let isAtRest = index < resting.count && resting[index]
      if isAtRest, begin == nil { begin = index }
      if !isAtRest, let first = begin {
        rests.append(times[first]...times[index - 1])
        begin = nil
      }
    }
    self.init(panels: panels, shaded: rests, note: "shaded: at rest")
  }
}
