import Glibc

/// Feature access to a responder, without a transport between.
final class AnsweredFeatureAccess: FeatureAccess {
  private let responder: any FeatureResponder

  init(_ responder: any FeatureResponder) { self.responder = responder }

  func getFeature(id: UInt8, length: Int) throws(TransportError) -> [UInt8] {
    guard let reply = responder.getFeature(id: id, length: length) else {
      throw TransportError("get feature 0x\(String(id, radix: 16)) of a recorded device", code: ENODATA)
    }
    return Array(reply.prefix(length))
  }

  func setFeature(_ report: [UInt8]) throws(TransportError) {
    guard responder.setFeature(report) else { throw TransportError("set feature", code: EIO) }
  }

  func writeOutput(_ report: [UInt8]) throws(TransportError) { responder.output(report) }

  func nextInput(within milliseconds: Int) throws(TransportError) -> [UInt8]? { responder.nextInput() }
}
