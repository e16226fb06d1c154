import Sensing

/// Buttons, triggers and axes.
extension PartDecoder {
  func decodeControls(_ index: Int, _ report: UnsafeRawBufferPointer, _ batch: SampleBatch) {
    for control in layouts[index].controls {
      switch control.kind {
      case .bit:
        let value = (control.field.value(report, base: 0) - control.minimum) * control.gain
        batch.set(control: control.index, to: value >= 0.5 ? 1 : 0)
      case .linear:
        let raw = control.field.value(report, base: 0)
        let value = control.bottom + (raw - control.minimum) * control.gain
        guard value.isFinite else { continue }
        batch.set(control: control.index, to: Float(min(max(value, control.bottom), 1)))
      case .hat:
        // 0 is up, then clockwise in steps of 45°; each direction holds while the hat is within 45° of it.
        let direction = Int(min(control.field.bits(report, base: 0), 8))
        for button in 0..<4 {
          let distance = direction > 7 ? 8 : abs((direction - button * 2 + 12) % 8 - 4)
          batch.set(control: control.index + button, to: distance <= 1 ? 1 : 0)
        }
      }
    }
  }
}
