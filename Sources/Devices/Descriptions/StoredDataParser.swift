import Foundation
import StrictYAML

/// Reads one entry of a part's `stored`.
struct StoredDataParser {
  let value: YAMLValue

  func storedData() throws(DocumentError) -> StoredDataDescription {
    let map = try value.mapping(keys: DescriptionParser.keys["stored"] ?? [])
    let answerLength = try map.required("answer_length").integer(in: 1...ReportLimits.longest)
    let request = try Self.command(map.required("request"))
    let commandLength = try map["command_length"]?.integer(in: 1...ReportLimits.longest) ?? 0
    let asked = FieldParser(base: 0, end: max(request.count, commandLength))
    let answered = FieldParser(base: 0, end: answerLength)
    let data = try map.required("data").mapping(keys: DescriptionParser.keys["stored_data"] ?? [])
    let dataAt = try data.required("at").integer(in: 0...(answerLength - 1))
    let count = try data.required("count")
    return StoredDataDescription(
      name: try map.required("name").string(),
      part: try map["part"]?.string(),
      channel: try map.required("channel").choice(
        StoredDataDescription.Channel.allCases.map { ($0.rawValue, $0) }),
      commandLength: commandLength,
      answerLength: answerLength,
      before: try list(map["before"]) { value throws(DocumentError) in try Self.command(value) },
      opening: try list(map["opening"]) { value throws(DocumentError) in
        let command = try value.mapping(keys: DescriptionParser.keys["stored_command"] ?? [])
        return StoredDataDescription.Command(
          bytes: try Self.command(command.required("send")),
          expected: try Self.bytes(command["expect"], in: answerLength))
      },
      patience: try map["patience"]?.number(in: 0...10) ?? 0,
      request: request,
      position: try map["position"].map { value throws(DocumentError) in
        let position = try value.mapping(keys: DescriptionParser.keys["stored_position"] ?? [])
        return (
          try asked.field(position),
          UInt64(try position["first"]?.integer(in: 0...0xffff_ffff) ?? 0),
          try position["counts"]?.choice(
            StoredDataDescription.Counting.allCases.map { ($0.rawValue, $0) }) ?? .pieces
        )
      },
      wanted: try map["wanted"].map { value throws(DocumentError) in
        try asked.field(value.mapping(keys: DescriptionParser.keys["field"] ?? []))
      },
      expected: try Self.bytes(map["expect"], in: answerLength),
      echo: try Self.echo(map["echo"], command: asked.end, answer: answerLength),
      dataAt: dataAt,
      count: try number(count, limit: answerLength - dataAt, in: answered),
      extent: try extent(map, asked: asked, answered: answered),
      holds: try Self.bytes(map["holds"], in: StoredDataDescription.longest),
      isOptional: try map["optional"]?.boolean() ?? false,
      document: try map["document"].map { value throws(DocumentError) in try document(value) },
      content: try content(map["content"]),
      then: try map["then"].map { value throws(DocumentError) in
        let then = try value.mapping(keys: DescriptionParser.keys["stored_then"] ?? [])
        let keys = DescriptionParser.keys["field"] ?? []
        return StoredDataDescription.Relay(
          command: try Self.command(then.required("send")),
          busy: try answered.field(then.required("busy").mapping(keys: keys)),
          refused: try answered.field(then.required("refused").mapping(keys: keys)))
      })
  }

  private func extent(
    _ map: YAMLMapping, asked: FieldParser, answered: FieldParser
  ) throws(DocumentError) -> StoredDataDescription.Extent {
    let ways = ["pieces", "measure", "while", "remaining"]
    let given = ways.filter { map[$0] != nil }
    guard given.count == 1 else {
      throw map.error("one way to know where the data ends is needed", allowed: ways.joined(separator: ", "))
    }
    if let value = map["pieces"] { return .pieces(try value.integer(in: 1...4096)) }
    if let value = map["measure"] {
      let measure = try value.mapping(keys: DescriptionParser.keys["stored_measure"] ?? [])
      return .measured(
        command: try Self.command(measure.required("send")), length: try answered.field(measure))
    }
    if let value = map["while"] {
      let condition = try value.mapping(keys: DescriptionParser.keys["stored_while"] ?? [])
      return .whileEqual(
        try answered.field(condition),
        UInt64(try condition.required("equals").integer(in: 0...0xffff_ffff)))
    }
    let field = try map.required("remaining").mapping(keys: DescriptionParser.keys["field"] ?? [])
    return .remaining(try answered.field(field))
  }

  private func document(_ value: YAMLValue) throws(DocumentError) -> StoredDataDescription.Document {
    let map = try value.mapping(keys: DescriptionParser.keys["stored_document"] ?? [])
    let limit = StoredDataDescription.longest
    var key: [UInt8] = []
    if let given = map["key"] {
      guard let bytes = Data(base64Encoded: String(try given.string().filter { !$0.isWhitespace })),
        !bytes.isEmpty
      else {
        throw given.error("the key is not base64")
      }
      key = Array(bytes)
    }
    return StoredDataDescription.Document(
      start: try number(map.required("at"), limit: limit, in: FieldParser(base: 0, end: limit)),
      skip: try map["skip"]?.integer(in: 0...limit) ?? 0, key: key)
  }

  /// A number, or the field that holds it.
  private func number(
    _ value: YAMLValue, limit: Int, in parser: FieldParser
  ) throws(DocumentError) -> StoredDataDescription.Count {
    guard value.isMapping else { return .fixed(try value.integer(in: 0...limit)) }
    return .field(try parser.field(value.mapping(keys: DescriptionParser.keys["field"] ?? [])))
  }

  /// Bytes of a command that come back in its answer.
  static func echo(
    _ value: YAMLValue?, command: Int, answer: Int
  ) throws(DocumentError) -> [StoredDataDescription.Echo] {
    var echo: [StoredDataDescription.Echo] = []
    for item in try value?.list(count: 0...16) ?? [] {
      var numbers: [Int] = []
      for number in try item.list(count: 3...3) {
        numbers.append(try number.integer(in: 0...ReportLimits.longest))
      }
      guard numbers[0] + numbers[2] <= command, numbers[1] + numbers[2] <= answer else {
        throw item.error("these bytes are not in the command and in the answer")
      }
      echo.append(StoredDataDescription.Echo(command: numbers[0], answer: numbers[1], count: numbers[2]))
    }
    return echo
  }

  /// Bytes by their place.
  static func bytes(_ value: YAMLValue?, in length: Int) throws(DocumentError) -> [Int: UInt8] {
    var result: [Int: UInt8] = [:]
    for (key, item) in try value?.pairs() ?? [] {
      result[try key.integer(in: 0...(length - 1))] = UInt8(try item.integer(in: 0...255))
    }
    return result
  }

  /// What an emulated device keeps: bytes, or a text.
  private func content(_ value: YAMLValue?) throws(DocumentError) -> [UInt8] {
    guard let value else { return [] }
    if value.isScalar { return Array(try value.string().utf8) }
    return try DescriptionParser.bytes(value, count: 0...4096)
  }

  private func list<Item>(
    _ value: YAMLValue?, _ read: (YAMLValue) throws(DocumentError) -> Item
  ) throws(DocumentError) -> [Item] {
    var items: [Item] = []
    for item in try value?.list(count: 0...16) ?? [] { items.append(try read(item)) }
    return items
  }

  private static func command(_ value: YAMLValue) throws(DocumentError) -> [UInt8] {
    try DescriptionParser.bytes(value, count: 1...ReportLimits.longest)
  }
}
