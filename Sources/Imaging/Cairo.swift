import CDynamicLibrary
import Foundation
import Glibc

/// The calls of cairo (https://cairographics.org) that plots and synthetic scenes need. The library is opened at run time,
/// so that a bridge on a headless machine needs no drawing library.
public final class Cairo {
  typealias Handle = OpaquePointer

  private let library: UnsafeMutableRawPointer
  private let surface: Handle
  private let context: Handle
  public let width: Double
  public let height: Double

  public init(width: Int, height: Int) throws(PictureError) {
    var problem = [CChar](repeating: 0, count: 1024)
    guard let library = cdynamic_open("libcairo.so.2", &problem, problem.count) else {
      let reason = String(decoding: problem.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
      throw PictureError(
        description:
          "drawing needs the library libcairo.so.2 (\(reason)); install it with: sudo apt-get install libcairo2"
      )
    }
    self.library = library
    self.width = Double(width)
    self.height = Double(height)
    typealias Create = @convention(c) (Int32, Int32, Int32) -> Handle?
    typealias Context = @convention(c) (Handle) -> Handle?
    guard let create = Self.function("cairo_image_surface_create", in: library, as: Create.self),
      let context = Self.function("cairo_create", in: library, as: Context.self),
      // Format 0: 32 bits a pixel with alpha.
      let surface = create(0, Int32(width), Int32(height)), let drawing = context(surface)
    else {
      throw PictureError(
        description:
          "libcairo.so.2 can't be used; reinstall it with: sudo apt-get install --reinstall libcairo2")
    }
    self.surface = surface
    self.context = drawing
  }

  deinit {
    typealias Release = @convention(c) (Handle) -> Void
    Self.function("cairo_destroy", in: library, as: Release.self)?(context)
    Self.function("cairo_surface_destroy", in: library, as: Release.self)?(surface)
  }

  private static func function<Function>(
    _ name: String, in library: UnsafeMutableRawPointer, as type: Function.Type
  ) -> Function? {
    // The types of the calls are those of cairo.h 1.0 and later.
    dlsym(library, name).map { unsafeBitCast($0, to: type) }
  }

  private func call(_ name: String) {
    Self.function(name, in: library, as: (@convention(c) (Handle) -> Void).self)?(context)
  }

  private func call(_ name: String, _ a: Double, _ b: Double) {
    Self.function(name, in: library, as: (@convention(c) (Handle, Double, Double) -> Void).self)?(
      context, a, b)
  }

  public func color(_ red: Double, _ green: Double, _ blue: Double, alpha: Double = 1) {
    Self.function(
      "cairo_set_source_rgba", in: library,
      as: (@convention(c) (Handle, Double, Double, Double, Double) -> Void).self)?(
        context, red, green, blue, alpha)
  }

  public func lineWidth(_ width: Double) {
    Self.function("cairo_set_line_width", in: library, as: (@convention(c) (Handle, Double) -> Void).self)?(
      context, width)
  }

  public func fill(x: Double, y: Double, width: Double, height: Double) {
    Self.function(
      "cairo_rectangle", in: library,
      as: (@convention(c) (Handle, Double, Double, Double, Double) -> Void).self)?(
        context, x, y, width, height)
    call("cairo_fill")
  }

  public func line(_ points: [(x: Double, y: Double)]) {
    guard let first = points.first else { return }
    call("cairo_move_to", first.x, first.y)
    let to = Self.function(
      "cairo_line_to", in: library, as: (@convention(c) (Handle, Double, Double) -> Void).self)
    for point in points.dropFirst() { to?(context, point.x, point.y) }
    call("cairo_stroke")
  }

  public func text(_ text: String, x: Double, y: Double, size: Double = 13) {
    Self.function("cairo_set_font_size", in: library, as: (@convention(c) (Handle, Double) -> Void).self)?(
      context, size)
    call("cairo_move_to", x, y)
    Self.function(
      "cairo_show_text", in: library, as: (@convention(c) (Handle, UnsafePointer<CChar>) -> Void).self)?(
        context, text)
  }

  /// Sets the typeface of the following texts; fontconfig chooses the nearest installed one.
  public func font(_ family: String, isBold: Bool = false) {
    Self.function(
      "cairo_select_font_face", in: library,
      as: (@convention(c) (Handle, UnsafePointer<CChar>, Int32, Int32) -> Void).self)?(
        context, family, 0, isBold ? 1 : 0)
  }

  /// Returns the drawing on a white background.
  public func image() -> RGBImage? {
    typealias Data = @convention(c) (Handle) -> UnsafeMutablePointer<UInt8>?
    typealias Stride = @convention(c) (Handle) -> Int32
    Self.function("cairo_surface_flush", in: library, as: (@convention(c) (Handle) -> Void).self)?(surface)
    guard let data = Self.function("cairo_image_surface_get_data", in: library, as: Data.self)?(surface),
      let stride = Self.function("cairo_image_surface_get_stride", in: library, as: Stride.self)?(surface)
    else { return nil }
    var pixels: [UInt8] = []
    pixels.reserveCapacity(Int(width * height) * 4)
    for row in 0..<Int(height) {
      for column in 0..<Int(width) {
        // Premultiplied ARGB in the machine's order: blue, green, red, alpha.
        let index = row * Int(stride) + column * 4
        let white = 255 - data[index + 3]
        for channel in [2, 1, 0] { pixels.append(UInt8(clamping: Int(data[index + channel]) + Int(white))) }
        pixels.append(255)
      }
    }
    return RGBImage(width: Int(width), height: Int(height), pixels: pixels)
  }

  public func write(to path: String) throws(PictureError) {
    typealias Write = @convention(c) (Handle, UnsafePointer<CChar>) -> Int32
    guard let write = Self.function("cairo_surface_write_to_png", in: library, as: Write.self),
      write(surface, path) == 0
    else { throw PictureError(description: "\(path) can't be written") }
  }
}
