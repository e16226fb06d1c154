/// An interface without feature reports.
package struct NoFeatures: FeatureResponder {
  package init() {}

  package func getFeature(id: UInt8, length: Int) -> [UInt8]? { nil }
  package func setFeature(_ report: [UInt8]) -> Bool { true }
  package func output(_ report: [UInt8]) {}
}
