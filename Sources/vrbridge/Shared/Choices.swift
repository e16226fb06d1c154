import ArgumentParser

/// Parses a comma-separated list of names.
func choices<Choice: RawRepresentable & CaseIterable & Hashable>(
  _ text: String, _ option: String, _: Choice.Type = Choice.self
) throws -> Set<Choice> where Choice.RawValue == String {
  var result: Set<Choice> = []
  for name in text.split(separator: ",").map(String.init) {
    guard let choice = Choice(rawValue: name) else {
      let known = Choice.allCases.map(\.rawValue).joined(separator: ", ")
      throw ValidationError("\(option): '\(name)' is unknown; allowed: \(known)")
    }
    result.insert(choice)
  }
  return result
}
