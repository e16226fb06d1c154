import Sensing

/// docs/devices.md, from the descriptions.
public enum DeviceTable {
  public static func markdown(_ catalog: DeviceCatalog) -> String {
    var lines = [
      "# Devices",
      "",
      "Generated from `devices/` by `vrbridge devices --known --markdown`. Each family is a file that you can read and",
      "change; [adding-a-device.md](adding-a-device.md) has the format.",
      "",
      "Every family has an emulator made from the same file, and a test that its decoder gives back what the emulator",
      "sent. That shows that both agree with the file, not that the file is right. How sure the file is:",
      "",
      "- **recorded**: checked on recordings of real devices.",
      "- **published**: the maker's firmware or specification is public.",
      "- **sources agree**: two or more independent implementations agree; no device was seen here.",
      "- **one source**: a single implementation, or reverse engineering. Expect surprises, and tell us.",
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
    let poses = motion.isEmpty ? "– (controls alone)" : fused ? "the device's own fusion" : "our fusion"
    return
      "| [\(description.name)](#\(description.family)) | \(identities.joined(separator: " ")) | \(ways.joined(separator: "; ")) | \(poses) | \(calibration(motion)) | \(words(description.confidence)) |"
  }

  private static func calibration(_ parts: [PartDescription]) -> String {
    guard let part = parts.first else { return "–" }
    switch part.calibration {
    case .none: return "nominal"
    case .onDevice: return "on the device"
    case .driver, .twoPoint, .document: return "factory, read"
    }
  }

  private static func section(_ description: DeviceDescription) -> [String] {
    var lines = ["", "<a id=\"\(description.family)\"></a>", "## \(description.name)", ""]
    let parts = description.parts.map { part -> String in
      var what: [String] = []
      if part.hasInertialUnit { what.append("\(number(part.sampleRate)) inertial samples a second") }
      if part.reports.contains(where: { $0.orientation != nil }) { what.append("attitude") }
      if part.reports.contains(where: { $0.optical != nil || $0.opticalStream != nil }) {
        what.append("light of base stations")
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
        "", "Pairing: `vrbridge pair \(description.family)`; \(pairing.hint). See [pairing.md](pairing.md).",
      ]
    }
    lines += ["", "Facts: " + description.sources.joined(separator: "; ") + "."]
    if !description.unverified.isEmpty {
      lines += ["", "Not verified or not done: " + description.unverified.joined(separator: "; ") + "."]
    }
    return lines
  }

  private static func number(_ value: Double) -> String {
    value == value.rounded() ? String(Int(value)) : String(value)
  }
}
