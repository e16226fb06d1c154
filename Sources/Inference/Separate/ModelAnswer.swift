import Foundation
import Sandbox

/// Reads what the process of a model answers. Nothing of it is trusted.
package enum ModelAnswer {
  /// What the process states about its model, checked.
  package struct Description: Sendable {
    var engine: EngineIdentity
    var inputs: [TensorSpec]
    var outputs: [TensorSpec]
    var precisionNote: String?
  }

  @Sendable package static func description(
    _ message: SandboxMessage, _ memory: UnsafeRawBufferPointer
  ) throws(SandboxError) -> Description {
    guard let given = try? JSONDecoder().decode(ModelDescription.self, from: Data(message.body)),
      given.engine.utf8.count <= 100, given.version.utf8.count <= 200,
      (given.precisionNote ?? "").count <= ModelDescription.maximumNote
    else { throw SandboxError(.answerInvalid, "the process of a model gave no description of it") }
    let (inputs, outputs) = (given.inputs.compactMap(\.spec), given.outputs.compactMap(\.spec))
    guard inputs.count == given.inputs.count, outputs.count == given.outputs.count else {
      throw SandboxError(.answerInvalid, "the process of a model gave impossible tensors")
    }
    return Description(
      engine: EngineIdentity(name: given.engine, version: given.version), inputs: inputs, outputs: outputs,
      precisionNote: given.precisionNote)
  }

  /// Copies the tensors of an answer.
  ///
  /// - Parameter outputs: of the model, whose types the tensors must have.
  package static func tensors(
    _ message: SandboxMessage, _ memory: UnsafeRawBufferPointer, for outputs: [TensorSpec]
  ) throws(SandboxError) -> [Tensor] {
    guard message.parts.allSatisfy({ $0.upperBound <= memory.count }),
      let tensors = TensorTransfer.tensors(
        message.body, message.parts.map { UnsafeRawBufferPointer(rebasing: memory[$0]) }),
      tensors.count == outputs.count, zip(tensors, outputs).allSatisfy({ $0.type == $1.type })
    else { throw SandboxError(.answerInvalid, "the process of a model gave impossible tensors") }
    return tensors
  }
}
