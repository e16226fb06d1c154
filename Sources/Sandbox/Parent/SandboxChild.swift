import CLinux
import Foundation
import Glibc

/// A running confined process with its socket. Used by one thread, the one that started it: the kernel kills the process
/// when this thread ends.
final class SandboxChild {
  let socket: Int32
  private let process: pid_t
  private var isReaped = false

  private static let startLimit = 20 * 1_000_000_000 as Int64
  /// Variables that select libraries. All others, which may hold secrets, stay in this process.
  private static let variables = [
    "LD_LIBRARY_PATH", "VRBRIDGE_OPENVINO", "VRBRIDGE_ONNXRUNTIME", "VRBRIDGE_SHERPA_ONNX",
  ]

  /// - Parameter memory: descriptor of the shared memory.
  init(_ plan: SandboxPlan, program: String, memory: Int32) throws(SandboxError) {
    func failure(_ step: String, _ code: Int32) -> SandboxError {
      SandboxError(
        .unavailable,
        "the confined process '\(plan.role)' cannot be started: \(step): \(String(cString: strerror(-code)))")
    }
    var ends: [Int32] = [-1, -1]
    let paired = linux_packet_pair(&ends)
    guard paired == 0 else { throw failure("socket pair", paired) }
    defer { close(ends[1]) }
    let arguments =
      [
        program, SandboxProgram.argument, plan.role, String(plan.memory), String(plan.fileSize),
        String(plan.descriptors), String(plan.input), String(plan.output), plan.folder ?? "",
      ] + plan.readable
    let given = ProcessInfo.processInfo.environment
    var environment = Self.variables.compactMap { name in given[name].map { "\(name)=\($0)" } }
    environment +=
      ["SWIFT_BACKTRACE=enable=no", "LIBDISPATCH_LOG=NO"] + (plan.folder.map { ["TMPDIR=\($0)"] } ?? [])
    var made: pid_t = 0
    let spawned = Self.withCStrings(arguments) { arguments in
      Self.withCStrings(environment) { linux_spawn(program, arguments, $0, ends[1], memory, &made) }
    }
    guard spawned == 0 else {
      close(ends[0])
      throw failure(program, spawned)
    }
    process = made
    socket = ends[0]
  }

  deinit { end() }

  private static func withCStrings<Result>(
    _ texts: [String], _ body: (UnsafePointer<UnsafeMutablePointer<CChar>?>?) -> Result
  ) -> Result {
    let copies = texts.map { strdup($0) }
    defer { for copy in copies { free(copy) } }
    return (copies + [nil]).withUnsafeBufferPointer { body($0.baseAddress) }
  }

  /// Waits for the first message, which states how the process is confined.
  func confinement() throws(SandboxError) -> SandboxConfinement {
    guard linux_wait_readable(socket, Self.startLimit) == 1 else {
      throw SandboxError(.unavailable, "a confined process was not ready after 20 s")
    }
    let message = try receive(capacity: 0)
    guard let message, message.number == 0 else {
      throw SandboxError(.unavailable, "a confined process did not start: \(end())")
    }
    guard message.kind == SandboxMessage.success, let report = SandboxConfinement(bytes: message.body) else {
      throw SandboxError(.unavailable, "a confined process did not start: \(message.refusal.description)")
    }
    return report
  }

  func send(_ packet: [UInt8]) -> Bool {
    linux_send(socket, packet, packet.count, -1) == packet.count
  }

  /// - Returns: nil when the process has ended.
  func receive(capacity: Int) throws(SandboxError) -> SandboxMessage? {
    var buffer = [UInt8](repeating: 0, count: SandboxMessage.maximumSize + 1)
    // Descriptors that come with the packet are closed by the kernel: there is no room for them.
    let count = recv(socket, &buffer, buffer.count, Int32(MSG_DONTWAIT))
    guard count > 0 else { return nil }
    return try SandboxMessage(Array(buffer.prefix(count)), capacity: capacity)
  }

  /// Kills the process, waits for its end, and closes the socket.
  ///
  /// - Returns: how it ended, for a message.
  @discardableResult
  func end() -> String {
    guard !isReaped else { return "it was ended" }
    isReaped = true
    // A process that ended by itself keeps its own status.
    kill(process, SIGKILL)
    close(socket)
    var status: Int32 = 0
    guard linux_reap(process, &status) == 0 else { return "its end is unknown" }
    let signal = status & 0x7f
    return signal != 0 ? "signal \(signal)" : "exit status \(status >> 8 & 0xff)"
  }
}
