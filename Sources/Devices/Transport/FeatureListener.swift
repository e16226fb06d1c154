import Synchronization

/// Passes requests to a device and records them with their answers.
package final class FeatureListener: FeatureAccess {
  private let target: any FeatureAccess
  /// Keeps the log when requests for one part go to several interfaces.
  private let parent: FeatureListener?
  private let log = Mutex<[FeatureExchange]>([])

  package init(_ target: any FeatureAccess, parent: FeatureListener? = nil) {
    self.target = target
    self.parent = parent
  }

  package var exchanges: [FeatureExchange] { log.withLock { $0 } }

  private func note(_ direction: FeatureExchange.Direction, _ report: [UInt8]) {
    if let parent { return parent.note(direction, report) }
    log.withLock { $0.append(FeatureExchange(direction: direction, report: report)) }
  }

  package func getFeature(id: UInt8, length: Int) throws(TransportError) -> [UInt8] {
    let report = try target.getFeature(id: id, length: length)
    note(.get, report)
    return report
  }

  package func setFeature(_ report: [UInt8]) throws(TransportError) {
    try target.setFeature(report)
    note(.set, report)
  }

  package func writeOutput(_ report: [UInt8]) throws(TransportError) {
    try target.writeOutput(report)
    note(.output, report)
  }

  package func nextInput(within milliseconds: Int) throws(TransportError) -> [UInt8]? {
    let report = try target.nextInput(within: milliseconds)
    if let report { note(.input, report) }
    return report
  }
}
