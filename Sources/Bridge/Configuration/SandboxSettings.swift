import Imaging
import Inference
import Sandbox
public import Settings
import StrictYAML

/// Confined processes for work on foreign data: `sandbox:` in the configuration.
public struct SandboxSettings: Sendable, Equatable {
  /// Where work is done.
  public enum Process: String, Sendable, CaseIterable {
    /// In confined processes.
    case separate
    /// In the bridge's own process.
    case same
  }

  public var pictures = Process.separate
  public var models = Process.same
  /// Without a filter of system calls.
  public var fallback = SandboxPlan.Fallback.warn
  /// Bytes of memory to decode a picture.
  public var pictureMemory = 1024 << 20
  /// Time to decode a picture, ms.
  public var pictureTimeout = 5000
  /// Time of an inference, ms.
  public var modelTimeout = 30_000

  public init() {}
}

extension SandboxSettings: TabulatedSettings {
  public static let table: [SettingKey<Self>] = [
    SettingKey(
      "pictures", \.pictures, .choice, "process that decodes pictures of clients, cameras and sessions"),
    SettingKey("models", \.models, .choice, "process of each model that runs on the CPU"),
    SettingKey(
      "without_seccomp", \.fallback, .choice,
      "run confined processes without a filter of system calls, or refuse their work, where the kernel offers no seccomp"
    ),
    SettingKey(
      "picture_memory_mb", \.pictureMemory,
      ValueFormat.integer(64...65_536, "MiB").mapped(to: { $0 << 20 }, from: { $0 >> 20 }),
      "memory to decode a picture"),
    SettingKey(
      "picture_timeout_ms", \.pictureTimeout, .integer(10...600_000, "ms"), "time to decode a picture"),
    SettingKey("model_timeout_ms", \.modelTimeout, .integer(100...600_000, "ms"), "time of an inference"),
  ]
}
