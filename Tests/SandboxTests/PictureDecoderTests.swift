import Foundation
import Imaging
import Sandbox
import TestSupport
import Testing

/// Pictures decoded in a confined process.
struct PictureDecoderTests {
  private func decoder(_ change: (inout SandboxPlan) -> Void = { _ in }) -> PictureDecoder {
    var plan = PictureRole.plan()
    change(&plan)
    return PictureDecoder(SandboxProcess(plan, program: Program.folder + "/vrbridge"))
  }

  private func picture(_ width: Int, _ height: Int) throws -> RGBImage {
    var picture = try #require(RGBImage(width: width, height: height, fill: (10, 200, 90)))
    for x in 0..<width { picture[x, height / 2] = (UInt8(x & 0xff), 0, 255) }
    return picture
  }

  @Test func theResultIsThatOfThisProcess() async throws {
    let decoder = decoder()
    for (width, height) in [(8, 8), (640, 480), (1, 1), (2000, 1500)] {
      let picture = try picture(width, height)
      for bytes in [try JPEG.encode(picture), try PNG.encode(picture)] {
        #expect(try await decoder.decode(bytes) == Picture.decode(bytes))
      }
      let jpeg = try JPEG.encode(picture)
      let (here, there) = (try JPEG.decodeGrey(jpeg), try decoder.decodeGreyAndWait(jpeg))
      #expect(here.pixels == there.pixels && here.width == there.width && here.height == there.height)
      #expect(try decoder.decodeAndWait(jpeg) == Picture.decode(jpeg))
    }
    #expect(decoder.counts?.starts == 1 && decoder.counts?.confinement?.filtersCalls == true)
  }

  @Test func aLowerResolutionIsThatOfThisProcess() async throws {
    let decoder = decoder()
    let jpeg = try JPEG.encode(try picture(641, 480))
    for scale in [1, 0.5, 0.25, 0.125] {
      let resolution = PictureResolution(scale: scale, side: 0)
      let here = try Picture.decode(jpeg, resolution: resolution)
      let there = try await decoder.decode(jpeg, resolution: resolution)
      #expect(here.image == there.image && here.width == there.width && here.height == there.height)
    }
  }

  @Test func errorsAreThoseOfThisProcess() async throws {
    let decoder = decoder()
    let large = try PNG.encode(try picture(100, 100))
    for (bytes, pixels) in [
      ([], 100), ([1, 2, 3], 100), ([0xff, 0xd8, 1], 100), ([0x89, 0x50, 0x4e, 0x47], 100), (large, 9999),
      (try JPEG.encode(try picture(100, 100)), 9999),
    ] as [([UInt8], Int)] {
      var (here, there) = (PictureError(description: "none"), PictureError(description: "no error"))
      do throws(PictureError) { _ = try Picture.decode(bytes, maximumPixels: pixels) } catch { here = error }
      do throws(PictureError) { _ = try await decoder.decode(bytes, maximumPixels: pixels) } catch {
        there = error
      }
      #expect(here.description == there.description && there.code == "picture-invalid", "\(there)")
    }
    #expect(decoder.counts?.starts == 1)
  }

  /// No pixel of one picture shows in the next, whose data end early.
  @Test func aTruncatedPictureShowsNothingOfTheOneBefore() async throws {
    let decoder = decoder()
    _ = try await decoder.decode(try JPEG.encode(try picture(256, 256)))
    let cut = Array(
      try JPEG.encode(try #require(RGBImage(width: 256, height: 256, fill: (0, 0, 0)))).prefix(700))
    #expect(try await decoder.decode(cut) == Picture.decode(cut))
  }

  @Test func aPictureThatTakesTooLongIsAnError() async throws {
    let decoder = decoder { $0.timeLimit = .milliseconds(1) }
    // Compressed to a few kilobytes, decoded to 100 MB.
    let large = try JPEG.encode(
      try #require(RGBImage(width: 5000, height: 5000, fill: (1, 2, 3))), quality: 1)
    var found = ""
    do throws(PictureError) { _ = try await decoder.decode(large) } catch { found = error.code }
    #expect(found == "picture-timeout")
    #expect(decoder.counts?.timeouts == 1)
  }

  @Test func aPictureThatNeedsTooMuchMemoryIsAnError() async throws {
    let decoder = decoder { $0.memory = 64 << 20 }
    // A progressive picture keeps all its coefficients: six bytes a pixel.
    let bytes = ProgressivePicture.grey(6000)
    #expect(try Picture.decode(bytes).width == 6000)
    await #expect(throws: PictureError.self) { _ = try await decoder.decode(bytes) }
    let small = try JPEG.encode(try picture(32, 32))
    #expect(try await decoder.decode(small).width == 32)
  }

  @Test(
    arguments: [
      (1, 1, 0..<4, 4), (1, 2, 0..<4, 4), (0, 0, 0..<0, 4), (65535, 65535, 0..<4, 4), (4, 4, 0..<64, 60),
      (UInt32.max, UInt32.max, 0..<4, 4),
    ] as [(UInt32, UInt32, Range<Int>, Int)])
  func impossibleSizesAreRefused(_ width: UInt32, _ height: UInt32, _ part: Range<Int>, _ memory: Int) throws
  {
    var writer = SandboxWriter()
    for _ in 0..<2 {
      writer.put(width)
      writer.put(height)
    }
    let message = SandboxMessage(kind: 0, number: 1, parts: [part], body: writer.bytes)
    let bytes = [UInt8](repeating: 0, count: memory)
    let isPossible = (width, height) == (1, 1)
    let result: Result<ReducedImage, any Error> = Result {
      try bytes.withUnsafeBytes { try PictureRequest(.colour, 1 << 20, .full).image(message, $0) }
    }
    switch result {
    case .success: #expect(isPossible)
    case .failure(let error): #expect(!isPossible && (error as? SandboxError)?.cause == .answerInvalid)
    }
  }
}
