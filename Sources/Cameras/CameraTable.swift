/// Values by the name of a camera. Clients choose names and change them, so the camera that was set longest ago gives way
/// when there are more than are served at a time.
public struct CameraTable<Value> {
  /// The value, and the count of settings when it was set.
  private var entries: [String: (value: Value, set: UInt64)] = [:]
  private var count: UInt64 = 0

  /// Configured cameras, of which stereo ones have two images, and those of clients.
  public static var maximum: Int { 64 }

  public init() {}

  public var names: [String] { entries.keys.sorted() }

  /// Pairs of a name and its value, in the order of the names.
  public var all: [(camera: String, value: Value)] {
    entries.map { (camera: $0.key, value: $0.value.value) }.sorted { $0.camera < $1.camera }
  }

  public subscript(camera: String) -> Value? {
    get { entries[camera]?.value }
    set {
      if let newValue { self.set(newValue, of: camera) } else { entries[camera] = nil }
    }
  }

  /// Sets a value.
  ///
  /// - Returns: the value of the camera that gave way; nil for none.
  @discardableResult
  public mutating func set(_ value: Value, of camera: String) -> Value? {
    count += 1
    entries[camera] = (value, count)
    guard entries.count > Self.maximum, let oldest = entries.min(by: { $0.value.set < $1.value.set })?.key
    else { return nil }
    return entries.removeValue(forKey: oldest)?.value
  }
}

extension CameraTable: Sendable where Value: Sendable {}
