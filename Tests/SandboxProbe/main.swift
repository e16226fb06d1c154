import CSandboxProbe
import Glibc
import Sandbox

/// Operations of the probe, whose numbers `SandboxTests` uses.
enum Operation: UInt32 {
  case attempts, endless, allocate, echo, crash, garbage, process
}

/// A program that behaves as a confined process which an attacker has taken over.
@Sendable func probe(_ request: SandboxRequest, computesOnly: Bool) throws(SandboxRefusal) -> SandboxAnswer {
  guard let operation = Operation(rawValue: request.operation) else {
    throw SandboxRefusal(code: "probe-unknown", text: "no such operation")
  }
  switch operation {
  case .attempts:
    var text = ""
    var name: UnsafePointer<CChar>?
    var index: Int32 = 0
    while true {
      let result = probe_attempt(index, computesOnly ? 1 : 0, &name)
      guard result >= 0, let name else { break }
      text += "\(result) \(String(cString: name))\n"
      index += 1
    }
    return SandboxAnswer(body: Array(text.utf8))
  case .endless:
    var number = UInt64(request.body.first ?? 1)
    while true { number = number &* 6_364_136_223_846_793_005 &+ 1 }
  case .allocate:
    // Pieces that malloc maps, each written, until the kernel gives no more.
    var size = 0
    while let piece = malloc(16 << 20), size < 64 << 30 {
      memset(piece, 1, 16 << 20)
      size += 16 << 20
    }
    abort()
  case .echo:
    let source = request.parts.first ?? UnsafeRawBufferPointer(start: nil, count: 0)
    guard source.count <= request.output.count else {
      throw SandboxRefusal(code: "probe-large", text: "the part is larger than the output")
    }
    request.output.copyMemory(from: source)
    return SandboxAnswer(parts: [0..<source.count], body: request.body)
  case .crash: abort()
  case .garbage:
    var bytes = request.parts.first.map { Array($0) } ?? []
    // An empty packet can't be told from the end of the socket.
    if bytes.isEmpty { bytes = [0] }
    _ = write(3, bytes, bytes.count)
    // The regular answer follows; the other end must not take it for one to a later request.
    return SandboxAnswer()
  case .process:
    return SandboxAnswer(body: Array(String(getpid()).utf8))
  }
}

SandboxWorker.runIfAsked(
  Array(CommandLine.arguments.dropFirst()),
  roles: [
    SandboxRole(name: "probe-compute", calls: .compute) { (request) throws(SandboxRefusal) in
      try probe(request, computesOnly: true)
    },
    SandboxRole(name: "probe-libraries", calls: .libraries) { (request) throws(SandboxRefusal) in
      try probe(request, computesOnly: false)
    },
  ])
exit(64)
