/// How a pipeline publishes recorded states: with their times moved to the time of publication, and marked as recorded.
package struct StatePresentation {
  /// ns, added to every time.
  package var offset: Int64
  /// Whether states are computed without being published, as before the start of a replayed section.
  package var isMuted: Bool

  package init(offset: Int64, isMuted: Bool) {
    self.offset = offset
    self.isMuted = isMuted
  }
}
