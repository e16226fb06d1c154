import CVRBridge
import Foundation
import Glibc
import Imaging
import Inference
import Perception
import Sandbox

/// Processor time of hand tracking on JPEG frames, with picture decoding and models in this process and in confined ones.
///
///     vrbridge-eval performance processes hand.jpg
enum ProcessSplitBench {
  private struct Mode {
    var name: String
    var decoder: PictureDecoder
    var host: ModelHost
  }

  static func run(image path: String) async throws {
    let bytes = Array(try Data(contentsOf: URL(fileURLWithPath: path)))
    let picture = try Picture.decode(bytes)
    let jpeg = try JPEG.encode(picture, quality: 90)
    print("frame: \(picture.width)x\(picture.height), \(jpeg.count) bytes")
    let separate = PictureDecoder(SandboxProcess(PictureRole.plan()))
    let (here, there) = (InferenceBench.host(), InferenceBench.host(isSeparate: true))
    let modes = [
      Mode(name: "one process", decoder: .inThisProcess, host: here),
      Mode(name: "pictures separate", decoder: separate, host: here),
      Mode(name: "models separate", decoder: .inThisProcess, host: there),
      Mode(name: "both separate", decoder: separate, host: there),
    ]
    for isTracked in [false, true] {
      var times = [[Double]](repeating: [], count: modes.count)
      for round in 0..<12 {
        // Each round begins with another mode, so that none always runs on the warm caches of the same one.
        for offset in modes.indices {
          let index = (round + offset) % modes.count
          times[index].append(try await frame(modes[index], jpeg, isTracked))
        }
      }
      let first = median(times[0])
      for (mode, list) in zip(modes, times) {
        let pairs = zip(list, times[0]).map { $0 / $1 }
        print(
          String(
            format:
              "hands, %@, %@: %.3f ms of processor a frame (least %.3f), %+.1f %% (median of rounds %+.1f %%)",
            isTracked ? "tracked" : "detected", mode.name, median(list), list.min() ?? 0,
            (median(list) / first - 1) * 100, (median(pairs) - 1) * 100))
      }
    }
  }

  private static func median(_ list: [Double]) -> Double { list.sorted()[list.count / 2] }

  /// Milliseconds of processor of a frame, of this process and those that it started.
  private static func frame(_ mode: Mode, _ jpeg: [UInt8], _ isTracked: Bool) async throws -> Double {
    let tracker = HandTracker(host: mode.host, maximumHands: 1)
    for _ in 0..<5 { _ = try await tracker.track(try await mode.decoder.decode(jpeg)) }
    let children = Self.children()
    func total() -> Double { children.reduce(processorTime(0)) { $0 + processorTime($1) } }
    let begin = total()
    let count = 40
    for _ in 0..<count {
      if !isTracked { await tracker.reset() }
      _ = try await tracker.track(try await mode.decoder.decode(jpeg))
    }
    return (total() - begin) * 1000 / Double(count)
  }

  /// Processor seconds of a process; 0 stands for this one.
  private static func processorTime(_ process: pid_t) -> Double {
    var clock = clockid_t()
    var time = timespec()
    guard clock_getcpuclockid(process, &clock) == 0, clock_gettime(clock, &time) == 0 else { return 0 }
    return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
  }

  private static func children() -> [pid_t] {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
    return names.compactMap { pid_t($0) }.filter { id in
      let stat = (try? String(contentsOfFile: "/proc/\(id)/stat", encoding: .utf8)) ?? ""
      let words = stat.split(separator: ")").last?.split(separator: " ") ?? []
      return words.count > 1 && pid_t(words[1]) == getpid()
    }
  }
}
