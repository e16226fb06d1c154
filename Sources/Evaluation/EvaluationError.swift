import Diagnostics

/// An evaluation or a training that cannot be done with its input.
package struct EvaluationError: CodedError, Sendable {
  package let code: String
  package let description: String

  package init(_ code: String, _ description: String) {
    self.code = code
    self.description = description
  }
}
