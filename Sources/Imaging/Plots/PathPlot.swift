/// A path in a plane whose points have weights: red and thick where the weight is large.
public struct PathPlot {
  public var points: [(x: Double, y: Double)]
  /// One for each point, 0 to 1.
  public var weights: [Double]
  public var note: String

  public init(points: [(x: Double, y: Double)], weights: [Double], note: String) {
    self.points = points
    self.weights = weights
    self.note = note
  }

  /// Writes the plot as PNG; a square marks the first point.
  public func write(to path: String) throws(PictureError) {
    let canvas = try PlotCanvas(width: 800, height: 800)
    let (xs, ys) = (points.map(\.x), points.map(\.y))
    let (left, right, low, high) = (xs.min() ?? 0, xs.max() ?? 0, ys.min() ?? 0, ys.max() ?? 0)
    let scale = 660 / max(right - left, high - low, 1e-9)
    let drawn = points.map { point in
      (x: 400 + (point.x - (left + right) / 2) * scale, y: 400 - (point.y - (low + high) / 2) * scale)
    }
    for (index, weight) in weights.enumerated().dropFirst() where index < drawn.count {
      let colour = PlotCanvas.Colour(
        red: 0.15 + 0.75 * weight, green: 0.3 * (1 - weight), blue: 0.85 * (1 - weight))
      canvas.line([drawn[index - 1], drawn[index]], colour, width: 2 + 6 * weight)
    }
    if let first = drawn.first {
      canvas.fill(.black, x: first.x - 5, y: first.y - 5, width: 10, height: 10)
    }
    canvas.text(note, x: 20, y: 780, size: 14)
    try canvas.write(to: path)
  }
}
