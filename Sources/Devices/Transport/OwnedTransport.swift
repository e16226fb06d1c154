/// Feature access to an open interface, which it closes when it is released.
public final class OwnedTransport: FeatureAccess {
  private let transport: any Transport

  public init(_ transport: any Transport) { self.transport = transport }

  deinit { transport.close() }

  public func getFeature(id: UInt8, length: Int) throws(TransportError) -> [UInt8] {
    try transport.getFeature(id: id, length: length)
  }

  public func setFeature(_ report: [UInt8]) throws(TransportError) { try transport.setFeature(report) }

  public func writeOutput(_ report: [UInt8]) throws(TransportError) { try transport.writeOutput(report) }

  public func nextInput(within milliseconds: Int) throws(TransportError) -> [UInt8]? {
    try transport.nextInput(within: milliseconds)
  }
}
