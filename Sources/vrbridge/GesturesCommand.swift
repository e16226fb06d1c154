import ArgumentParser
import Bridge
import BridgeClient
import BridgeProtocol
import Devices
import Foundation
import Imaging
import Perception
import Sensing
import Spatial
import Synchronization

struct GesturesCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "gestures",
    abstract: "Teach movements by example, and see how well they are told apart.",
    subcommands: [
      GesturesRecord.self, GesturesList.self, GesturesEval.self, GesturesExport.self, GesturesRemove.self,
    ])
}

struct GestureOptions: ParsableArguments {
  @Option(help: "Folder of examples.")
  var folder: String?

  var store: GestureStore {
    let state = CalibrationStore.stateFolder(environment: ProcessInfo.processInfo.environment)
    return GestureStore(folder: folder ?? Daemon.gestureFolder(stateFolder: state))
  }
}

struct GesturesRecord: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "record",
    abstract: "Record examples of a gesture with a controller of a running bridge.",
    discussion: """
      Hold the controller still, make the movement, hold still again; as often as --count says. One example is enough,
      five are better. A running bridge knows the gesture two seconds later.
      """)

  @Argument(help: "What it is called.")
  var name: String

  @Option(help: ArgumentHelp("With which hand.", valueName: "left|right"))
  var hand = "right"

  @Option(help: "Examples to record.")
  var count = 5

  @Option(help: "Seconds to wait for each of them.")
  var timeout = 30.0

  @Option(help: "Path of the bridge's socket.")
  var socket: String?

  @OptionGroup var options: GestureOptions

  func validate() throws {
    guard GestureStore.isName(name) else {
      throw ValidationError("a gesture's name has 1 to 40 letters, digits, spaces, hyphens or underscores")
    }
    guard ["left", "right"].contains(hand) else { throw ValidationError("--hand is left or right") }
    guard (1...100).contains(count), timeout > 0 else {
      throw ValidationError("--count is 1 to 100, --timeout more than 0")
    }
  }

  func run() throws {
    let role: DeviceRole = hand == "left" ? .leftHand : .rightHand
    let connection: BridgeConnection
    do {
      connection = try BridgeConnection(path: socket, clientName: "vrbridge gestures")
      var request = Vrbridge_V1_Subscribe()
      request.streams = [.poses]
      request.roles = [Vrbridge_V1_Role(role), Vrbridge_V1_Role(.head)]
      request.maxRateHz = 100
      request.depth = 4096
      _ = try connection.request(.subscribe(request))
    } catch { throw Failure(String(describing: error)) }
    var spotter = GestureSpotter()
    var head: Quaternion?
    var recorded = 0
    print("hold the \(hand) controller still, then make the movement (1 of \(count))")
    var deadline = Date().addingTimeInterval(timeout)
    while recorded < count {
      guard Date() < deadline else {
        throw Failure(
          "no movement of the \(hand) controller came within \(timeout) s; 'vrbridge watch' shows whether it is tracked"
        )
      }
      let frame: ServerFrame?
      do { frame = try connection.receive(within: 0.5) } catch { throw Failure(String(describing: error)) }
      guard case .poses(let batch) = frame?.message else { continue }
      for pose in batch.poses {
        let state = pose.state
        if pose.role.deviceRole == .head {
          head = state.worldFromDevice.orientation
          continue
        }
        guard recorded < count,
          let movement = spotter.add(state.worldFromDevice.position, at: state.captured, head: head)
        else { continue }
        do { _ = try options.store.add(movement.trace, to: name) } catch {
          throw Failure(
            "the example can't be written to \(options.store.folder): \(error.localizedDescription)")
        }
        recorded += 1
        print(
          String(format: "%d: %.2f s, %.2f m", recorded, movement.trace.duration, movement.trace.length)
            + (recorded < count ? "; again" : ""))
        deadline = Date().addingTimeInterval(timeout)
      }
    }
  }
}

struct GesturesList: ParsableCommand {
  static let configuration = CommandConfiguration(commandName: "list", abstract: "Gestures that are known.")

  @OptionGroup var options: GestureOptions

  func run() throws {
    let store = options.store
    for name in store.names {
      let (traces, faults) = store.examples(of: name)
      print(Terminal.pad(name, 26) + "\(traces.count) examples of yours")
      for fault in faults { FileHandle.standardError.write(Data("vrbridge: \(fault) can't be read\n".utf8)) }
    }
    let builtIn = Set(BuiltInGestures.all.map(\.name)).subtracting(store.names).sorted()
    for name in builtIn { print(Terminal.pad(name, 26) + "built in") }
  }
}

struct GesturesRemove: ParsableCommand {
  static let configuration = CommandConfiguration(commandName: "remove", abstract: "Forget a gesture.")

  @Argument(help: "The gesture.")
  var name: String

  @OptionGroup var options: GestureOptions

  func run() throws {
    guard options.store.names.contains(name) else { throw Failure("there is no gesture '\(name)' of yours") }
    do { try options.store.remove(name) } catch { throw Failure(error.localizedDescription) }
  }
}

struct GesturesExport: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "export", abstract: "Write all examples of yours as one JSON file.")

  @Argument(help: "The file.")
  var out: String

  @OptionGroup var options: GestureOptions

  func run() throws {
    var all: [String: [GestureTrace]] = [:]
    for name in options.store.names { all[name] = options.store.examples(of: name).traces }
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .prettyPrinted]
    do { try encoder.encode(all).write(to: URL(fileURLWithPath: out)) } catch {
      throw Failure("\(out) can't be written: \(error.localizedDescription)")
    }
    print("\(all.count) gestures, \(all.values.reduce(0) { $0 + $1.count }) examples: \(out)")
  }
}

struct GesturesEval: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "eval",
    abstract: "Tell how well gestures are told apart: accuracy, precision, recall, F1, confusion.",
    discussion: """
      Without --data your own examples are judged, each against the others. With --data a folder of files
      PERSON_GESTURE.htk (6DMG's air-written words) or PERSON_GESTURE.json: each person's are judged against templates
      of others, --templates of each gesture.
      """)

  @Option(help: "Folder of a data set.")
  var data: String?

  @Option(help: "Templates a gesture, with --data.")
  var templates = 2

  @Option(help: "Seed of the templates' choice.")
  var seed: UInt64 = 1

  @Option(help: "Write the confusion matrix as a picture (PNG).")
  var plot: String?

  @Flag(help: "JSON.")
  var json = false

  @OptionGroup var options: GestureOptions

  func run() throws {
    var pairs: [(truth: String, answer: String)] = []
    var rejected = 0
    var strangersTaken = 0
    if let data {
      let examples = try load(data)
      let people = Array(Set(examples.map(\.person))).sorted()
      guard people.count >= 2 else {
        throw Failure("\(data) has examples of \(people.count) persons; two are needed")
      }
      let lock = Mutex<[(truth: String, answer: String, taken: Bool, strange: Bool)]>([])
      DispatchQueue.concurrentPerform(iterations: people.count) { index in
        let person = people[index]
        var random = Seeded(seed &+ UInt64(index))
        let others = Dictionary(grouping: examples.filter { $0.person != person }, by: \.name)
        var chosen: [(name: String, trace: GestureTrace)] = []
        for name in others.keys.sorted() {
          for example in (others[name] ?? []).shuffled(using: &random).prefix(templates) {
            chosen.append((name, example.trace))
          }
        }
        let model = GestureModel(chosen)
        // For rejection every second gesture is one that nobody taught.
        let half = Set(others.keys.sorted().enumerated().filter { $0.offset % 2 == 0 }.map(\.element))
        let partial = GestureModel(chosen.filter { half.contains($0.name) })
        for example in examples where example.person == person {
          let answer = model.classify(example.trace)?.name ?? "none"
          let taken = partial.recognise(example.trace)
          lock.withLock {
            $0.append((example.name, answer, taken != nil, !half.contains(example.name)))
          }
        }
      }
      let results = lock.withLock { $0 }
      pairs = results.map { ($0.truth, $0.answer) }
      rejected = results.count { !$0.strange && !$0.taken }
      strangersTaken = results.count { $0.strange && $0.taken }
      let known = max(1, results.count { !$0.strange })
      let strange = max(1, results.count { $0.strange })
      report(
        pairs,
        extra: [
          ("known gestures rejected", Double(rejected) / Double(known)),
          ("unknown gestures taken for a known one", Double(strangersTaken) / Double(strange)),
        ])
      return
    }
    let store = options.store
    let all = store.names.flatMap { name in store.examples(of: name).traces.map { (name: name, trace: $0) } }
    guard all.count >= 2 else {
      throw Failure("there are \(all.count) examples in \(store.folder); record some first")
    }
    for index in all.indices {
      let model = GestureModel(all.indices.filter { $0 != index }.map { all[$0] })
      pairs.append((all[index].name, model.recognise(all[index].trace)?.name ?? "none"))
    }
    report(pairs, extra: [])
  }

  private func report(_ pairs: [(truth: String, answer: String)], extra: [(String, Double)]) {
    let report = ClassificationReport(pairs)
    let macro = report.macro
    if json {
      let labels = report.labels.map(PoseLine.quoted).joined(separator: ",")
      let rows = report.confusion.map { "[" + $0.map(String.init).joined(separator: ",") + "]" }.joined(
        separator: ",")
      let more = extra.map { ",\(PoseLine.quoted($0.0)):\($0.1)" }.joined()
      print(
        "{\"examples\":\(report.count),\"accuracy\":\(report.accuracy),\"precision\":\(macro.precision),\"recall\":\(macro.recall),\"f1\":\(macro.f1)\(more),\"labels\":[\(labels)],\"confusion\":[\(rows)]}"
      )
    } else {
      print(
        String(
          format: "%d examples of %d gestures: accuracy %.1f %%, precision %.3f, recall %.3f, F1 %.3f",
          report.count,
          report.labels.count, report.accuracy * 100, macro.precision, macro.recall, macro.f1))
      for (name, value) in extra { print(String(format: "%@: %.1f %%", name, value * 100)) }
      for (index, label) in report.labels.enumerated() where report.labels.count <= 20 {
        let figures = report.figures(index)
        print(
          Terminal.pad(label, 26)
            + String(
              format: "precision %.2f  recall %.2f  F1 %.2f  of %d", figures.precision, figures.recall,
              figures.f1,
              figures.support))
      }
    }
    if let plot {
      do { try ConfusionPlot.write(report, to: plot) } catch {
        FileHandle.standardError.write(Data("vrbridge: \(error)\n".utf8))
      }
    }
  }

  private func load(_ folder: String) throws -> [(person: String, name: String, trace: GestureTrace)] {
    let files = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
    var examples: [(person: String, name: String, trace: GestureTrace)] = []
    for file in files.sorted() {
      let parts = file.split(separator: ".")[0].split(separator: "_", maxSplits: 1)
      guard parts.count == 2, let data = FileManager.default.contents(atPath: folder + "/" + file) else {
        continue
      }
      let trace: GestureTrace?
      if file.hasSuffix(".htk") {
        trace = HTKTrace.read(Array(data))
      } else if file.hasSuffix(".json") {
        trace = try? JSONDecoder().decode(GestureTrace.self, from: data)
      } else {
        continue
      }
      guard let trace else { throw Failure("\(folder)/\(file) can't be read") }
      examples.append((String(parts[0]), String(parts[1]), trace))
    }
    guard !examples.isEmpty else { throw Failure("\(folder) has no file PERSON_GESTURE.htk or .json") }
    return examples
  }
}

/// The same choice in each run.
private struct Seeded: RandomNumberGenerator {
  private var state: UInt64
  init(_ seed: UInt64) { state = seed }
  mutating func next() -> UInt64 {
    // SplitMix64 (Steele, Lea and Flood, 2014).
    state &+= 0x9e37_79b9_7f4a_7c15
    var z = state
    z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
    z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
    return z ^ (z >> 31)
  }
}

/// Files of the Hidden Markov Model Toolkit as 6DMG writes them: a header of 12 bytes, then big-endian floats, the
/// first two of each row the place in a plane (Chen et al., "6DMG: A New 6D Motion Gesture Database", 2012).
enum HTKTrace {
  static func read(_ bytes: [UInt8]) -> GestureTrace? {
    func word(_ at: Int) -> UInt32 { (0..<4).reduce(0) { $0 << 8 | UInt32(bytes[at + $1]) } }
    guard bytes.count > 12 else { return nil }
    let (count, period) = (Int(word(0)), Double(word(4)) * 1e-7)
    let width = Int(bytes[8]) << 8 | Int(bytes[9])
    guard count > 0, count < 1_000_000, width >= 8, bytes.count == 12 + count * width else { return nil }
    return GestureTrace(
      points: (0..<count).map { row in
        let at = 12 + row * width
        return GestureTrace.Point(
          time: Double(row) * (period > 0 ? period : 0.01), x: Double(Float(bitPattern: word(at))),
          y: Double(Float(bitPattern: word(at + 4))), z: 0)
      })
  }
}

/// A confusion matrix as a picture: the darker a square, the larger the share of its row.
enum ConfusionPlot {
  static func write(_ report: ClassificationReport, to path: String) throws {
    let count = report.labels.count
    let cell = max(8.0, min(48, 1000 / Double(max(1, count))))
    let margin = count <= 30 ? 190.0 : 20
    let side = Int(margin + cell * Double(count) + 20)
    let cairo = try Cairo(width: side, height: side)
    cairo.color(1, 1, 1)
    cairo.fill(x: 0, y: 0, width: cairo.width, height: cairo.height)
    for (row, counts) in report.confusion.enumerated() {
      let total = Double(max(1, counts.reduce(0, +)))
      for (column, value) in counts.enumerated() {
        let share = Double(value) / total
        let (x, y) = (margin + cell * Double(column), 20 + cell * Double(row))
        let (r, g, b) = row == column ? (0.1, 0.45, 0.2) : (0.75, 0.15, 0.1)
        cairo.color(1 - share * (1 - r), 1 - share * (1 - g), 1 - share * (1 - b))
        cairo.fill(x: x, y: y, width: cell - 1, height: cell - 1)
        if value > 0, cell >= 20 {
          cairo.color(share > 0.5 ? 1 : 0, share > 0.5 ? 1 : 0, share > 0.5 ? 1 : 0)
          cairo.text(String(value), x: x + 4, y: y + cell / 2 + 4, size: 11)
        }
      }
      if count <= 30 {
        cairo.color(0, 0, 0)
        cairo.text(report.labels[row], x: 8, y: 20 + cell * (Double(row) + 0.5) + 4, size: 12)
      }
    }
    cairo.color(0, 0, 0)
    cairo.text("rows: truth; columns: answer, in the same order", x: 8, y: cairo.height - 4, size: 11)
    try cairo.write(to: path)
  }
}
