import Devices

/// Turns a request to vibrate into a device's report.
extension HapticsDescription {
  /// - Parameters:
  ///   - amplitude: 0...1.
  ///   - frequency: Hz; 0 lets the device choose.
  ///   - duration: seconds.
  func report(amplitude: Double, frequency: Double, duration: Double) -> [UInt8] {
    let amplitude = min(max(amplitude, 0), 1)
    let frequency = frequency > 0 ? min(max(frequency, 20), 1000) : 160
    let period = 1e6 / frequency
    let values: [Meaning: Double] = [
      .lowFrequencyAmplitude: amplitude,
      .highFrequencyAmplitude: amplitude,
      // Strength is the share of the period in which the actuator is driven, at most half.
      .onMicroseconds: period * amplitude / 2,
      .offMicroseconds: period * (1 - amplitude / 2),
      .cycles: max(1, (duration * frequency).rounded()),
    ]
    return filled(values)
  }
}
