import CDBus
import CLinux
import Diagnostics
import Glibc

/// A connection to the system bus that makes and serves calls at the same time: BlueZ calls its agent while it handles a
/// request to pair.
///
/// Used by one thread. libdbus's own dispatcher is not used, because a call that waits there serves no other.
public final class DBusConnection {
  /// Handles a call to one of our objects; returns nil for an unknown one.
  public typealias Handler = (_ path: String, _ interface: String, _ member: String, _ arguments: [DBusValue])
    ->
    [DBusValue]?

  private let connection: OpaquePointer
  public var handler: Handler?

  public init() throws(DBusCallError) {
    var error = DBusError()
    dbus_error_init(&error)
    defer { dbus_error_free(&error) }
    guard let connection = dbus_bus_get_private(DBUS_BUS_SYSTEM, &error) else { throw Self.failure(error) }
    dbus_connection_set_exit_on_disconnect(connection, 0)
    self.connection = connection
  }

  deinit {
    dbus_connection_close(connection)
    dbus_connection_unref(connection)
  }

  private static func failure(_ error: DBusError) -> DBusCallError {
    DBusCallError(
      name: error.name.map { String(cString: $0) } ?? "unknown",
      detail: error.message.map { String(cString: $0) } ?? "")
  }

  /// Calls a method and waits for its reply.
  ///
  /// - Parameter timeout: seconds.
  @discardableResult
  public func call(
    _ destination: String, _ path: String, _ interface: String, _ member: String,
    _ arguments: [DBusValue] = [],
    timeout: Double = 25
  ) throws(DBusCallError) -> [DBusValue] {
    guard let message = dbus_message_new_method_call(destination, path, interface, member) else {
      throw DBusCallError(name: "no memory", detail: "")
    }
    defer { dbus_message_unref(message) }
    var iterator = DBusMessageIter()
    dbus_message_iter_init_append(message, &iterator)
    guard arguments.allSatisfy({ $0.append(to: &iterator) }) else {
      throw DBusCallError(name: "no memory", detail: "")
    }
    var serial: dbus_uint32_t = 0
    guard dbus_connection_send(connection, message, &serial) != 0 else {
      throw DBusCallError(name: "disconnected", detail: "the system bus closed the connection")
    }
    let end = linux_monotonic_ns() + Int64(timeout * 1e9)
    while linux_monotonic_ns() < end {
      guard dbus_connection_read_write(connection, 20) != 0 else {
        throw DBusCallError(name: "disconnected", detail: "the system bus closed the connection")
      }
      while let incoming = dbus_connection_pop_message(connection) {
        defer { dbus_message_unref(incoming) }
        let kind = dbus_message_get_type(incoming)
        // Method return and error.
        guard kind == 2 || kind == 3, dbus_message_get_reply_serial(incoming) == serial else {
          serve(incoming)
          continue
        }
        let values = Self.arguments(incoming)
        guard kind == 2 else {
          let name = dbus_message_get_error_name(incoming).map { String(cString: $0) } ?? "unknown"
          throw DBusCallError(name: name, detail: values.first?.text ?? "")
        }
        return values
      }
    }
    throw DBusCallError(name: "timeout", detail: "no reply to \(member) within \(Int(timeout)) s")
  }

  /// Serves incoming calls for a number of seconds.
  public func serve(for seconds: Double) throws(DBusCallError) {
    let end = linux_monotonic_ns() + Int64(seconds * 1e9)
    repeat {
      guard dbus_connection_read_write(connection, 20) != 0 else {
        throw DBusCallError(name: "disconnected", detail: "the system bus closed the connection")
      }
      while let incoming = dbus_connection_pop_message(connection) {
        serve(incoming)
        dbus_message_unref(incoming)
      }
    } while linux_monotonic_ns() < end
  }

  private func serve(_ message: OpaquePointer) {
    // Method calls only; no signal is used here.
    guard dbus_message_get_type(message) == 1 else { return }
    func text(_ pointer: UnsafePointer<CChar>?) -> String { pointer.map { String(cString: $0) } ?? "" }
    let answer = handler?(
      text(dbus_message_get_path(message)), text(dbus_message_get_interface(message)),
      text(dbus_message_get_member(message)), Self.arguments(message))
    let reply =
      answer == nil
      ? dbus_message_new_error(message, "org.freedesktop.DBus.Error.UnknownMethod", "not offered")
      : dbus_message_new_method_return(message)
    guard let reply else { return }
    defer { dbus_message_unref(reply) }
    var iterator = DBusMessageIter()
    dbus_message_iter_init_append(reply, &iterator)
    for value in answer ?? [] { _ = value.append(to: &iterator) }
    dbus_connection_send(connection, reply, nil)
    dbus_connection_flush(connection)
  }

  private static func arguments(_ message: OpaquePointer) -> [DBusValue] {
    var iterator = DBusMessageIter()
    guard dbus_message_iter_init(message, &iterator) != 0 else { return [] }
    var values: [DBusValue] = []
    repeat {
      if let value = DBusValue(&iterator) { values.append(value) }
    } while dbus_message_iter_next(&iterator) != 0
    return values
  }
}

/// An error of the system bus or of the called service.
public struct DBusCallError: CodedError {
  /// Such as `org.bluez.Error.Failed`.
  public var name: String
  public var detail: String

  public var code: String { "dbus-call-failed" }
  public var description: String { detail.isEmpty ? name : "\(detail) (\(name))" }
}
