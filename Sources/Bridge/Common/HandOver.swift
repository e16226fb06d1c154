import Synchronization

/// Passes a value that is not `Sendable` from one thread to another, once.
final class HandOver<Value>: Sendable {
  private let value: Mutex<Value?>

  init(_ value: consuming sending Value) { self.value = Mutex(value) }

  /// Returns the value to the first caller, nil to every later one.
  func take() -> sending Value? {
    value.withLock { value in
      let taken = value
      value = nil
      return taken
    }
  }
}
