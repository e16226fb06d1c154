extension PerceptionTask {
  /// All perception tasks. A new task is one more element.
  public static let all: [PerceptionTask] = [.hands, .objects, .text, .gestures]
}
