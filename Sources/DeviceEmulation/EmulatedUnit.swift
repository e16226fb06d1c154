import Devices
import Sensing
import Spatial

extension EmulatedDevice {
  /// The interfaces of one emulated USB device: those of the description that share vendor and product with the
  /// part that `options` names, or with the first of USB that reports motion.
  ///
  /// - Throws: when the part is not one of USB, or can't be emulated.
  public static func unit(
    _ description: DeviceDescription, options: Options
  ) throws(LayoutError) -> [EmulatedDevice] {
    var options = options
    options.part =
      options.part
      ?? description.parts.first { part in
        part.match.first?.bus == .usb && part.reports.contains { $0.samples != nil || $0.orientation != nil }
      }?.name
    let main = try EmulatedDevice(description, options: options)
    guard main.identity.bus == .usb else {
      throw LayoutError(
        description: "part '\(main.match.part.name)' of \(description.family) is not one of USB; use --uhid")
    }
    var unit = [main]
    for part in description.parts where part.name != main.match.part.name {
      guard
        let rule = part.match.first(where: {
          $0.vendor == main.identity.vendor && $0.product == main.identity.product && $0.bus != .bluetooth
        }),
        !part.reports.isEmpty
          || description.parts.contains(where: { $0.stored.contains { $0.part == part.name } }),
        !unit.contains(where: { $0.identity.interfaceNumber == rule.interfaceNumber })
      else { continue }
      var options = options
      options.part = part.name
      options.sampleRate = nil
      unit.append(try EmulatedDevice(description, options: options))
    }
    return unit
  }
}
