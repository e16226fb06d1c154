import Sensing
import Spatial

extension PositionFilter {
  /// Everything but the settings, which the initialiser takes.
  mutating func archive(_ archive: StateArchive) {
    archive.code(&anchor, empty: .empty) { $0.archive(archive) }
    archive.code(&current, empty: Anchor.empty.state) { $0.archive(archive) }
    predictor.archive(archive)
    var kept = count
    archive.code(&kept, in: 0...Self.ringSize)
    if archive.isReading { (head, count) = (0, kept) }
    for index in 0..<kept { samples[(head + index) & (Self.ringSize - 1)].archive(archive) }
    archive.code(&pastCount, in: 0...Self.keptMeasurements)
    for index in 0..<pastCount {
      past[index].measurement.archive(archive)
      past[index].before.archive(archive)
    }
    archive.code(&rejections, in: 0...settings.rejectionsBeforeRestart)
    archive.code(&offset.position)
    archive.code(&offset.orientation)
    archive.code(&lastMeasured, empty: Timestamp(nanoseconds: 0)) { archive.code(&$0) }
    archive.code(&innovation)
  }
}

extension PositionFilter.Anchor {
  mutating func archive(_ archive: StateArchive) {
    state.archive(archive)
    errors.archive(archive)
  }
}

extension PositionFilter.Sample {
  mutating func archive(_ archive: StateArchive) {
    archive.code(&captured)
    archive.code(&rate)
    archive.code(&force)
  }
}

extension PositionFilter.State {
  mutating func archive(_ archive: StateArchive) {
    archive.code(&captured)
    archive.code(&worldFromUnit.position)
    archive.code(&worldFromUnit.orientation)
    archive.code(&velocity)
    archive.code(&acceleration)
    archive.code(&rate)
    archive.code(&gyroscopeBias)
    archive.code(&accelerometerBias)
    archive.code(&response)
    archive.code(&force)
    archive.code(&changed.force)
    archive.code(&changed.rate)
  }
}
