import Diagnostics
import Spatial

/// One setting of an estimator.
public struct EstimatorSetting: Sendable, Hashable {
  /// The key in a settings file, with the unit at its end.
  public var name: String
  public var standard: Double
  public var range: ClosedRange<Double>

  public init(_ name: String, _ standard: Double, in range: ClosedRange<Double>) {
    self.name = name
    self.standard = standard
    self.range = range
  }
}

/// An estimator by name, and the value of each of its settings.
public struct EstimatorSettings: Sendable, Hashable {
  /// The estimator's name.
  public let estimator: String
  /// The value of each setting by name.
  public private(set) var values: [String: Double]

  /// The standard estimator with its standard settings.
  public init() { self.init(of: OrientationEstimators.standard) }

  private init(of estimator: any OrientationEstimator.Type) {
    self.estimator = estimator.name
    values = Dictionary(
      estimator.settings.map { ($0.name, $0.standard) }, uniquingKeysWith: { first, _ in first })
  }

  /// An estimator with given values; its other settings have their standard values.
  public init(estimator name: String, values given: [String: Double] = [:]) throws(EstimatorError) {
    let type = try OrientationEstimators.named(name)
    self.init(of: type)
    for (key, value) in given {
      guard let setting = type.settings.first(where: { $0.name == key }) else {
        throw EstimatorError(unknownSetting: key, of: type)
      }
      guard setting.range.contains(value) else { throw EstimatorError(value, outside: setting) }
      values[key] = value
    }
  }

  /// The settings of a recorded interface.
  ///
  /// - Parameters:
  ///   - name: empty in sessions from before estimators had names.
  ///   - recorded: by name; missing or invalid ones have their standard values.
  public init(recorded name: String, values recorded: [String: Double]) throws(EstimatorError) {
    let type = name.isEmpty ? OrientationEstimators.standard : try OrientationEstimators.named(name)
    self.init(of: type)
    for key in type.settings.map(\.name) {
      if let value = recorded[key], value.isFinite, value >= 0 { values[key] = value }
    }
  }

  /// The settings of the error-state Kalman filter.
  public init(_ settings: OrientationSettings) {
    self.init(of: OrientationFilter.self)
    for (name, path) in OrientationSettings.keys { values[name] = settings[keyPath: path] }
  }

  /// The settings of the error-state Kalman filter; nil for another estimator.
  public var orientationSettings: OrientationSettings? {
    guard estimator == OrientationFilter.name else { return nil }
    var result = OrientationSettings()
    for (name, path) in OrientationSettings.keys { result[keyPath: path] = self[name] }
    return result
  }

  /// The value of a setting that the estimator has; NaN for any other.
  public subscript(name: String) -> Double { values[name] ?? .nan }

  /// Starts the estimator.
  public func makeEstimator(
    learned: LearnedGyroscope? = nil, worldFromDevice: Quaternion? = nil
  ) -> any OrientationEstimator {
    let type = OrientationEstimators.all.first { $0.name == estimator } ?? OrientationEstimators.standard
    return type.init(settings: self, learned: learned, worldFromDevice: worldFromDevice)
  }
}

/// Settings that no orientation estimator accepts.
public struct EstimatorError: CodedError, Equatable {
  public enum Cause: String, Sendable, CaseIterable {
    /// No orientation estimator has this name.
    case unknownEstimator = "estimator-unknown"
    /// The orientation estimator has no setting of this name.
    case unknownSetting = "estimator-setting-unknown"
    /// The value of an orientation estimator's setting is out of range.
    case invalidValue = "estimator-setting-invalid"
  }

  public let cause: Cause
  public let description: String
  public var code: String { cause.rawValue }

  init(unknown name: String) {
    cause = .unknownEstimator
    description =
      "orientation estimator '\(name)' is unknown; known: \(OrientationEstimators.names.joined(separator: ", "))"
  }

  init(unknownSetting key: String, of estimator: any OrientationEstimator.Type) {
    cause = .unknownSetting
    description =
      "orientation estimator '\(estimator.name)' has no setting '\(key)'; known: \(estimator.settings.map(\.name).joined(separator: ", "))"
  }

  init(_ value: Double, outside setting: EstimatorSetting) {
    cause = .invalidValue
    description =
      "setting '\(setting.name)' is \(value); allowed: \(setting.range.lowerBound) to \(setting.range.upperBound)"
  }
}
