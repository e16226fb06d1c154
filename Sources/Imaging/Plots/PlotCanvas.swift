/// The white page that every plot draws on, with the colours and the text sizes of all of them.
struct PlotCanvas {
  struct Colour {
    var red: Double
    var green: Double
    var blue: Double

    static let black = Colour(red: 0, green: 0, blue: 0)
    static let white = Colour(red: 1, green: 1, blue: 1)
    static let label = Colour(red: 0.3, green: 0.3, blue: 0.3)
    static let grid = Colour(red: 0.85, green: 0.85, blue: 0.85)
    static let shade = Colour(red: 0.93, green: 0.95, blue: 0.88)

    /// Mixes two colours: 0 is the first, 1 the second.
    static func mix(_ first: Colour, _ second: Colour, _ share: Double) -> Colour {
      Colour(
        red: first.red + (second.red - first.red) * share,
        green: first.green + (second.green - first.green) * share,
        blue: first.blue + (second.blue - first.blue) * share)
    }
  }

  private let cairo: Cairo
  var width: Double { cairo.width }
  var height: Double { cairo.height }

  init(width: Int, height: Int) throws(PictureError) {
    cairo = try Cairo(width: width, height: height)
    fill(.white, x: 0, y: 0, width: cairo.width, height: cairo.height)
  }

  func fill(_ colour: Colour, x: Double, y: Double, width: Double, height: Double) {
    use(colour)
    cairo.fill(x: x, y: y, width: width, height: height)
  }

  func line(_ points: [(x: Double, y: Double)], _ colour: Colour, width: Double = 1) {
    use(colour)
    cairo.lineWidth(width)
    cairo.line(points)
  }

  func text(_ text: String, x: Double, y: Double, size: Double = 13, _ colour: Colour = .black) {
    use(colour)
    cairo.text(text, x: x, y: y, size: size)
  }

  func write(to path: String) throws(PictureError) { try cairo.write(to: path) }

  private func use(_ colour: Colour) { cairo.color(colour.red, colour.green, colour.blue) }
}
