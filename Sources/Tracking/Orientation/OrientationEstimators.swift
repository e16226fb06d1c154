/// The orientation estimators by name.
public enum OrientationEstimators {
  /// One row for each estimator.
  public static let all: [any OrientationEstimator.Type] = [
    OrientationFilter.self,
    ComplementaryFilter.self,
  ]

  /// The estimator of live devices, and of sessions that name none.
  public static let standard: any OrientationEstimator.Type = OrientationFilter.self

  public static var names: [String] { all.map { $0.name } }

  /// Returns the estimator of a name.
  static func named(_ name: String) throws(EstimatorError) -> any OrientationEstimator.Type {
    guard let found = all.first(where: { $0.name == name }) else { throw EstimatorError(unknown: name) }
    return found
  }
}
