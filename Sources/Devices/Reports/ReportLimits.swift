/// Limits of all reports.
enum ReportLimits {
  /// Bytes of the longest report, its id included; descriptions and recordings with longer ones are rejected.
  static let longest = 4096
}
