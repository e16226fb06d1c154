import CLinux
import Foundation
import Glibc

/// The work of a confined process.
public struct SandboxRole: Sendable {
  public enum Calls: Sendable {
    /// Computation on memory.
    case compute
    /// Shared libraries that open files and start threads.
    case libraries

    fileprivate var list: linux_call_list {
      switch self {
      case .compute: LINUX_CALLS_COMPUTE
      case .libraries: LINUX_CALLS_LIBRARIES
      }
    }
  }

  public var name: String
  public var calls: Calls
  /// Answers a request; called for one at a time.
  public var answer: @Sendable (SandboxRequest) throws(SandboxRefusal) -> SandboxAnswer

  public init(
    name: String, calls: Calls,
    answer: @escaping @Sendable (SandboxRequest) throws(SandboxRefusal) -> SandboxAnswer
  ) {
    self.name = name
    self.calls = calls
    self.answer = answer
  }
}

/// A request as the confined process sees it.
public struct SandboxRequest {
  public var operation: UInt32
  public var body: [UInt8]
  public var parts: [UnsafeRawBufferPointer]
  /// Memory for the parts of the answer.
  public var output: UnsafeMutableRawBufferPointer
}

/// What a confined process answers: ranges of the output, and a body.
public struct SandboxAnswer {
  public var parts: [Range<Int>]
  public var body: [UInt8]

  public init(parts: [Range<Int>] = [], body: [UInt8] = []) {
    self.parts = parts
    self.body = body
  }
}

/// The reason for which a request cannot be fulfilled.
public struct SandboxRefusal: Error {
  public var code: String
  public var text: String

  public init(code: String, text: String) {
    self.code = code
    self.text = text
  }
}

/// The main function of a confined process.
public enum SandboxWorker {
  /// Serves requests until the starting process ends, when the arguments are those of a confined process; otherwise returns.
  ///
  /// Call it first in a program's main function, while the process has one thread: Landlock restricts the calling thread
  /// and those that it starts.
  ///
  /// - Parameter arguments: without the program's name.
  public static func runIfAsked(_ arguments: [String], roles: [SandboxRole]) {
    SandboxProgram.registerThis()
    guard arguments.first == SandboxProgram.argument else { return }
    let words = Array(arguments.dropFirst())
    guard words.count >= 7, let role = roles.first(where: { $0.name == words[0] }),
      let memory = UInt64(words[1]), let fileSize = UInt64(words[2]), let descriptors = UInt64(words[3]),
      let input = Int(words[4]), let output = Int(words[5]), input > 0, output > 0
    else { exit(64) }
    let folder = words[6].isEmpty ? nil : words[6]
    var base: UnsafeMutableRawPointer?
    guard linux_map_exchange(Int32(LINUX_SPAWNED_MEMORY), input + output, &base) == 0, let base else {
      exit(65)
    }
    let confinement: SandboxConfinement
    do throws(SandboxRefusal) {
      confinement = try confine(
        role.calls.list, memory, fileSize, descriptors, Array(words.dropFirst(7)), folder)
    } catch {
      send(.failed(0, code: "sandbox-unavailable", text: error.text))
      exit(66)
    }
    send(SandboxMessage(kind: SandboxMessage.success, number: 0, body: confinement.bytes))
    serve(
      role, UnsafeRawBufferPointer(start: base, count: input),
      UnsafeMutableRawBufferPointer(start: base + input, count: output))
  }

  private static func confine(
    _ calls: linux_call_list, _ memory: UInt64, _ fileSize: UInt64, _ descriptors: UInt64,
    _ readable: [String],
    _ folder: String?
  ) throws(SandboxRefusal) -> SandboxConfinement {
    func check(_ step: String, _ result: Int32) throws(SandboxRefusal) {
      guard result != 0 else { return }
      throw SandboxRefusal(
        code: "sandbox-unavailable", text: "\(step): \(String(cString: strerror(-result)))")
    }
    try check("limits", linux_limit_process(memory, fileSize, descriptors))
    let available = SandboxConfinement.available
    if available.landlock > 0 {
      let paths = readable.map { strdup($0) }
      defer { for path in paths { free(path) } }
      let pointers: [UnsafePointer<CChar>?] = paths.map { UnsafePointer($0) }
      let result: Int32
      if let folder {
        result = linux_restrict_files(pointers, pointers.count, folder)
      } else {
        result = linux_restrict_files(pointers, pointers.count, nil)
      }
      try check("Landlock", result)
    }
    if available.filtersCalls { try check("seccomp", linux_restrict_calls(calls)) }
    return available
  }

  private static func send(_ message: SandboxMessage) {
    guard let packet = message.bytes else { exit(67) }
    // Only read(2) and write(2) are permitted on the socket; a packet is written whole.
    guard write(Int32(LINUX_SPAWNED_SOCKET), packet, packet.count) == packet.count else { exit(68) }
  }

  private static func serve(
    _ role: SandboxRole, _ input: UnsafeRawBufferPointer, _ output: UnsafeMutableRawBufferPointer
  ) -> Never {
    var buffer = [UInt8](repeating: 0, count: SandboxMessage.maximumSize)
    while true {
      let count = read(Int32(LINUX_SPAWNED_SOCKET), &buffer, buffer.count)
      if count < 0, errno == EINTR { continue }
      // The other end is closed: the starting process has ended, or needs this one no more.
      guard count > 0 else { exit(0) }
      guard let request = try? SandboxMessage(Array(buffer.prefix(count)), capacity: input.count) else {
        exit(69)
      }
      do throws(SandboxRefusal) {
        let answer = try role.answer(
          SandboxRequest(
            operation: request.kind, body: request.body,
            parts: request.parts.map { UnsafeRawBufferPointer(rebasing: input[$0]) }, output: output))
        let reply = SandboxMessage(
          kind: SandboxMessage.success, number: request.number, parts: answer.parts, body: answer.body)
        guard reply.bytes != nil else {
          throw SandboxRefusal(
            code: "sandbox-answer-invalid", text: "the answer has too many parts or is too long")
        }
        send(reply)
      } catch {
        send(.failed(request.number, code: error.code, text: error.text))
      }
    }
  }
}
