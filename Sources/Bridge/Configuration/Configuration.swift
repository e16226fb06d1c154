import Assistant
import BridgeProtocol
import Cameras
import Devices
import Diagnostics
import Foundation
import Glibc
import Perception
import Sensing
import SessionLog
public import Settings
public import StrictYAML
public import Tracking

/// All settings of a bridge. Each key is optional; later sources win: default, file, environment, flags.
public struct Configuration: Sendable, Equatable {
  public enum Demo: String, Sendable, CaseIterable {
    case never
    case ifNoHeadset = "if-no-headset"
    case always
  }

  /// A folder of device descriptions beside the shipped ones and the user's; empty for none.
  public var descriptions = Setting("")
  /// The user's folder of device descriptions, which need not exist.
  public var ownDescriptions: String?
  /// Read real devices.
  public var hardware = Setting(true)
  public var demo = Setting(Demo.never)
  /// `FILE[,speed=N|max][,config=BLOB][,serial=S][,loop][,wait]`.
  public var recorded = Setting<[String]>([])
  /// Folder of calibrations, assigned roles and other state that outlasts a run.
  public var stateFolder: String
  /// The address at which SlimeVR trackers are served; nil for none.
  public var slimeVR = Setting<TrackerListener?>(nil)
  /// Cameras that are read.
  public var cameras = Setting<[CameraSetting]>([])
  /// Image files in the scene of the demonstration.
  public var pictures = Setting<[String]>([])
  /// Read game controllers without a description, through SDL2.
  public var controllers = Setting(false)
  public var models: Setting<ModelSettings>
  /// Confined processes for work on foreign data.
  public var sandbox = Setting(SandboxSettings())
  /// Settings of outputs.
  public var sections: ConfigurationSections
  /// The policy for published annotations.
  public var annotations = Setting(AnnotationSettings())
  /// Tasks on camera frames and poses.
  public var perception = Setting(PerceptionSettings())
  /// Microphones and speech recognition.
  public var speech = Setting(SpeechSettings())
  /// The language model that answers questions.
  public var language = Setting(LanguageSettings())
  /// Role by serial number; overrides assigned roles.
  public var roles = Setting<[String: DeviceRole]>([:])
  public var socketPath = Setting(SocketPath.preferred)
  public var socketGroup = Setting("")
  public var maximumClients = Setting(64)
  public var access = Setting(AccessRules.standard)
  /// SCHED_FIFO priority of the tracking thread where it is permitted; 0 for the ordinary scheduler.
  public var realtimePriority = Setting(10)
  public var lockMemory = Setting(false)
  /// Use calibrated magnetometers for the heading.
  public var magnetometer = Setting(true)
  /// The orientation estimator of devices that connect from now on, with its standard settings.
  public var estimator = Setting(EstimatorSettings())
  public var logLevel = Setting("info")
  /// A recording from the start of the bridge.
  public var record = Setting<RecordingPlan?>(nil)

  /// Creates the configuration with its defaults.
  ///
  /// - Parameters:
  ///   - sections: settings of outputs, whose keys are accepted at the top of the file; without them their keys are
  ///     unknown.
  ///   - environment: of the process; determines folders.
  public init(
    sections: [any ConfigurationSection.Type] = [],
    environment: [String: String] = ProcessInfo.processInfo.environment
  ) {
    self.sections = ConfigurationSections(sections)
    stateFolder = CalibrationStore.stateFolder(environment: environment)
    ownDescriptions = DescriptionFolders.ownFolder(environment: environment)
    models = Setting(ModelSettings(environment: environment))
  }

  /// The folders of device descriptions in force.
  public var descriptionFolders: DescriptionFolders {
    let named = descriptions.value
    return DescriptionFolders(
      shipped: DescriptionFolder.standard(), own: ownDescriptions, named: named.isEmpty ? nil : named)
  }

  /// The catalogue of models lies beside the folder of device descriptions.
  public static var modelCatalog: String {
    URL(fileURLWithPath: DescriptionFolder.standard()).deletingLastPathComponent()
      .appendingPathComponent("models/catalog.yaml").path
  }

  /// The question that the demonstration asks.
  static var demoQuestion: String {
    URL(fileURLWithPath: DescriptionFolder.standard()).deletingLastPathComponent()
      .appendingPathComponent("demo/question.wav").path
  }

  /// The files of the page that a running bridge serves.
  public static var dashboardFolder: String {
    URL(fileURLWithPath: DescriptionFolder.standard()).deletingLastPathComponent()
      .appendingPathComponent("dashboard").path
  }

  /// The OpenAPI document of the HTTP service.
  public static var openAPIDocument: String {
    URL(fileURLWithPath: DescriptionFolder.standard()).deletingLastPathComponent()
      .appendingPathComponent("api/openapi.json").path
  }

  static let logLevels = ["trace", "debug", "info", "notice", "warning", "error", "critical"]

  /// Applies a file to the values so far.
  ///
  /// - Parameter unused: keys of sections that the file may hold and that are passed over.
  /// - Throws: `DocumentError` for unknown keys and invalid values, with line and column.
  public mutating func apply(text: String, file: String, unused: [String] = []) throws(DocumentError) {
    let root = try YAMLDocument(text: text, file: file).root.mapping(
      keys: Self.parts.map(\.key) + sections.keys + unused)
    for part in Self.parts {
      guard let given = root[part.key] else { continue }
      try part.apply(given, &self)
    }
    try sections.apply(root)
  }

  /// Sets a key of a top-level part from a flag; the source of the value names the flag.
  ///
  /// - Throws: `DocumentError` for an invalid value.
  public mutating func set(_ part: String, _ key: String, to value: YAMLValue) throws(DocumentError) {
    guard let row = Self.keys(of: part).first(where: { $0.row.name == key })?.row else {
      throw value.error("unknown key '\(part): \(key)'")
    }
    try row.parse(value, &self)
  }

  /// Applies environment variables to the values so far.
  public mutating func apply(environment: [String: String]) throws(DocumentError) {
    func fault(_ name: String, _ value: String, allowed: String) -> DocumentError {
      DocumentError(file: "environment", problem: "\(name)='\(value)' is not usable", allowed: allowed)
    }
    if let value = environment["VRBRIDGE_DEVICES"] {
      descriptions = Setting(value, from: "VRBRIDGE_DEVICES")
    }
    // SocketPath looks at VRBRIDGE_SOCKET too, for clients; here it must also outrank the file.
    if let value = environment["VRBRIDGE_SOCKET"], !value.isEmpty {
      socketPath = Setting(value, from: "VRBRIDGE_SOCKET")
    }
    if let value = environment["VRBRIDGE_LOG_LEVEL"] {
      guard Self.logLevels.contains(value) else {
        throw fault("VRBRIDGE_LOG_LEVEL", value, allowed: Self.logLevels.joined(separator: ", "))
      }
      logLevel = Setting(value, from: "VRBRIDGE_LOG_LEVEL")
    }
    if let value = environment["VRBRIDGE_DEMO"] {
      guard let demo = Demo(rawValue: value) else {
        throw fault("VRBRIDGE_DEMO", value, allowed: Demo.allCases.map(\.rawValue).joined(separator: ", "))
      }
      self.demo = Setting(demo, from: "VRBRIDGE_DEMO")
    }
  }

  /// Returns the configuration file that is read when none is named: the user's; for root and the service otherwise the
  /// service's, whose group and ports are not those of other users' bridges. One that exists and can't be read is returned
  /// too, so that reading it reports the error; so is a symbolic link without a target.
  public static func standardFile(environment: [String: String]) -> String? {
    // An empty variable counts as unset (XDG Base Directory Specification).
    let folder = environment["XDG_CONFIG_HOME"].flatMap { $0.isEmpty ? nil : $0 }
    let home = folder ?? environment["HOME"].map { $0 + "/.config" }
    // Set by systemd for the service.
    let system = environment["CONFIGURATION_DIRECTORY"] ?? (geteuid() == 0 ? "/etc/vrbridge" : nil)
    let candidates = [home.map { $0 + "/vrbridge/vrbridge.yaml" }, system.map { $0 + "/vrbridge.yaml" }]
    return candidates.compactMap { $0 }.first { file in
      var info = stat()
      return lstat(file, &info) == 0 || (errno != ENOENT && errno != ENOTDIR)
    }
  }

  /// The configuration in force as YAML, with the source of each value in a comment. User information in URLs is masked.
  public func text() -> String {
    var lines: [String] = []
    func add(_ key: String, _ printed: ConfigurationPart.Printed) {
      guard !printed.isEmpty else { return }
      lines.append(key + ":")
      for (line, source) in printed {
        let separator = line.key == "-" ? " " : ": "
        // The address of a server may hold a password; every value that is printed passes here.
        let value = maskingUserInformation(line.value, isURL: true)
        let body = String(repeating: "  ", count: line.indent) + line.key + separator + value
        lines.append(body + String(repeating: " ", count: max(1, 56 - body.count)) + "# " + source)
      }
    }
    for part in Self.parts { add(part.key, part.printed(self)) }
    for section in sections.printed { add(section.key, section.lines) }
    return lines.joined(separator: "\n") + "\n"
  }
}
