import Diagnostics
import Spatial

/// Writes the state of a computation and restores it in another, so that both continue with identical bits.
///
/// Each type lists its stored properties once, in one function that serves both directions. Every value becomes 64-bit
/// words, independent of the compiler's layout, and is checked before it is restored.
public final class StateArchive {
  /// The layout that is written. It increases when the order or the meaning of the words changes.
  public static let currentVersion = 4
  /// The oldest layout that is read: that of release 0.1.
  public static let oldestVersion = 3

  public let isReading: Bool
  /// The layout of the words; values that an older one lacks are neither read nor written.
  public let version: Int
  public private(set) var words: ContiguousArray<UInt64>
  private var position = 0
  /// The first error; from then on no value changes.
  private var error: StateArchiveError?

  /// Writes a state.
  public init() {
    isReading = false
    version = Self.currentVersion
    words = []
  }

  /// Restores a state.
  ///
  /// - Parameter version: of the words' layout.
  public init(words: ContiguousArray<UInt64>, version: Int = StateArchive.currentVersion) {
    isReading = true
    self.version = version
    self.words = words
  }

  /// Ends the archive; called after the last value.
  public func finish() throws(StateArchiveError) {
    if let error { throw error }
    guard !isReading || position == words.count else {
      throw StateArchiveError("the state has \(words.count) words where \(position) are expected")
    }
  }

  /// Rejects the state; the first reason is kept.
  public func refuse(_ reason: String) {
    if error == nil { error = StateArchiveError(reason) }
  }

  private func word(_ value: UInt64) -> UInt64? {
    guard isReading else {
      words.append(value)
      return nil
    }
    guard error == nil else { return nil }
    guard position < words.count else {
      refuse("the state ends after \(words.count) words")
      return nil
    }
    defer { position += 1 }
    return words[position]
  }

  public func code(_ value: inout UInt64) { if let word = word(value) { value = word } }

  public func code(_ value: inout Double) {
    if let word = word(value.bitPattern) { value = Double(bitPattern: word) }
  }

  public func code(_ value: inout Bool) { if let word = word(value ? 1 : 0) { value = word != 0 } }

  /// - Parameter range: of allowed values.
  public func code(_ value: inout Int, in range: ClosedRange<Int> = Int.min...Int.max) {
    guard let word = word(UInt64(bitPattern: Int64(value))) else { return }
    let read = Int(Int64(bitPattern: word))
    if range.contains(read) {
      value = read
    } else {
      refuse("the state holds \(read) where \(range) is allowed")
    }
  }

  public func code(_ value: inout UInt32) {
    var wide = Int(value)
    code(&wide, in: 0...Int(UInt32.max))
    value = UInt32(wide)
  }

  public func code(_ value: inout Float) {
    var bits = value.bitPattern
    code(&bits)
    value = Float(bitPattern: bits)
  }

  public func code(_ value: inout Timestamp) {
    var nanoseconds = Int(value.nanoseconds)
    // Within two hundred years, so that no difference of two times overflows.
    code(&nanoseconds, in: -(1 << 62)...(1 << 62))
    value = Timestamp(nanoseconds: Int64(nanoseconds))
  }

  public func code(_ value: inout Vector3) {
    code(&value.x)
    code(&value.y)
    code(&value.z)
  }

  public func code(_ value: inout Quaternion) {
    for index in 0..<4 { code(&value.components[index]) }
  }

  public func code(_ value: inout Matrix3) {
    code(&value.row0)
    code(&value.row1)
    code(&value.row2)
  }

  /// Codes an optional value.
  public func code<Value>(_ value: inout Value?, empty: Value, _ body: (inout Value) -> Void) {
    var isThere = value != nil
    code(&isThere)
    guard isThere else {
      if isReading { value = nil }
      return
    }
    var inner = value ?? empty
    body(&inner)
    value = inner
  }

  /// Codes the elements of an array of fixed length.
  public func code<Element>(_ array: inout ContiguousArray<Element>, _ body: (inout Element) -> Void) {
    for index in array.indices { body(&array[index]) }
  }
}

/// The words of an archive are not a state of the types that read them.
public struct StateArchiveError: CodedError {
  public let description: String

  public var code: String { "state-archive-invalid" }

  init(_ description: String) { self.description = description }
}
