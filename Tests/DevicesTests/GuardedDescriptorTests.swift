import Foundation
import Glibc
import Synchronization
import TestSupport
import Testing

@testable import Devices

/// Descriptors that one thread closes while others use them.
struct GuardedDescriptorTests {
  private func pipe() throws -> (read: Int32, write: Int32) {
    var ends: [Int32] = [-1, -1]
    try #require(Glibc.pipe(&ends) == 0)
    return (ends[0], ends[1])
  }

  private func isOpen(_ file: Int32) -> Bool { fcntl(file, F_GETFD) >= 0 }

  /// The writing end tells whether the reading one is closed, whoever has its number now.
  private func hasNoReader(_ end: Int32) -> Bool {
    var waiting = pollfd(fd: end, events: 0, revents: 0)
    return poll(&waiting, 1, 0) > 0 && waiting.revents & Int16(POLLERR) != 0
  }

  @Test func whoUsesItLastClosesIt() throws {
    let (file, other) = try pipe()
    defer { Glibc.close(other) }
    let guarded = GuardedDescriptor(file)
    let seen = guarded.using { number -> Bool in
      guarded.close()
      // A second user comes too late, the first still has it.
      #expect(guarded.using { _ in true } == nil)
      return isOpen(number) && !hasNoReader(other)
    }
    #expect(seen == true)
    #expect(hasNoReader(other))
    // Its number is another's now.
    let (next, end) = try pipe()
    defer {
      Glibc.close(next)
      Glibc.close(end)
    }
    guarded.close()
    #expect(isOpen(next) && isOpen(end))
    #expect(guarded.using { _ in true } == nil)
  }

  /// Users on four threads never see a number that was closed under them.
  @Test func noUserLosesItUnderItsHands() throws {
    for _ in 0..<50 {
      let (file, other) = try pipe()
      let guarded = GuardedDescriptor(file)
      let faults = Atomic<Int>(0)
      let done = DispatchGroup()
      for _ in 0..<4 {
        done.enter()
        Thread.detachNewThread {
          while let good = guarded.using({ number in
            (0..<20).allSatisfy { _ in fcntl(number, F_GETFD) >= 0 }
          }) {
            if !good { faults.add(1, ordering: .relaxed) }
          }
          done.leave()
        }
      }
      usleep(500)
      guarded.close()
      #expect(done.wait(timeout: .now() + 60) == .success)
      #expect(faults.load(ordering: .relaxed) == 0)
      #expect(hasNoReader(other))
      Glibc.close(other)
    }
  }
}
