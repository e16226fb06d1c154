import Foundation
import Inference
public import Settings
public import StrictYAML

extension ModelSettings: TabulatedSettings {
  public static let table: [SettingKey<Self>] =
    [
      SettingKey(
        "folder", \.folder, .text, "registry of models",
        standard: "`VRBRIDGE_MODELS`, otherwise `~/.local/share/vrbridge/models`"),
      SettingKey(
        "openvino", \.runtime, .text, "folder or file of the OpenVINO library",
        standard: "`VRBRIDGE_OPENVINO`, otherwise beside the registry"),
      SettingKey(
        "sherpa_onnx", \.speechRuntime, .text, "folder or file of the sherpa-onnx library",
        standard: "`VRBRIDGE_SHERPA_ONNX`, otherwise beside the registry"),
      SettingKey(
        "trusted_keys", \.trustedKeys, publicKeys, "public keys in base64, in addition to the user's own"),
      SettingKey(
        "key", \.key, ValueFormat.text.optional, "file or systemd credential with the key of encrypted models"
      ),
      SettingKey("cache", \.standard.options.cache, ValueFormat.text.optional, "folder of compiled models"),
      SettingKey("at_once", \.width, .integer(1...64), "concurrent inferences"),
      SettingKey(
        "allow_dynamic_load", \.allowsDynamicLoad, .boolean,
        "clients with the [scope](../explanation/security.md#scopes) `manage` may load and unload models"),
    ]
    + SessionOptions.table.map { row in
      SettingKey(
        row.name, row.meaning, standard: row.standard,
        parse: { (value, settings) throws(DocumentError) in try row.parse(value, &settings.standard.options)
        },
        lines: { row.lines($0.standard.options) })
    } + [
      SettingKey(
        "run",
        "model → `engine`, `device`, `threads`, `streams`, `precision`, and `remote`: `{ address, protocol, name, version, timeout_ms, retries, fall_back, text, same_rows }`, a server that runs the model",
        standard: "none",
        parse: { (value, settings) throws(DocumentError) in
          for (name, entry) in try value.pairs() {
            var setting = settings.standard
            try setting.apply(entry)
            settings.perModel[try name.string()] = setting
          }
        },
        lines: { settings in
          guard !settings.perModel.isEmpty else { return [] }
          return [ConfigurationLine("run", "")]
            + settings.perModel.sorted { $0.key < $1.key }.flatMap { name, setting in
              [ConfigurationLine(quotedYAML(name), "", indent: 2)]
                + setting.printed.map { $0.indented(by: 2) }
            }
        })
    ]

  private static let publicKeys = ValueFormat<[String]>(
    allowed: "",
    parse: { (value) throws(DocumentError) in
      var keys: [String] = []
      for item in try value.list(count: 0...100) {
        let text = try item.string()
        guard TrustedKeys.isKey(text) else {
          throw item.error("a key is 32 bytes in base64; 'vrbridge models key' prints yours")
        }
        keys.append(text)
      }
      return keys
    }, print: ValueFormat.texts().print)
}

extension SessionOptions: TabulatedSettings {
  public static let table: [SettingKey<Self>] = [
    SettingKey("engine", \.library, .choice, "runtime library"),
    SettingKey("device", \.device, .text, "device of the engine"),
    SettingKey("threads", \.threads, .integer(1...256), "threads of an inference"),
    SettingKey("streams", \.streams, .integer(1...64), "parallel streams of the engine"),
    SettingKey("precision", \.precision, .names(["f32", "f16", "bf16"]), "precision of the computation"),
  ]
}

extension ModelHost.Setting: TabulatedSettings {
  public static let table: [SettingKey<Self>] =
    SessionOptions.table.map { row in
      SettingKey(
        row.name, row.meaning, standard: row.standard,
        parse: { (value, setting) throws(DocumentError) in try row.parse(value, &setting.options) },
        lines: { row.lines($0.options) })
    } + [
      SettingKey(
        "remote", "a server that runs the model",
        parse: { (value, setting) throws(DocumentError) in
          var remote = RemoteModel(address: "")
          try remote.apply(value)
          setting.remote = remote
        },
        lines: { setting in
          guard let remote = setting.remote else { return [] }
          return [ConfigurationLine("remote", "")] + remote.printed.map { $0.indented(by: 1) }
        })
    ]
}

extension RemoteModel: TabulatedSettings {
  public static let table: [SettingKey<Self>] = [
    SettingKey(
      "address", "`http://HOST:PORT` or https",
      parse: { (value, remote) throws(DocumentError) in
        remote.address = try value.string()
        guard let url = URL(string: remote.address), ["http", "https"].contains(url.scheme), url.host != nil
        else {
          throw value.error("a server's address has the form http://HOST:PORT or https://HOST:PORT")
        }
        while remote.address.hasSuffix("/") { remote.address.removeLast() }
      }, lines: { $0.address.isEmpty ? [] : [ConfigurationLine("address", quotedYAML($0.address))] }),
    SettingKey("protocol", \.dialect, .choice, "protocol of the server"),
    SettingKey(
      "name", \.name, ValueFormat.text.optional, "name of the model on the server",
      standard: "the model's name"),
    SettingKey(
      "version", \.version, ValueFormat.text.optional, "version on the server",
      standard: "the server's choice"),
    SettingKey(
      "timeout_ms", \.timeout,
      ValueFormat.number(1...600_000, "ms").mapped(to: { $0 / 1000 }, from: { $0 * 1000 }),
      "time limit of an inference"),
    SettingKey("retries", \.retries, .integer(0...10), "repetitions of a failed request"),
    SettingKey("fall_back", \.fallsBack, .boolean, "run the model in process when the server fails"),
    SettingKey("text", \.isText, .boolean, "send tensors as JSON text in place of binary data"),
    SettingKey(
      "same_rows", \.keepsRows, .boolean,
      "outputs have as many rows as the inputs; false for models that find any number of things"),
  ]

  public func validate(_ map: YAMLMapping) throws(DocumentError) { _ = try map.required("address") }
}
