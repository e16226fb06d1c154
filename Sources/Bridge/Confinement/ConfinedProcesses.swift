import Admission
import Imaging
public import Inference
import Logging
import Sandbox

/// The decoders and engines that run in confined processes, as the configuration wants it.
public struct ConfinedProcesses: Sendable {
  let decoders: PictureDecoders
  /// Runs models of this machine.
  public let engine: any InferenceEngine
  private let counters: [(name: String, counter: SandboxCounter)]
  /// Why work is refused; nil while it is done.
  let problem: String?

  public init(_ settings: SandboxSettings, _ models: ModelSettings, log: Logger) {
    // A client can make a decoder fail as often as it sends pictures.
    let limit = LogLimit()
    let report: @Sendable (String) -> Void = { text in
      guard let left = limit.permit() else { return }
      log.warning("\(text)", metadata: ["lines_left_out": "\(left)"])
    }
    let counters = (cameras: SandboxCounter(), uploads: SandboxCounter(), models: SandboxCounter())
    func decoder(_ counter: SandboxCounter) -> PictureDecoder {
      guard settings.pictures == .separate else { return .inThisProcess }
      var plan = PictureRole.plan()
      plan.memory = UInt64(settings.pictureMemory)
      plan.timeLimit = .milliseconds(settings.pictureTimeout)
      plan.fallback = settings.fallback
      return PictureDecoder(SandboxProcess(plan, counter: counter, report: report))
    }
    decoders = PictureDecoders(cameras: decoder(counters.cameras), uploads: decoder(counters.uploads))
    if settings.models == .separate {
      engine = models.separateEngine(settings, counter: counters.models, report: report)
    } else {
      engine = models.localEngine
    }
    var used: [(name: String, counter: SandboxCounter)] = []
    if settings.pictures == .separate {
      used = [("cameras", counters.cameras), ("uploads", counters.uploads)]
    }
    if settings.models == .separate { used.append((name: "models", counter: counters.models)) }
    self.counters = used
    problem =
      used.isEmpty || settings.fallback == .warn || SandboxConfinement.available.filtersCalls
      ? nil : "'sandbox: without_seccomp' is 'refuse', and the kernel does not filter system calls (seccomp)"
  }

  /// Counts by the kind of work.
  var counts: [(name: String, counts: SandboxCounts)] { counters.map { ($0.name, $0.counter.value) } }
}
