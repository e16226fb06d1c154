import CLinux
import Foundation
import ServiceLifecycle

/// Gives memory that the process has freed back to the system.
///
/// glibc keeps freed memory below the top of each heap: what the start needs for descriptions and options, and what many
/// or hostile clients needed, would otherwise stay resident for the life of the bridge. The tracking thread allocates
/// nothing, so that the heaps' locks never hold it up.
///
/// The first time, it also unmaps the program's code: the kernel maps sixteen pages around each that the start uses, two
/// thirds of the resident memory, and maps again those that are used from then on.
struct MemoryService: Service, CustomStringConvertible {
  var description: String { "memory" }

  /// Decides when it is worthwhile to walk the heaps.
  struct Policy {
    /// Anonymous resident memory after the last time, bytes.
    private var kept = 0
    /// Growth and free memory below this are left, bytes.
    static let worthwhile = 2 << 20

    /// - Parameters:
    ///   - anonymous: resident memory that no file backs, bytes.
    ///   - free: free memory in the heaps, bytes, whether resident or not.
    func isDue(anonymous: Int, free: Int) -> Bool {
      anonymous > kept + Self.worthwhile && free > Self.worthwhile
    }

    /// Notes the anonymous resident memory after free memory was returned.
    mutating func returned(anonymous: Int) { kept = anonymous }
  }

  private static let firstCheck = Duration.seconds(1)
  private static let interval = Duration.seconds(10)

  func run() async throws {
    await cancelWhenGracefulShutdown {
      var policy = Policy()
      do { try await Task.sleep(for: Self.firstCheck) } catch { return }
      linux_unmap_program_code()
      while true {
        if policy.isDue(anonymous: Self.anonymous, free: Int(linux_free_heap_memory())) {
          linux_return_memory()
          policy.returned(anonymous: Self.anonymous)
        }
        do { try await Task.sleep(for: Self.interval) } catch { return }
      }
    }
  }

  /// Resident memory that no file backs, bytes (proc(5): the second value of statm without the third).
  private static var anonymous: Int {
    let text = (try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8)) ?? ""
    let pages = text.split(separator: " ").prefix(3).compactMap { Int($0) }
    return pages.count == 3 ? (pages[1] - pages[2]) * 4096 : 0
  }
}
