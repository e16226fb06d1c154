import Imaging
import Inference
import Sandbox

extension FuzzTarget {
  /// Input: the shared memory's size in 16 bits, then a packet.
  func readAnswer(_ input: [UInt8]) {
    guard input.count >= 2 else { return }
    let memory = [UInt8](repeating: 1, count: Int(input[0]) << 8 | Int(input[1]))
    guard let message = try? SandboxMessage(Array(input.dropFirst(2)), capacity: memory.count) else { return }
    let outputs = [TensorSpec(name: "x", type: .float32, shape: [-1, 3])]
    memory.withUnsafeBytes { memory in
      for colours in [PictureColours.colour, .grey] {
        _ = try? PictureRequest(colours, 1 << 20, .full).image(message, memory)
        _ = try? PictureRequest(colours, 1 << 20, .full).pixels(message, memory)
      }
      _ = try? ModelAnswer.description(message, memory)
      _ = try? ModelAnswer.tensors(message, memory, for: outputs)
    }
  }
}
