import Glibc
import StrictYAML

/// What a client may do.
public enum Scope: String, Sendable, CaseIterable, Hashable {
  case poses
  case controls
  case camera
  case microphone
  case manage
  /// May tell where devices are.
  case measure
}

/// Who may do what. The bridge's own user and root may do everything.
public struct AccessRules: Sendable, Equatable {
  public struct Rule: Sendable, Equatable {
    public var users: [String] = []
    public var groups: [String] = []
    /// Whoever the socket's permissions let in.
    public var everyone = false

    var text: String {
      "{ users: [\(users.map(quotedYAML).joined(separator: ", "))], groups: [\(groups.map(quotedYAML).joined(separator: ", "))], everyone: \(everyone) }"
    }
  }

  private var rules: [Scope: Rule]

  /// Who can open the socket sees poses and controls; all else is the owner's.
  public static let standard = AccessRules(rules: [
    .poses: Rule(everyone: true), .controls: Rule(everyone: true),
  ])

  private init(rules: [Scope: Rule]) { self.rules = rules }

  init(_ value: YAMLValue, base: AccessRules) throws(DocumentError) {
    rules = base.rules
    let map = try value.mapping(keys: Configuration.keys["access"] ?? [])
    for scope in Scope.allCases {
      guard let given = map[scope.rawValue] else { continue }
      let entry = try given.mapping(keys: Configuration.keys["scope"] ?? [])
      var rule = Rule()
      for item in try entry["users"]?.list() ?? [] { rule.users.append(try item.string()) }
      for item in try entry["groups"]?.list() ?? [] { rule.groups.append(try item.string()) }
      rule.everyone = try entry["everyone"]?.boolean() ?? false
      rules[scope] = rule
    }
  }

  public subscript(scope: Scope) -> Rule { rules[scope] ?? Rule() }

  /// What a peer with these credentials may do.
  ///
  /// Looks users and groups up in the system's tables, so it is called once a connection.
  public func scopes(user: UInt32, group: UInt32) -> Set<Scope> {
    if user == 0 || user == getuid() { return Set(Scope.allCases) }
    let needsNames = Scope.allCases.contains { !self[$0].users.isEmpty || !self[$0].groups.isEmpty }
    let names = needsNames ? Identity(user: user, group: group) : nil
    return Set(
      Scope.allCases.filter { scope in
        let rule = self[scope]
        if rule.everyone { return true }
        guard let names else { return false }
        return rule.users.contains(names.user) || rule.users.contains(String(user))
          || rule.groups.contains { names.groups.contains($0) }
      })
  }

  private struct Identity {
    var user = ""
    var groups: Set<String> = []

    init(user uid: UInt32, group gid: UInt32) {
      var numbers: [gid_t] = [gid]
      var buffer = [CChar](repeating: 0, count: 16_384)
      var entry = passwd()
      var found: UnsafeMutablePointer<passwd>?
      if getpwuid_r(uid, &entry, &buffer, buffer.count, &found) == 0, found != nil, let name = entry.pw_name {
        user = String(cString: name)
        // A connection over loopback tells the user alone; his first group stands here, the others in the list.
        numbers.append(entry.pw_gid)
        var count: Int32 = 256
        var list = [gid_t](repeating: 0, count: Int(count))
        if getgrouplist(name, gid, &list, &count) >= 0 { numbers += list.prefix(Int(max(0, count))) }
      }
      for number in Set(numbers) {
        groups.insert(String(number))
        var groupEntry = Glibc.group()
        var groupFound: UnsafeMutablePointer<Glibc.group>?
        if getgrgid_r(number, &groupEntry, &buffer, buffer.count, &groupFound) == 0, groupFound != nil,
          let name = groupEntry.gr_name
        {
          groups.insert(String(cString: name))
        }
      }
    }
  }
}
