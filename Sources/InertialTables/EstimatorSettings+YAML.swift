import Diagnostics
import Foundation
import StrictYAML
import Tracking

extension EstimatorSettings {
  /// Reads YAML text: `estimator`, and any settings of that estimator; the others keep their standard values.
  public init(yaml text: String, file: String) throws(DocumentError) {
    let root = try YAMLDocument(text: text, file: file).root
    var type = OrientationEstimators.standard
    if root.isMapping {
      for (key, value) in try root.pairs() where try key.string() == Self.estimatorKey {
        type = try value.choice(OrientationEstimators.all.map { (name: $0.name, value: $0) })
      }
    }
    let map = try root.mapping(keys: [Self.estimatorKey] + type.settings.map(\.name))
    var values: [String: Double] = [:]
    for setting in type.settings {
      if let value = map[setting.name] { values[setting.name] = try value.number(in: setting.range) }
    }
    do { self = try EstimatorSettings(estimator: type.name, values: values) } catch {
      throw root.error(error.description)
    }
  }

  private static let estimatorKey = "estimator"

  /// Reads a YAML file; the standard settings without one.
  public init(file: String?) throws {
    guard let file else {
      self.init()
      return
    }
    let text: String
    do { text = try String(contentsOfFile: file, encoding: .utf8) } catch {
      throw TableError(file: file, line: 0, problem: "can't be read (\(error.reason))")
    }
    self = try EstimatorSettings(yaml: text, file: file)
  }
}
