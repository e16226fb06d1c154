import Authorisation
import Glibc
public import Sensing
public import Settings
import StrictYAML

/// The scopes of users and groups. The bridge's own user and root have all scopes.
public struct AccessRules: Sendable, Equatable {
  public struct Rule: Sendable, Equatable {
    public var users: [String] = []
    public var groups: [String] = []
    /// Every user of this machine who can connect.
    public var everyone = false
  }

  private var rules: [Scope: Rule]

  /// Users who can connect read poses and controls; all other scopes are the owner's.
  public static let standard = AccessRules(rules: [
    .poses: Rule(everyone: true), .controls: Rule(everyone: true),
  ])

  private init(rules: [Scope: Rule]) { self.rules = rules }

  public fileprivate(set) subscript(scope: Scope) -> Rule {
    get { rules[scope] ?? Rule() }
    set { rules[scope] = newValue }
  }

  /// Returns the scopes of a client with these credentials.
  ///
  /// Reads the system's tables of users and groups, so it is called once per connection, on no event loop; the socket
  /// server keeps the result for a second.
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
        // A loopback connection identifies only the user: the primary group is here, the others are in the list.
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

extension Configuration {
  /// The policy that decides on the actions of all clients.
  var accessPolicy: AccessPolicy { AccessPolicy(allowsModelChanges: models.value.allowsDynamicLoad) }
}

extension AccessRules: TabulatedSettings {
  public static let table: [SettingKey<Self>] = Scope.allCases.map { scope in
    SettingKey(
      scope.rawValue,
      "`{ users: […], groups: […], everyone: true }`: users with the scope, in addition to the bridge's user and root",
      parse: { (value, rules) throws(DocumentError) in
        var rule = Rule()
        try rule.apply(value)
        rules[scope] = rule
      }, lines: { [ConfigurationLine(scope.rawValue, $0[scope].inline)] })
  }
}

extension AccessRules.Rule: TabulatedSettings {
  public static let table: [SettingKey<Self>] = [
    SettingKey("users", \.users, .texts(), "names or numbers of users"),
    SettingKey("groups", \.groups, .texts(), "names or numbers of groups"),
    SettingKey("everyone", \.everyone, .boolean, "every user of this machine who can connect"),
  ]
}
