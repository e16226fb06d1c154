import Sensing
import Spatial

/// Light that the sensors of Lighthouse devices detected.
extension PartDecoder {
  func decodeLight(
    _ index: Int, _ report: UnsafeRawBufferPointer, reportID: UInt8, _ received: Timestamp,
    _ batch: SampleBatch
  ) throws(DecodeError) {
    if let optical = layouts[index].optical {
      for slot in 0..<optical.count {
        let base = optical.at + slot * optical.stride
        let sensor = optical.sensor.bits(report, base: base)
        guard sensor < optical.empty else { continue }
        batch.append(
          OpticalSample(
            received: received, sensor: UInt16(truncatingIfNeeded: sensor),
            ticks: optical.time.bits(report, base: base),
            length: UInt32(truncatingIfNeeded: optical.length.bits(report, base: base)), rate: optical.rate))
      }
    }
    if let stream = layouts[index].opticalStream {
      let end = stream.at + Int(stream.count.bits(report, base: 0) & 0xff)
      guard end <= report.count,
        LighthouseStream.samples(
          UnsafeRawBufferPointer(rebasing: report[stream.at..<end]), message: nil, received: received,
          { batch.append($0) })
      else { throw DecodeError(.malformedFrame, reportID: reportID, offset: stream.at) }
    }
  }
}
