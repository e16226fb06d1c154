import Imaging
import Inference
import Sandbox

/// The work that the programs do when they are started as confined processes.
package enum SandboxRoles {
  package static let all = [PictureRole.role, ModelRole.role]
}
