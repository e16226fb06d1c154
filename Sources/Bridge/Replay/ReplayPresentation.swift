/// How a replay shows its states: recorded stamps moved to the moment of playing, and marked as recorded.
struct ReplayPresentation {
  /// ns, added to every time.
  var offset: Int64
  /// Computed and not shown, as what comes before the place where a replay starts.
  var isMuted: Bool
}
