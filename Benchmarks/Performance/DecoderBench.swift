import DeviceEmulation
import Devices
import Foundation
import Sensing
import Spatial

/// Measures each family's decoder alone: nanoseconds per report.
enum DecoderBench {
  static func run() throws {
    let (catalog, _) = try DeviceCatalog.load(folder: "devices")
    print("decoder, best of 5 rounds of 20,000 reports: ns a report, bytes, ns a sample")
    for description in catalog.descriptions {
      for part in description.parts where !part.reports.isEmpty {
        guard
          let device = try? EmulatedDevice(
            description, options: .init(part: part.name, motion: .gesturing(), errors: .consumer(seed: 3)))
        else { continue }
        let line = try measure(device)
        print("\(description.family) \(part.name)".padding(toLength: 44, withPad: " ", startingAt: 0), line)
      }
    }
  }

  private static func measure(_ device: EmulatedDevice) throws -> String {
    let opened = try PartOpener.open(device.match, answering: device.responder, descriptor: device.descriptor)
    var generator = try device.generator()
    var reports: [[UInt8]] = []
    while reports.count < 1000 { reports += generator.next().reports }
    let batch = SampleBatch()
    var best = Double.infinity
    var samples = 0
    for _ in 0..<5 {
      samples = 0
      let start = DispatchTime.now().uptimeNanoseconds
      for index in 0..<20_000 {
        batch.begin()
        reports[index % reports.count].withUnsafeBytes {
          // The emulator's reports are valid; an error would appear as fewer samples.
          _ = try? opened.decoder.decode($0, received: Timestamp(nanoseconds: Int64(index)), into: batch)
        }
        samples += batch.inertialCount
      }
      best = min(best, Double(DispatchTime.now().uptimeNanoseconds - start) / 20_000)
    }
    let bytes = reports.reduce(0) { $0 + $1.count } / reports.count
    let each = samples > 0 ? String(format: "%.0f", best * 20_000 / Double(samples)) : "–"
    return String(format: "%6.0f %6d ", best, bytes) + each
  }
}
