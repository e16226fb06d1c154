import Dispatch
import Synchronization

/// Runs a task on the thread that waits for it, without the thread pool of the process (see ``InferenceQueue``).
final class ThisThreadExecutor: TaskExecutor {
  private let jobs = Mutex<[UnownedJob]>([])
  private let wake = DispatchSemaphore(value: 0)

  func enqueue(_ job: consuming ExecutorJob) {
    let job = UnownedJob(job)
    jobs.withLock { $0.append(job) }
    wake.signal()
  }

  /// Runs the work to its end on the calling thread.
  static func wait<Value: Sendable>(_ work: @escaping @Sendable () async -> Value) -> Value {
    let executor = ThisThreadExecutor()
    let result = Mutex<Value?>(nil)
    Task.detached(executorPreference: executor) {
      let value = await work()
      result.withLock { $0 = value }
    }
    while true {
      executor.wake.wait()
      let job = executor.jobs.withLock { $0.isEmpty ? nil : $0.removeFirst() }
      job?.runSynchronously(on: executor.asUnownedTaskExecutor())
      if let value = result.withLock({ $0 }) { return value }
    }
  }
}
