import CDBus

/// A value on the bus (D-Bus specification, "Type System"); the types that BlueZ uses.
public indirect enum DBusValue: Sendable, Equatable {
  case string(String)
  case objectPath(String)
  case boolean(Bool)
  /// Any integer; sent as 32 bits unsigned.
  case integer(Int64)
  case double(Double)
  case array([DBusValue])
  case dictionary([(key: DBusValue, value: DBusValue)])
  case structure([DBusValue])
  case variant(DBusValue)

  public static func == (l: DBusValue, r: DBusValue) -> Bool {
    String(describing: l) == String(describing: r)
  }

  /// The text of a string or path, also inside a variant.
  public var text: String? {
    switch self {
    case .string(let text), .objectPath(let text): text
    case .variant(let value): value.text
    default: nil
    }
  }

  public var isTrue: Bool {
    switch self {
    case .boolean(let flag): flag
    case .variant(let value): value.isTrue
    default: false
    }
  }

  /// The value of a key in a dictionary with text keys.
  public subscript(key: String) -> DBusValue? {
    switch self {
    case .dictionary(let pairs): pairs.first { $0.key.text == key }?.value
    case .variant(let value): value[key]
    default: nil
    }
  }

  /// Pairs of a dictionary with text keys.
  public var pairs: [(key: String, value: DBusValue)] {
    guard case .dictionary(let pairs) = self else { return [] }
    return pairs.compactMap { pair in pair.key.text.map { ($0, pair.value) } }
  }

  // MARK: wire; libdbus's type codes are the letters of the specification

  private static func code(_ letter: Unicode.Scalar) -> Int32 { Int32(letter.value) }

  private var signature: String {
    switch self {
    case .string: "s"
    case .objectPath: "o"
    case .boolean: "b"
    case .integer: "u"
    case .double: "d"
    case .variant: "v"
    // Only what this program sends is needed: lists of texts, tables of variants.
    case .array: "as"
    case .dictionary: "a{sv}"
    case .structure(let members): "(" + members.map(\.signature).joined() + ")"
    }
  }

  func append(to iterator: inout DBusMessageIter) -> Bool {
    func basic<Value>(_ letter: Unicode.Scalar, _ value: Value) -> Bool {
      withUnsafePointer(to: value) { dbus_message_iter_append_basic(&iterator, Self.code(letter), $0) != 0 }
    }
    func container(
      _ letter: Unicode.Scalar, _ signature: String?, _ body: (inout DBusMessageIter) -> Bool
    ) -> Bool {
      var inner = DBusMessageIter()
      guard dbus_message_iter_open_container(&iterator, Self.code(letter), signature, &inner) != 0 else {
        return false
      }
      let filled = body(&inner)
      return dbus_message_iter_close_container(&iterator, &inner) != 0 && filled
    }
    switch self {
    case .string(let text): return text.withCString { basic("s", Optional($0)) }
    case .objectPath(let text): return text.withCString { basic("o", Optional($0)) }
    case .boolean(let flag): return basic("b", dbus_bool_t(flag ? 1 : 0))
    case .integer(let number): return basic("u", UInt32(clamping: number))
    case .double(let number): return basic("d", number)
    case .variant(let value): return container("v", value.signature) { value.append(to: &$0) }
    case .structure(let members):
      return container("r", nil) { inner in members.allSatisfy { $0.append(to: &inner) } }
    case .array(let members):
      return container("a", "s") { inner in members.allSatisfy { $0.append(to: &inner) } }
    case .dictionary(let pairs):
      return container("a", "{sv}") { list in
        pairs.allSatisfy { pair in
          var entry = DBusMessageIter()
          guard dbus_message_iter_open_container(&list, Self.code("e"), nil, &entry) != 0 else {
            return false
          }
          let filled = pair.key.append(to: &entry) && pair.value.append(to: &entry)
          return dbus_message_iter_close_container(&list, &entry) != 0 && filled
        }
      }
    }
  }

  /// The value at the iterator; nil for kinds that nobody here asks about (file descriptors).
  init?(_ iterator: inout DBusMessageIter) {
    func basic<Value>(_ empty: Value) -> Value {
      var value = empty
      withUnsafeMutablePointer(to: &value) { dbus_message_iter_get_basic(&iterator, $0) }
      return value
    }
    func text() -> String {
      let pointer: UnsafePointer<CChar>? = basic(nil)
      return pointer.map { String(cString: $0) } ?? ""
    }
    let kind = dbus_message_iter_get_arg_type(&iterator)
    switch kind {
    case Self.code("s"), Self.code("g"): self = .string(text())
    case Self.code("o"): self = .objectPath(text())
    case Self.code("b"): self = .boolean(basic(dbus_bool_t(0)) != 0)
    case Self.code("y"): self = .integer(Int64(basic(UInt8(0))))
    case Self.code("n"): self = .integer(Int64(basic(Int16(0))))
    case Self.code("q"): self = .integer(Int64(basic(UInt16(0))))
    case Self.code("i"): self = .integer(Int64(basic(Int32(0))))
    case Self.code("u"): self = .integer(Int64(basic(UInt32(0))))
    case Self.code("x"): self = .integer(basic(Int64(0)))
    case Self.code("t"): self = .integer(Int64(clamping: basic(UInt64(0))))
    case Self.code("d"): self = .double(basic(0.0))
    case Self.code("v"):
      guard let value = Self.members(of: &iterator).first else { return nil }
      self = .variant(value)
    case Self.code("r"): self = .structure(Self.members(of: &iterator))
    case Self.code("a"):
      if dbus_message_iter_get_element_type(&iterator) == Self.code("e") {
        var inner = DBusMessageIter()
        dbus_message_iter_recurse(&iterator, &inner)
        var pairs: [(key: DBusValue, value: DBusValue)] = []
        while dbus_message_iter_get_arg_type(&inner) == Self.code("e") {
          let entry = Self.members(of: &inner)
          if entry.count == 2 { pairs.append((entry[0], entry[1])) }
          dbus_message_iter_next(&inner)
        }
        self = .dictionary(pairs)
      } else {
        self = .array(Self.members(of: &iterator))
      }
    default: return nil
    }
  }

  private static func members(of iterator: inout DBusMessageIter) -> [DBusValue] {
    var inner = DBusMessageIter()
    dbus_message_iter_recurse(&iterator, &inner)
    var values: [DBusValue] = []
    while dbus_message_iter_get_arg_type(&inner) != 0 {
      if let value = DBusValue(&inner) { values.append(value) }
      if dbus_message_iter_next(&inner) == 0 { break }
    }
    return values
  }
}
