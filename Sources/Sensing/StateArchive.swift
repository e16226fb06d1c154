import Spatial

/// Carries the state of a computation out of it and, later, into another, so that both go on bit for bit alike.
///
/// Each type names its stored properties once, in one function that serves both ways. Everything becomes 64-bit words:
/// no layout of the compiler's is in them, and what comes in is checked before it is used.
public final class StateArchive {
  /// What was taken in can't be a state of these types.
  public struct Fault: Error, Sendable, CustomStringConvertible {
    public let description: String
  }

  public let isReading: Bool
  public private(set) var words: ContiguousArray<UInt64>
  private var position = 0
  /// The first thing that was wrong; from there on everything stays as it was.
  private var fault: Fault?

  /// Takes a state out.
  public init() {
    isReading = false
    words = []
  }

  /// Puts a state in.
  public init(words: ContiguousArray<UInt64>) {
    isReading = true
    self.words = words
  }

  /// To be called when everything was named.
  public func finish() throws(Fault) {
    if let fault { throw fault }
    guard !isReading || position == words.count else {
      throw Fault(description: "the state has \(words.count) words where \(position) are expected")
    }
  }

  public func refuse(_ reason: String) {
    if fault == nil { fault = Fault(description: reason) }
  }

  private func word(_ value: UInt64) -> UInt64? {
    guard isReading else {
      words.append(value)
      return nil
    }
    guard fault == nil else { return nil }
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

  /// - Parameter range: anything else is refused.
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

  /// A value that may be absent.
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

  /// Elements of an array whose length is the type's own.
  public func code<Element>(_ array: inout ContiguousArray<Element>, _ body: (inout Element) -> Void) {
    for index in array.indices { body(&array[index]) }
  }
}
