import Imaging
import Perception

/// A confusion matrix as a picture: the darker a square, the larger the share of its row.
enum ConfusionPlot {
  static func write(_ report: ClassificationReport, to path: String) throws {
    let count = report.labels.count
    let cell = max(8.0, min(48, 1000 / Double(max(1, count))))
    let margin = count <= 30 ? 190.0 : 20
    let side = Int(margin + cell * Double(count) + 20)
    let cairo = try Cairo(width: side, height: side)
    cairo.color(1, 1, 1)
    cairo.fill(x: 0, y: 0, width: cairo.width, height: cairo.height)
    for (row, counts) in report.confusion.enumerated() {
      let total = Double(max(1, counts.reduce(0, +)))
      for (column, value) in counts.enumerated() {
        let share = Double(value) / total
        let (x, y) = (margin + cell * Double(column), 20 + cell * Double(row))
        let (r, g, b) = row == column ? (0.1, 0.45, 0.2) : (0.75, 0.15, 0.1)
        cairo.color(1 - share * (1 - r), 1 - share * (1 - g), 1 - share * (1 - b))
        cairo.fill(x: x, y: y, width: cell - 1, height: cell - 1)
        if value > 0, cell >= 20 {
          cairo.color(share > 0.5 ? 1 : 0, share > 0.5 ? 1 : 0, share > 0.5 ? 1 : 0)
          cairo.text(String(value), x: x + 4, y: y + cell / 2 + 4, size: 11)
        }
      }
      if count <= 30 {
        cairo.color(0, 0, 0)
        cairo.text(report.labels[row], x: 8, y: 20 + cell * (Double(row) + 0.5) + 4, size: 12)
      }
    }
    cairo.color(0, 0, 0)
    cairo.text("rows: truth; columns: answer, in the same order", x: 8, y: cairo.height - 4, size: 11)
    try cairo.write(to: path)
  }
}
