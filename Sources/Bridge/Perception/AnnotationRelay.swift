import Sensing
import Synchronization

/// Lets those who find annotations publish them although the server is made after them.
final class AnnotationRelay: Sendable {
  private let target = Mutex<(@Sendable ([Annotation]) -> Void)?>(nil)

  func connect(_ target: @escaping @Sendable ([Annotation]) -> Void) { self.target.withLock { $0 = target } }

  func publish(_ annotations: [Annotation]) { target.withLock { $0 }?(annotations) }
}
