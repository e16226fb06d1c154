import BridgeProtocol
import Devices
import Foundation
import Glibc
import Sensing
import StrictYAML

/// Everything that can be set. Each key is optional; later sources win: default, file, environment, flags.
public struct Configuration: Sendable, Equatable {
  public enum Demo: String, Sendable, CaseIterable {
    case never
    case ifNoHeadset = "if-no-headset"
    case always
  }

  /// Folder of device descriptions.
  public var descriptions = Setting(DescriptionFolder.standard())
  /// Read real devices.
  public var hardware = Setting(true)
  public var demo = Setting(Demo.never)
  /// `FILE[,speed=N|max][,config=BLOB][,serial=S][,loop][,wait]`.
  public var recorded = Setting<[String]>([])
  /// Folder of what lasts from one run to the next: calibrations, roles that were given.
  public var stateFolder = CalibrationStore.stateFolder(environment: ProcessInfo.processInfo.environment)
  /// Where SlimeVR trackers are served; nil for nowhere.
  public var slimeVR = Setting<TrackerListener?>(nil)
  /// Cameras that are read; none unless asked for.
  public var cameras = Setting<[CameraSetting]>([])
  /// Pictures that hang in the drawn scene of a demonstration.
  public var pictures = Setting<[String]>([])
  /// Read game controllers that no family of ours reads, through SDL2.
  public var controllers = Setting(false)
  public var models = Setting(ModelSettings(environment: ProcessInfo.processInfo.environment))
  /// Models over HTTP; no address, no service.
  public var http = Setting(HTTPSettings())
  /// Viewers over WebSocket; no address, no service.
  public var foxglove = Setting(ViewerSettings())
  /// Protocols of other tools; none unless named.
  public var interop = Setting(InteropSettings())
  /// What of it is told.
  public var annotations = Setting(AnnotationSettings())
  /// What is looked for in cameras' frames; nothing unless asked for.
  public var perception = Setting(PerceptionSettings())
  /// What is made of what microphones hear; nothing unless one is named.
  public var speech = Setting(SpeechSettings())
  /// What answers questions; nothing unless an address is given.
  public var language = Setting(LanguageSettings())
  /// Role by serial number; stronger than one that was given.
  public var roles = Setting<[String: DeviceRole]>([:])
  public var socketPath = Setting(SocketPath.preferred)
  public var socketGroup = Setting("")
  public var maximumClients = Setting(64)
  public var access = Setting(AccessRules.standard)
  /// SCHED_FIFO priority of the tracking thread where it is permitted; 0 for the ordinary scheduler.
  public var realtimePriority = Setting(10)
  public var lockMemory = Setting(false)
  /// Calibrated magnetometers take part in headings.
  public var magnetometer = Setting(true)
  public var logLevel = Setting("info")
  /// A recording that begins with the bridge; its path may hold strftime's conversions.
  public var record = Setting<RecordingPlan?>(nil)

  public init() {}

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

  static let logLevels = ["trace", "debug", "info", "notice", "warning", "error", "critical"]

  static let keys: [String: [String]] = [
    "": [
      "devices", "slimevr", "cameras", "socket", "access", "tracking", "models", "http", "foxglove",
      "interop",
      "perception", "annotations", "speech", "language_model", "record", "log",
    ],
    "camera": ["device", "width", "height", "rate", "format", "exposure_ms", "gain", "stereo", "intrinsics"],
    "intrinsics": ["focal", "center", "distortion", "fisheye", "position", "orientation"],
    "slimevr": ["address", "port", "accept"],
    "devices": ["descriptions", "hardware", "controllers", "demo", "recorded", "roles"],
    "socket": ["path", "group", "max_clients"],
    "access": Scope.allCases.map(\.rawValue),
    "scope": ["users", "groups", "everyone"],
    "tracking": ["realtime_priority", "lock_memory", "magnetometer"],
    "record": ["path", "streams", "duration_s", "max_mb", "split_mb", "split_s", "buffer_mb"],
    "log": ["level"],
  ]

  /// Lays a file over what is set.
  public mutating func apply(text: String, file: String) throws(DocumentError) {
    let root = try YAMLDocument(text: text, file: file).root.mapping(keys: Self.keys[""] ?? [])
    func source(_ value: YAMLValue) -> String { "\(file):\(value.line)" }
    if let devices = try root["devices"]?.mapping(keys: Self.keys["devices"] ?? []) {
      if let value = devices["descriptions"] {
        descriptions = Setting(try value.string(), from: source(value))
      }
      if let value = devices["hardware"] { hardware = Setting(try value.boolean(), from: source(value)) }
      if let value = devices["controllers"] {
        controllers = Setting(try value.boolean(), from: source(value))
      }
      if let value = devices["demo"] {
        demo = Setting(try value.choice(Demo.allCases.map { ($0.rawValue, $0) }), from: source(value))
      }
      if let value = devices["recorded"] {
        var list: [String] = []
        for item in try value.list() {
          let text = try item.string()
          do { _ = try RecordedSource(text) } catch { throw item.error(String(describing: error)) }
          list.append(text)
        }
        recorded = Setting(list, from: source(value))
      }
      if let value = devices["roles"] {
        var table: [String: DeviceRole] = [:]
        for (key, role) in try value.pairs() {
          table[try key.string()] = try role.choice(DeviceRole.allCases.map { ($0.name, $0) })
        }
        roles = Setting(table, from: source(value))
      }
    }
    if let given = root["slimevr"] { slimeVR = Setting(try TrackerListener(given), from: source(given)) }
    if let given = root["cameras"] {
      var list: [CameraSetting] = []
      for item in try given.list(count: 0...16) { list.append(try CameraSetting(item)) }
      cameras = Setting(list, from: source(given))
    }
    if let socket = try root["socket"]?.mapping(keys: Self.keys["socket"] ?? []) {
      if let value = socket["path"] { socketPath = Setting(try value.string(), from: source(value)) }
      if let value = socket["group"] { socketGroup = Setting(try value.string(), from: source(value)) }
      if let value = socket["max_clients"] {
        maximumClients = Setting(try value.integer(in: 1...10_000), from: source(value))
      }
    }
    if let given = root["access"] {
      access = Setting(try AccessRules(given, base: access.value), from: source(given))
    }
    if let tracking = try root["tracking"]?.mapping(keys: Self.keys["tracking"] ?? []) {
      if let value = tracking["realtime_priority"] {
        realtimePriority = Setting(try value.integer(in: 0...90), from: source(value))
      }
      if let value = tracking["lock_memory"] {
        lockMemory = Setting(try value.boolean(), from: source(value))
      }
      if let value = tracking["magnetometer"] {
        magnetometer = Setting(try value.boolean(), from: source(value))
      }
    }
    if let given = root["models"] {
      var settings = models.value
      try settings.apply(given)
      models = Setting(settings, from: source(given))
    }
    if let given = root["http"] { http = Setting(try HTTPSettings(given), from: source(given)) }
    if let given = root["interop"] { interop = Setting(try InteropSettings(given), from: source(given)) }
    if let given = root["foxglove"] { foxglove = Setting(try ViewerSettings(given), from: source(given)) }
    if let given = root["perception"] {
      perception = Setting(try PerceptionSettings(given), from: source(given))
    }
    if let given = root["annotations"] {
      annotations = Setting(try AnnotationSettings(given), from: source(given))
    }
    if let given = root["speech"] { speech = Setting(try SpeechSettings(given), from: source(given)) }
    if let given = root["language_model"] {
      language = Setting(try LanguageSettings(given), from: source(given))
    }
    if let given = root["record"] { record = Setting(try Self.plan(given), from: source(given)) }
    if let log = try root["log"]?.mapping(keys: Self.keys["log"] ?? []) {
      if let value = log["level"] {
        logLevel = Setting(try value.choice(Self.logLevels.map { ($0, $0) }), from: source(value))
      }
    }
  }

  private static func plan(_ value: YAMLValue) throws(DocumentError) -> RecordingPlan {
    let map = try value.mapping(keys: keys["record"] ?? [])
    guard let path = map["path"] else { throw value.error("a recording needs a path") }
    var plan = RecordingPlan(path: try path.string())
    guard plan.path.hasPrefix("/") else {
      throw path.error("the path of a recording must be absolute", allowed: "/FOLDER/%Y%m%d-%H%M%S.mcap")
    }
    if let streams = map["streams"] {
      var chosen: Set<RecordedStream> = []
      for item in try streams.list() {
        chosen.insert(try item.choice(RecordedStream.allCases.map { ($0.rawValue, $0) }))
      }
      plan = RecordingPlan(path: plan.path, streams: chosen)
    }
    if let seconds = map["duration_s"] { plan.duration = try seconds.number(in: 0.1...1e9) }
    if let size = map["max_mb"] { plan.maximumSize = UInt64(try size.integer(in: 1...1_000_000_000)) << 20 }
    if let size = map["split_mb"] { plan.splitSize = UInt64(try size.integer(in: 1...1_000_000_000)) << 20 }
    if let seconds = map["split_s"] { plan.splitTime = try seconds.number(in: 1...1e9) }
    if let size = map["buffer_mb"] { plan.buffer = try size.integer(in: 1...65_536) << 20 }
    return plan
  }

  /// Lays environment variables over what is set.
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

  /// Where a configuration file is looked for when none is named: the user's, then the system's.
  public static func standardFile(environment: [String: String]) -> String? {
    let home = environment["XDG_CONFIG_HOME"] ?? environment["HOME"].map { $0 + "/.config" }
    let candidates = [home.map { $0 + "/vrbridge/vrbridge.yaml" }, "/etc/vrbridge/vrbridge.yaml"]
    return candidates.compactMap { $0 }.first { Glibc.access($0, R_OK) == 0 }
  }

  /// The configuration in force as a file that would give it, with the source of each value.
  public func text() -> String {
    var lines: [String] = []
    func line(_ indent: Int, _ key: String, _ value: String, _ source: String) {
      let body = String(repeating: "  ", count: indent) + key + (key == "-" ? " " : ": ") + value
      lines.append(body + String(repeating: " ", count: max(1, 56 - body.count)) + "# " + source)
    }
    lines.append("devices:")
    line(1, "descriptions", quotedYAML(descriptions.value), descriptions.source)
    line(1, "hardware", String(hardware.value), hardware.source)
    line(1, "controllers", String(controllers.value), controllers.source)
    line(1, "demo", demo.value.rawValue, demo.source)
    line(1, "recorded", "[" + recorded.value.map(quotedYAML).joined(separator: ", ") + "]", recorded.source)
    let table = roles.value.sorted { $0.key < $1.key }.map { "\(quotedYAML($0.key)): \($0.value.name)" }
    line(1, "roles", "{" + table.joined(separator: ", ") + "}", roles.source)
    if let listener = slimeVR.value {
      lines.append("slimevr:")
      line(1, "address", quotedYAML(listener.address), slimeVR.source)
      line(1, "port", String(listener.port), slimeVR.source)
      line(1, "accept", listener.acceptsAll ? "all" : "paired", slimeVR.source)
    }
    if !cameras.value.isEmpty {
      lines.append("cameras:")
      for camera in cameras.value { line(1, "-", camera.text, cameras.source) }
    }
    lines.append("socket:")
    line(1, "path", quotedYAML(socketPath.value), socketPath.source)
    line(1, "group", quotedYAML(socketGroup.value), socketGroup.source)
    line(1, "max_clients", String(maximumClients.value), maximumClients.source)
    lines.append("access:")
    for scope in Scope.allCases {
      line(1, scope.rawValue, access.value[scope].text, access.source)
    }
    lines.append("tracking:")
    line(1, "realtime_priority", String(realtimePriority.value), realtimePriority.source)
    line(1, "lock_memory", String(lockMemory.value), lockMemory.source)
    line(1, "magnetometer", String(magnetometer.value), magnetometer.source)
    lines.append("models:")
    for (indent, key, value) in models.value.lines { line(indent, key, value, models.source) }
    if http.value.address != nil {
      lines.append("http:")
      for (indent, key, value) in http.value.lines { line(indent, key, value, http.source) }
    }
    if foxglove.value.address != nil {
      lines.append("foxglove:")
      for (key, value) in foxglove.value.lines { line(1, key, value, foxglove.source) }
    }
    if !interop.value.lines.isEmpty {
      lines.append("interop:")
      for (key, value) in interop.value.lines { line(1, key, value, interop.source) }
    }
    lines.append("perception:")
    for (key, value) in perception.value.lines { line(1, key, value, perception.source) }
    lines.append("annotations:")
    for (key, value) in annotations.value.lines { line(1, key, value, annotations.source) }
    lines.append("speech:")
    for (indent, key, value) in speech.value.lines { line(indent, key, value, speech.source) }
    if language.value.address != nil {
      lines.append("language_model:")
      for (key, value) in language.value.lines { line(1, key, value, language.source) }
    }
    if let plan = record.value {
      lines.append("record:")
      line(1, "path", quotedYAML(plan.path), record.source)
      let streams = plan.streams.map(\.rawValue).sorted().joined(separator: ", ")
      line(1, "streams", "[\(streams)]", record.source)
      if let value = plan.duration { line(1, "duration_s", String(value), record.source) }
      if let value = plan.maximumSize { line(1, "max_mb", String(value >> 20), record.source) }
      if let value = plan.splitSize { line(1, "split_mb", String(value >> 20), record.source) }
      if let value = plan.splitTime { line(1, "split_s", String(value), record.source) }
      line(1, "buffer_mb", String(plan.buffer >> 20), record.source)
    }
    lines.append("log:")
    line(1, "level", logLevel.value, logLevel.source)
    return lines.joined(separator: "\n") + "\n"
  }
}
