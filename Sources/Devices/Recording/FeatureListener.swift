import Synchronization

/// Passes feature reports through and writes them down.
final class FeatureListener: FeatureAccess {
  private let target: any FeatureAccess
  private let log = Mutex<[HIDRecording.FeatureExchange]>([])

  init(_ target: any FeatureAccess) { self.target = target }

  var exchanges: [HIDRecording.FeatureExchange] { log.withLock { $0 } }

  func getFeature(id: UInt8, length: Int) throws(TransportError) -> [UInt8] {
    let report = try target.getFeature(id: id, length: length)
    log.withLock { $0.append(HIDRecording.FeatureExchange(direction: .get, report: report)) }
    return report
  }

  func setFeature(_ report: [UInt8]) throws(TransportError) {
    try target.setFeature(report)
    log.withLock { $0.append(HIDRecording.FeatureExchange(direction: .set, report: report)) }
  }

  func writeOutput(_ report: [UInt8]) throws(TransportError) { try target.writeOutput(report) }
}
