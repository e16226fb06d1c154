import CLinux
import Foundation
import ServiceLifecycle

/// Gives memory that the process no longer uses back to the system, when enough was added to make it worthwhile.
///
/// glibc keeps freed memory below the top of each heap: what the start needs for descriptions and options, and what many
/// or hostile clients needed, would otherwise stay resident for the life of the bridge. The kernel maps sixteen pages
/// around each page of code that is used once, which is two thirds of the resident memory after the start; the code is
/// unmapped, and what is used from then on is mapped again from the page cache. The tracking thread allocates nothing, so
/// that the heaps' locks never hold it up.
struct MemoryService: Service {
  /// Resident memory, bytes.
  struct Resident {
    /// Not backed by a file.
    var anonymous = 0
    /// Backed by files, and shared memory.
    var mapped = 0

    init(anonymous: Int = 0, mapped: Int = 0) {
      self.anonymous = anonymous
      self.mapped = mapped
    }

    /// Reads the memory of this process (proc(5), statm); zero when it cannot be read.
    static var current: Resident {
      let text = (try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8)) ?? ""
      let pages = text.split(separator: " ").prefix(3).compactMap { Int($0) }
      guard pages.count == 3 else { return Resident() }
      let size = sysconf(Int32(_SC_PAGESIZE))
      return Resident(anonymous: (pages[1] - pages[2]) * size, mapped: pages[2] * size)
    }
  }

  /// Decides when it is worthwhile.
  struct Policy {
    /// Resident memory after the last time.
    private var kept = Resident()
    /// Growth and free memory below this are left, bytes.
    static let worthwhile = 2 << 20

    /// - Parameter free: free memory in the heaps, bytes, whether resident or not.
    func heapsAreDue(_ now: Resident, free: Int) -> Bool {
      now.anonymous > kept.anonymous + Self.worthwhile && free > Self.worthwhile
    }

    func codeIsDue(_ now: Resident) -> Bool { now.mapped > kept.mapped + Self.worthwhile }

    /// Notes the resident memory after heaps or code were returned.
    mutating func returned(heaps: Bool, code: Bool, _ now: Resident) {
      if heaps { kept.anonymous = now.anonymous }
      if code { kept.mapped = now.mapped }
    }
  }

  private static let firstCheck = Duration.seconds(1)
  private static let interval = Duration.seconds(5)

  func run() async throws {
    await cancelWhenGracefulShutdown {
      var policy = Policy()
      do { try await Task.sleep(for: Self.firstCheck) } catch { return }
      while true {
        Self.check(&policy)
        do { try await Task.sleep(for: Self.interval) } catch { return }
      }
    }
  }

  private static func check(_ policy: inout Policy) {
    let now = Resident.current
    let heaps = policy.heapsAreDue(now, free: Int(linux_free_heap_memory()))
    let code = policy.codeIsDue(now)
    guard heaps || code else { return }
    if heaps { linux_return_memory() }
    if code { linux_unmap_program_code() }
    policy.returned(heaps: heaps, code: code, .current)
  }
}
