import Sensing

/// docs/reference/devices.md, from the descriptions.
public enum DeviceTable {
  public static func markdown(_ catalog: DeviceCatalog) -> String {
    var lines = [
      "# Devices",
      "",
      "This page lists the device families that vrbridge supports, with their identifiers, parts and sources. To use a",
      "device, plug it in or [pair it](../how-to/pair-a-device.md); no other preparation is needed.",
      "",
      "`vrbridge devices --known --markdown` generates this page from `devices/`, which holds one YAML file a family.",
      "The [description format](description-format.md) documents the files; [Add a",
      "device](../how-to/add-a-device.md) shows how to write one.",
      "",
      "Each family has an emulator made from the same file, and a test compares decoded with emulated samples. The",
      "test shows that decoder and emulator agree with the file; it does not show that the file is correct. The",
      "column *confidence* states the degree of verification:",
      "",
      "- **recorded**: checked on recordings of real devices.",
      "- **published**: the maker's firmware or specification is public.",
      "- **sources agree**: two or more independent implementations agree; not checked on a device.",
      "- **one source**: a single implementation, or reverse engineering. Expect errors, and report them.",
      "",
      "| device | identity | read through | poses from | calibration | confidence |",
      "|---|---|---|---|---|---|",
    ]
    for description in sorted(catalog) { lines.append(row(description)) }
    for description in sorted(catalog) { lines += section(description) }
    return lines.joined(separator: "\n") + "\n"
  }

  private static func sorted(_ catalog: DeviceCatalog) -> [DeviceDescription] {
    catalog.descriptions.sorted { ($0.name.lowercased(), $0.family) < ($1.name.lowercased(), $1.family) }
  }

  private static func words(_ confidence: DeviceDescription.Confidence) -> String {
    confidence.rawValue.split(separator: "_").joined(separator: " ")
  }

  private static func row(_ description: DeviceDescription) -> String {
    var identities: [String] = []
    var ways: [String] = []
    for part in description.parts {
      for rule in part.match {
        let way =
          part.usb != nil
          ? "libusb"
          : rule.bus == .network ? "UDP" : rule.vendor == 0 ? "SDL2" : "hidraw, \((rule.bus ?? .usb).name)"
        if !ways.contains(way) { ways.append(way) }
        guard let vendor = rule.vendor, let product = rule.product, vendor != 0 else {
          if let usage = rule.usage { identities.append("usage \(String(usage, radix: 16))") }
          continue
        }
        let text = "`" + InterfaceIdentity(bus: .usb, vendor: vendor, product: product).vendorProduct + "`"
        if !identities.contains(text) { identities.append(text) }
      }
    }
    let motion = description.parts.filter(\.reportsMotion)
    let fused = motion.contains { $0.reports.contains { $0.orientation != nil } }
    let poses = motion.isEmpty ? "– (controls only)" : fused ? "fusion in the device" : "fusion in the bridge"
    return
      "| [\(description.name)](#\(description.family)) | \(identities.joined(separator: " ")) | \(ways.joined(separator: "; ")) | \(poses) | \(calibration(motion)) | \(words(description.confidence)) |"
  }

  private static func calibration(_ parts: [PartDescription]) -> String {
    guard let part = parts.first else { return "–" }
    switch part.calibration {
    case .none: return "nominal"
    case .onDevice: return "on the device"
    case .driver, .twoPoint, .document: return "factory, read at opening"
    }
  }

  private static func section(_ description: DeviceDescription) -> [String] {
    var lines = ["", "<a id=\"\(description.family)\"></a>", "## \(description.name)", ""]
    let parts = description.parts.map { part -> String in
      var what: [String] = []
      if part.hasInertialUnit { what.append("\(number(part.sampleRate)) IMU samples/s") }
      if part.reports.contains(where: { $0.orientation != nil }) { what.append("orientation") }
      if part.reports.contains(where: { $0.optical != nil || $0.opticalStream != nil }) {
        what.append("sweeps of base stations")
      }
      if part.reports.contains(where: { !$0.controls.isEmpty }) { what.append("controls") }
      if part.reports.contains(where: { $0.battery != nil }) { what.append("battery") }
      if part.haptics != nil { what.append("haptics") }
      if part.light != nil { what.append("light") }
      return "`\(part.name)`" + (what.isEmpty ? "" : ": " + what.joined(separator: ", "))
    }
    lines.append(
      "`\(description.family)`, \(description.kind.rawValue). Parts: " + parts.joined(separator: "; ") + ".")
    if let pairing = description.pairing {
      lines += [
        "",
        "Pairing: `vrbridge pair \(description.family)`; \(pairing.hint). "
          + "See [Pair a device](../how-to/pair-a-device.md).",
      ]
    }
    lines += ["", "Sources: " + description.sources.joined(separator: "; ") + "."]
    if !description.unverified.isEmpty {
      lines += [
        "", "Not verified or not implemented: " + description.unverified.joined(separator: "; ") + ".",
      ]
    }
    return lines
  }

  private static func number(_ value: Double) -> String {
    value == value.rounded() ? String(Int(value)) : String(value)
  }
}
