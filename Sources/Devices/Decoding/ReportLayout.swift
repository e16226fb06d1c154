import Sensing
import Spatial

/// A report description made flat: every place, scale and turn resolved, nothing left to look up.
package struct ReportLayout: Sendable {
  package struct Vector: Sendable {
    package var x: BitField
    package var y: BitField
    package var z: BitField
    package var scale: Double
    package var axes: AxisTurn
    /// Raw values at or beyond these are at the end of the sensor's range.
    package var low: Double
    package var high: Double
    /// Units per count in the report itself, beside `scale`.
    package var ratio: RatioDescription?
    /// Bytes from one sample's fields to the next's; nil for the samples' own.
    package var stride: Int?
    /// Numbers in a row that are one reading, and the bytes from one to the next.
    package var mean: Int
    package var step: Int
  }

  /// The slots of a report; a plain value, so that taking it out on the tracking thread counts no references.
  package struct Slots: Sendable {
    package var at: Int
    package var stride: Int
    package var count: Int
    package var pick: SamplesDescription.Pick
  }

  package struct ControlField: Sendable {
    /// A bit is set from the middle between minimum and maximum on.
    package enum Kind: UInt8, Sendable { case bit, linear, hat }
    package var field: BitField
    package var kind: Kind
    /// Index in the device's table of controls; a hat takes four.
    package var index: Int
    package var minimum: Double
    /// 1 / (maximum − minimum), or 2 / (…) for an axis.
    package var gain: Double
    /// 0 for triggers, −1 for axes.
    package var bottom: Double
  }

  package struct Orientation: Sendable {
    package var form: OrientationDescription.Form
    package var fields: [BitField]
    package var scale: Double
    package var axes: AxisTurn
    package var angularVelocity: Vector?
    package var reference: BitField?
    package var position: Vector?
    package var mounting: Quaternion
  }

  package var identifier: ReportDescription.Identifier
  package var isSimple: Bool
  /// The report must be at least this long.
  package var length: Int
  package var when: [ReportDescription.Condition]
  package var checksum: ChecksumDescription?
  package var clock: ClockDescription?
  package var samples: Slots?
  package var accelerometer: Vector?
  package var gyroscope: Vector?
  package var magnetometer: Vector?
  package var temperature: ScalarDescription?
  package var orientation: Orientation?
  package var acceleration: Vector?
  package var controls: [ControlField]
  package var battery: BatteryDescription?
  package var optical: OpticalDescription?
  package var opticalStream: OpticalStreamDescription?

  /// - Parameters:
  ///   - replies: what the device answered to the part's named features.
  ///   - controlIndex: place of each control path in the device's table.
  ///   - descriptor: needed for reports whose fields are found by usage.
  package init(
    _ report: ReportDescription, replies: [String: [UInt8]], controlIndex: [String: Int],
    descriptor: HIDReportDescriptor?
  ) throws(LayoutError) {
    identifier = report.identifier
    isSimple = report.isSimple
    length = report.length
    when = report.when
    checksum = report.checksum
    clock = report.clock
    samples = report.samples.map { Slots(at: $0.at, stride: $0.stride, count: $0.count, pick: $0.pick) }
    temperature = report.temperature
    battery = report.battery
    optical = report.optical
    opticalStream = report.opticalStream
    var resolver = UsageResolver(descriptor: descriptor, needsUsage: report.identifier == .byUsage)

    func vector(_ description: VectorDescription?) throws(LayoutError) -> Vector? {
      guard let description else { return nil }
      let fields =
        try description.usage.map { usage throws(LayoutError) in try resolver.fields(usage, count: 3) }
        ?? description.fields
      var scale = description.scale.nominal
      if let selected = description.scale.selected, let reply = replies[selected.feature],
        selected.at < reply.count, let chosen = selected.scales[Int(reply[selected.at])]
      {
        scale = chosen
      }
      if let counted = description.scale.counted, let reply = replies[counted.feature],
        counted.field.endByte <= reply.count
      {
        // A device that lies must not make a sensor of nothing, or of everything.
        let perUnit = reply.withUnsafeBytes { counted.field.value($0, base: 0) }
        if perUnit.isFinite, perUnit > 1e-3, perUnit < 1e9 { scale = counted.unit / perUnit }
      }
      let range = fields[0].range
      return Vector(
        x: fields[0], y: fields[1], z: fields[2], scale: scale, axes: description.axes,
        low: range.lowerBound, high: range.upperBound, ratio: description.ratio, stride: description.stride,
        mean: description.mean, step: fields[0].width / 8)
    }
    accelerometer = try vector(report.samples?.accelerometer)
    gyroscope = try vector(report.samples?.gyroscope)
    magnetometer = try vector(report.magnetometer)
    acceleration = try vector(report.acceleration)
    if let given = report.orientation {
      let fields =
        try given.usage.map { usage throws(LayoutError) in
          try resolver.fields(usage, count: given.form == .quaternion ? 4 : 3)
        } ?? given.fields
      let reference =
        try given.referenceUsage.map { usage throws(LayoutError) in try resolver.fields(usage, count: 1)[0] }
        ?? given.reference
      orientation = Orientation(
        form: given.form, fields: fields, scale: given.scale, axes: given.axes,
        angularVelocity: try vector(given.angularVelocity), reference: reference,
        position: try vector(given.position), mounting: given.mounting)
    }
    if report.identifier == .byUsage, let found = resolver.report {
      identifier = found.id == 0 ? .unnumbered : .numbered(found.id)
      length = found.length
    }
    controls = report.controls.compactMap { control in
      switch control.shape {
      case .hat(let path):
        guard let index = controlIndex[path + "_up/click"] else { return nil }
        return ControlField(
          field: control.field, kind: .hat, index: index, minimum: 0, gain: 1, bottom: 0)
      case .value(let target, let minimum, let maximum):
        guard let index = controlIndex[target.path] else { return nil }
        let isBit = target.kind == .button || target.kind == .touch
        let isAxis = target.kind == .axis
        return ControlField(
          field: control.field, kind: isBit ? .bit : .linear, index: index, minimum: minimum,
          gain: (isAxis ? 2 : 1) / (maximum - minimum), bottom: isAxis ? -1 : 0)
      }
    }
  }
}

/// Why a description does not fit the device in hand.
public struct LayoutError: Error, Sendable, CustomStringConvertible {
  public var description: String

  package init(description: String) { self.description = description }
}

/// Finds fields of a report by HID usage; all of one report must be in the same report id.
private struct UsageResolver {
  let descriptor: HIDReportDescriptor?
  let needsUsage: Bool
  private(set) var report: (id: UInt8, length: Int)?

  init(descriptor: HIDReportDescriptor?, needsUsage: Bool) {
    self.descriptor = descriptor
    self.needsUsage = needsUsage
  }

  mutating func fields(_ usage: UInt32, count: Int) throws(LayoutError) -> [BitField] {
    let name = "0x" + String(usage, radix: 16)
    guard needsUsage else {
      throw LayoutError(description: "usage \(name) stands in a report that is not by_usage")
    }
    guard let descriptor else {
      throw LayoutError(description: "the interface has no report descriptor to find usage \(name) in")
    }
    let found = descriptor.fields.filter { $0.kind == .input && $0.usage == usage }
    guard let first = found.first else {
      throw LayoutError(description: "the report descriptor has no input with usage \(name)")
    }
    var fields: [BitField] = []
    for field in found where field.reportID == first.reportID {
      for index in 0..<field.count {
        fields.append(
          BitField(
            byte: 0, bit: field.bitOffset + index * field.bitSize, width: field.bitSize,
            number: field.isSigned ? .signed : .unsigned))
      }
    }
    guard fields.count >= count, fields.allSatisfy({ (1...64).contains($0.width) }) else {
      throw LayoutError(description: "usage \(name) has \(fields.count) values, \(count) are needed")
    }
    if let report, report.id != first.reportID {
      throw LayoutError(description: "usage \(name) is in another report than the usages before it")
    }
    report = (first.reportID, descriptor.inputLength(first.reportID))
    return Array(fields.prefix(count))
  }
}
