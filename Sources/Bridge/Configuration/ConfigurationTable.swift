import Assistant
import Cameras
import Devices
import Diagnostics
import Inference
import Perception
import Sensing
public import Settings
import SessionLog
import StrictYAML
import Tracking

extension Configuration {
  /// The top-level keys, in the order of printing.
  static let parts: [ConfigurationPart] = [
    ConfigurationPart(
      "devices", "Devices of this machine, emulated and recorded devices.", keys: keys(of: "devices")),
    ConfigurationPart(
      "slimevr",
      "Network trackers that use SlimeVR's protocol. Without this section no port is open.",
      \.slimeVR, standard: TrackerListener()),
    ConfigurationPart(
      "cameras", "A list of up to 16 cameras; empty by default.", list: \.cameras, count: 0...16,
      standard: CameraSetting()),
    ConfigurationPart("socket", "The socket of clients.", keys: keys(of: "socket")),
    ConfigurationPart(
      "access", "The [scopes](../explanation/security.md#scopes) of users and groups.", \.access),
    ConfigurationPart("tracking", "The tracking thread and its filters.", keys: keys(of: "tracking")),
    ConfigurationPart(
      "models",
      "Models, their libraries and options. `run` maps names of models to the options `engine` to `precision` and `remote`.",
      \.models, notes: "\n### remote\n\n" + RemoteModel.reference(RemoteModel(address: ""))),
    ConfigurationPart(
      "sandbox",
      "[Confined processes](../explanation/security.md#confined-processes) for work on foreign pictures and models.",
      \.sandbox),
    ConfigurationPart("perception", "Tasks on camera frames and poses.", \.perception),
    ConfigurationPart(
      "annotations", "The policy for published annotations.", \.annotations,
      notes: "\n### Policy of a kind\n\n" + AnnotationRule.reference(AnnotationRule())),
    ConfigurationPart(
      "speech", "Microphones and speech recognition. Off until a microphone is configured.", \.speech),
    ConfigurationPart(
      "language_model", "The language model that answers questions. Off without an address.", \.language,
      isPrinted: { $0.address != nil }),
    ConfigurationPart(
      "record", "A recording from the start of the bridge. Off without a path.", \.record,
      standard: RecordingPlan(path: "")),
    ConfigurationPart("log", "Log messages.", keys: keys(of: "log")),
  ]

  /// The keys of a part that are properties of `Configuration`.
  static func keys(of part: String) -> [ConfigurationKey] {
    switch part {
    case "devices":
      [
        ConfigurationKey(
          "descriptions", \.descriptions, .text,
          "folder of device descriptions, in addition to `share/vrbridge/devices` beside the program and `~/.config/vrbridge/devices`; a family replaces that of the same name",
          standard: "none"),
        ConfigurationKey("hardware", \.hardware, .boolean, "search attached devices"),
        ConfigurationKey(
          "controllers", \.controllers, .boolean, "read game controllers without a description, through SDL2"),
        ConfigurationKey("demo", \.demo, .choice, "emulate a headset and two controllers"),
        ConfigurationKey(
          "recorded", \.recorded, recordedSources,
          "list of `FILE[,speed=N|max][,config=BLOB][,serial=S][,loop][,wait]`: recordings as devices"),
        ConfigurationKey(
          "roles", \.roles, roleTable, "serial number → role; overrides roles of `vrbridge assign`"),
        ConfigurationKey(
          "pictures", \.pictures, .texts(), "image files in the scene of the demonstration"),
      ]
    case "socket":
      [
        ConfigurationKey(
          "path", \.socketPath, .text, "path of the Unix socket",
          standard: "see [protocol](protocol.md#socket)"),
        ConfigurationKey(
          "group", \.socketGroup, .text, "group whose users may connect, in addition to the bridge's user",
          standard: "none"),
        ConfigurationKey("max_clients", \.maximumClients, .integer(1...10_000), "clients at a time"),
      ]
    case "tracking":
      [
        ConfigurationKey(
          "realtime_priority", \.realtimePriority, .integer(0...90),
          "SCHED_FIFO priority of the tracking thread where permitted; 0: ordinary scheduler"),
        ConfigurationKey(
          "estimator", \.estimator, estimators,
          "[orientation estimator](../explanation/tracking.md) of devices that connect from now on"),
        ConfigurationKey("lock_memory", \.lockMemory, .boolean, "lock the process in memory"),
        ConfigurationKey(
          "magnetometer", \.magnetometer, .boolean, "use calibrated magnetometers for the heading"),
      ]
    case "log":
      [ConfigurationKey("level", \.logLevel, .names(logLevels), "lowest level that is logged")]
    default: []
    }
  }

  private static let estimators = ValueFormat<EstimatorSettings>(
    allowed: OrientationEstimators.names.map { "`\($0)`" }.joined(separator: ", "),
    parse: { (value) throws(DocumentError) in
      let name = try value.string()
      do throws(EstimatorError) { return try EstimatorSettings(estimator: name) } catch {
        throw value.error(error.description)
      }
    }, print: { $0.estimator })

  private static let recordedSources = ValueFormat<[String]>(
    allowed: "",
    parse: { (value) throws(DocumentError) in
      var list: [String] = []
      for item in try value.list() {
        let text = try item.string()
        do { _ = try RecordedSource(text) } catch { throw item.error(error.reason) }
        list.append(text)
      }
      return list
    }, print: ValueFormat.texts().print)

  private static let roleTable = ValueFormat<[String: DeviceRole]>(
    allowed: "",
    parse: { (value) throws(DocumentError) in
      var table: [String: DeviceRole] = [:]
      for (key, role) in try value.pairs() {
        table[try key.string()] = try role.choice(DeviceRole.allCases.map { ($0.name, $0) })
      }
      return table
    },
    print: { roles in
      let pairs = roles.sorted { $0.key < $1.key }.map { "\(quotedYAML($0.key)): \($0.value.name)" }
      return "{" + pairs.joined(separator: ", ") + "}"
    })

  /// The reference of all keys as Markdown: `docs/reference/configuration.md` below its introduction.
  ///
  /// - Parameter sections: settings of outputs.
  public static func reference(sections: [any ConfigurationSection.Type]) -> String {
    (parts.map { "## \($0.key)\n\n\($0.reference())" } + sections.map { $0.reference }).joined(
      separator: "\n")
  }
}

extension RecordingPlan: TabulatedSettings {
  public static let table: [SettingKey<Self>] = [
    SettingKey(
      "path", "absolute path with `strftime` conversions", standard: "none",
      parse: { (value, plan) throws(DocumentError) in
        plan.path = try value.string()
        guard plan.path.hasPrefix("/") else {
          throw value.error(
            "the path of a recording must be absolute", allowed: "/FOLDER/%Y%m%d-%H%M%S.mcap")
        }
      }, lines: { [ConfigurationLine("path", quotedYAML($0.path))] }),
    SettingKey(
      "streams",
      "list of " + RecordedStream.allCases.map { "`\($0.rawValue)`" }.joined(separator: ", "),
      parse: { (value, plan) throws(DocumentError) in
        var chosen: Set<RecordedStream> = [.reports]
        for item in try value.list() { chosen.insert(try ValueFormat<RecordedStream>.choice.parse(item)) }
        plan.streams = chosen
      },
      lines: {
        [ConfigurationLine("streams", "[\($0.streams.map(\.rawValue).sorted().joined(separator: ", "))]")]
      }),
    SettingKey(
      "duration_s", \.duration, ValueFormat.number(0.1...1e9, "s").optional, "length of the recording"),
    SettingKey("max_mb", \.maximumSize, mebibytes, "size of all files of the recording"),
    SettingKey("split_mb", \.splitSize, mebibytes, "size of one file"),
    SettingKey("split_s", \.splitTime, ValueFormat.number(1...1e9, "s").optional, "length of one file"),
    SettingKey(
      "buffer_mb", \.buffer,
      ValueFormat.integer(1...65_536, "MiB").mapped(to: { $0 << 20 }, from: { $0 >> 20 }),
      "queue of the recorder"),
  ]

  private static let mebibytes = ValueFormat.integer(1...1_000_000_000, "MiB")
    .mapped(to: { UInt64($0) << 20 }, from: { Int($0 >> 20) }).optional

  public func validate(_ map: YAMLMapping) throws(DocumentError) {
    guard !path.isEmpty else { throw map.error("a recording needs a path") }
  }
}
