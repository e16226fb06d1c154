import CLinux
import Foundation
import Synchronization

/// A named thread that another thread can join and a task can await.
package final class WorkerThread: Sendable {
  private enum State {
    case running([CheckedContinuation<Void, Never>])
    case ended
  }
  private let state = Mutex(State.running([]))
  private let done = DispatchSemaphore(value: 0)

  package init(name: String, _ body: @escaping @Sendable () -> Void) {
    let thread = Thread { [self] in
      linux_name_thread(name)
      body()
      end()
    }
    thread.stackSize = 1 << 20
    thread.start()
  }

  private func end() {
    let waiting = state.withLock { state -> [CheckedContinuation<Void, Never>] in
      guard case .running(let list) = state else { return [] }
      state = .ended
      return list
    }
    for continuation in waiting { continuation.resume() }
    done.signal()
  }

  /// Blocks until the thread has ended.
  package func join() {
    done.wait()
    done.signal()
  }

  /// Suspends until the thread has ended.
  package func ended() async {
    await withCheckedContinuation { continuation in
      let isOver = state.withLock { state -> Bool in
        guard case .running(let list) = state else { return true }
        state = .running(list + [continuation])
        return false
      }
      if isOver { continuation.resume() }
    }
  }
}
