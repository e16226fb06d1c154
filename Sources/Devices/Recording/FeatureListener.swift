import Synchronization

/// Passes what is asked of a device through, and writes down what it was told and what it answered.
final class FeatureListener: FeatureAccess {
  private let target: any FeatureAccess
  /// Keeps the log where several interfaces are asked for one part.
  private let parent: FeatureListener?
  private let log = Mutex<[HIDRecording.FeatureExchange]>([])

  init(_ target: any FeatureAccess, parent: FeatureListener? = nil) {
    self.target = target
    self.parent = parent
  }

  var exchanges: [HIDRecording.FeatureExchange] { log.withLock { $0 } }

  private func note(_ direction: HIDRecording.FeatureExchange.Direction, _ report: [UInt8]) {
    if let parent { return parent.note(direction, report) }
    log.withLock { $0.append(HIDRecording.FeatureExchange(direction: direction, report: report)) }
  }

  func getFeature(id: UInt8, length: Int) throws(TransportError) -> [UInt8] {
    let report = try target.getFeature(id: id, length: length)
    note(.get, report)
    return report
  }

  func setFeature(_ report: [UInt8]) throws(TransportError) {
    try target.setFeature(report)
    note(.set, report)
  }

  func writeOutput(_ report: [UInt8]) throws(TransportError) {
    try target.writeOutput(report)
    note(.output, report)
  }

  func nextInput(within milliseconds: Int) throws(TransportError) -> [UInt8]? {
    let report = try target.nextInput(within: milliseconds)
    if let report { note(.input, report) }
    return report
  }
}
