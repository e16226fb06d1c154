import Foundation
import StrictYAML
import Tracking

extension OrientationSettings {
  /// From YAML text with any of the keys.
  public init(yaml text: String, file: String) throws(DocumentError) {
    self.init()
    let map = try YAMLDocument(text: text, file: file).root.mapping(keys: Self.keys.map(\.name))
    for (name, path) in Self.keys {
      guard let value = map[name] else { continue }
      // None of them means anything at or below zero, but the spread of a perfect response and the walks.
      let mayBeZero = ["response_spread", "bias_walk", "rest_bias_walk", "rotation_noise"].contains(name)
      self[keyPath: path] = try value.number(in: (mayBeZero ? 0 : 1e-9)...1e9)
    }
  }
}
