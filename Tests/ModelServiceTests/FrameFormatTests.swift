import Admission
import Authorisation
import HTTPServer
import HTTPTypes
import Hummingbird
import Imaging
import NIOCore
import Testing

@testable import ModelService

/// Uncompressed frames over HTTP.
struct FrameFormatTests {
  private func submitted(_ query: String, bytes: Int) throws(FrameError) -> SubmittedFrame {
    var parameters: [String: String] = [:]
    for part in query.split(separator: "&") {
      let pair = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      parameters[String(pair[0])] = pair.count > 1 ? String(pair[1]) : ""
    }
    return try SubmittedFrame([UInt8](repeating: 1, count: bytes)) { parameters[$0] }
  }

  @Test(
    arguments: [
      ("format=rgb&width=640&height=480", 640 * 480 * 3, "rgb"),
      ("format=nv12&width=640&height=480", 640 * 720, "nv12"),
      ("format=grey&width=641&height=3", 641 * 3, "grey"),
      ("format=yuyv&width=640&height=3", 640 * 6, "yuyv"),
      ("format=grey&width=641&height=3&stride=704", 704 * 3, "grey"),
      ("format=nv12&width=640&height=4&stride=700", 700 * 6, "nv12"),
    ] as [(String, Int, String)])
  func framesOfTheirExactSizeAreTaken(_ query: String, _ bytes: Int, _ format: String) throws {
    let frame = try submitted(query, bytes: bytes)
    #expect(frame.layout?.format.rawValue == format && frame.layout?.size == bytes)
    for wrong in [bytes - 1, bytes + 1, 0, bytes / 2] {
      let error = #expect(throws: FrameError.self) { try submitted(query, bytes: wrong) }
      #expect(error?.cause == .invalid && error?.description.contains("\(bytes)") == true)
    }
  }

  @Test(arguments: [
    "format=rgb", "format=rgb&width=640", "format=rgb&width=640&height=x", "format=rgb&width=640&height=",
    "format=rgb&width=0&height=480", "format=rgb&width=-640&height=-480", "format=bgr&width=1&height=1",
    "format=&width=1&height=1", "format=mjpeg&width=1&height=1", "format=nv12&width=3&height=2",
    "format=nv12&width=2&height=3", "format=yuyv&width=3&height=2", "format=grey&width=64&height=2&stride=63",
    "format=grey&width=64&height=2&stride=99999999", "format=grey&width=99999&height=1",
    "format=rgb&width=9223372036854775807&height=9223372036854775807",
    "format=rgb&width=9223372036854775808&height=1", "format=rgb&width=16384&height=16384",
    "format=grey&width=1&height=1&pose=1,2,3", "format=grey&width=1&height=1&pose=1,2,3,4,5,6,x",
    "format=grey&width=1&height=1&pose=1,2,3,4,5,6,nan", "format=grey&width=1&height=1&pose=,1,2,3,4,5,6,7",
    "format=grey&width=1&height=1&intrinsics=1,2,3,inf", "format=grey&width=1&height=1&captured_ns=1.5",
    // No lens has them, no rotation has it, and no clock of this machine shows them.
    "format=grey&width=1&height=1&intrinsics=0,400,4,4", "format=grey&width=1&height=1&intrinsics=400,-1,4,4",
    "format=grey&width=1&height=1&pose=1,2,3,0,0,0,0", "format=grey&width=1&height=1&captured_ns=0",
    "format=grey&width=1&height=1&captured_ns=-1", "format=grey&width=1&height=1&captured_ns=5",
    "format=grey&width=1&height=1&captured_ns=1790000000000000000",
    "format=grey&width=1&height=1&captured_ns=9223372036854775807",
    "format=grey&width=1&height=1&captured_ns=-9223372036854775808",
  ])
  func otherParametersAreErrors(_ query: String) {
    let error = #expect(throws: FrameError.self) { try submitted(query, bytes: 1) }
    #expect(error?.cause == .invalid)
  }

  @Test func refusalsNameTheReason() {
    for (query, part) in [
      ("intrinsics=0,400,4,4", "a focal length of the intrinsics is 0.0 pixels"),
      ("pose=1,2,3,0,0,0,0", "the quaternion of the pose has the length 0.0"),
      ("captured_ns=5", "captured_ns is 5, and CLOCK_MONOTONIC is"),
    ] {
      let error = #expect(throws: FrameError.self) {
        try submitted("format=grey&width=1&height=1&" + query, bytes: 1)
      }
      #expect(error?.description.contains(part) == true, "\(error as Any)")
    }
  }

  /// The head of a request bounds its body before a byte of it is read.
  @Test func theHeadBoundsTheBody() throws {
    let endpoint = FrameEndpoint { _ in true }
    func admission(_ query: String) -> HTTPAdmission? {
      endpoint.admission(
        of: Request(
          head: HTTPRequest(method: .post, scheme: nil, authority: nil, path: "/frames?" + query),
          body: RequestBody(buffer: ByteBuffer())),
        by: Rights(.unknown, .noToken, scopes: []))
    }
    guard case .body(let limit) = admission("format=nv12&width=640&height=480") else {
      Issue.record("refused")
      return
    }
    #expect(limit == 640 * 720)
    guard case .body(let jpeg) = admission("camera=x") else {
      Issue.record("refused")
      return
    }
    #expect(jpeg == 16 << 20)
    guard case .refused(let response) = admission("format=nv12&width=640&height=481") else {
      Issue.record("not refused")
      return
    }
    #expect(response.status == .badRequest)
  }
}
