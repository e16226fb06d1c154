/// A confusion matrix: the darker a square, the larger its share of the row.
public struct MatrixPlot {
  public var labels: [String]
  /// Rows: truth; columns: answer.
  public var counts: [[Int]]

  public init(labels: [String], counts: [[Int]]) {
    self.labels = labels
    self.counts = counts
  }

  private static let hit = PlotCanvas.Colour(red: 0.1, green: 0.45, blue: 0.2)
  private static let miss = PlotCanvas.Colour(red: 0.75, green: 0.15, blue: 0.1)
  /// Above this many labels there is no room for their names.
  private static let namedLabels = 30

  /// Writes the plot as PNG.
  public func write(to path: String) throws(PictureError) {
    let cell = max(8.0, min(48, 1000 / Double(max(1, labels.count))))
    let isNamed = labels.count <= Self.namedLabels
    let margin = isNamed ? 190.0 : 20
    let side = Int(margin + cell * Double(labels.count) + 20)
    let canvas = try PlotCanvas(width: side, height: side)
    for (row, values) in counts.enumerated() {
      let total = Double(max(1, values.reduce(0, +)))
      let y = 20 + cell * Double(row)
      for (column, value) in values.enumerated() {
        let share = Double(value) / total
        let x = margin + cell * Double(column)
        canvas.fill(
          .mix(.white, row == column ? Self.hit : Self.miss, share), x: x, y: y, width: cell - 1,
          height: cell - 1)
        if value > 0, cell >= 20 {
          canvas.text(
            String(value), x: x + 4, y: y + cell / 2 + 4, size: 11, share > 0.5 ? .white : .black)
        }
      }
      if isNamed { canvas.text(labels[row], x: 8, y: y + cell / 2 + 4, size: 12) }
    }
    canvas.text("rows: truth; columns: answer, in the same order", x: 8, y: canvas.height - 4, size: 11)
    try canvas.write(to: path)
  }
}
