/// The functions of libdbus 1 that pairing uses; the library is opened with the first call, because it loads libsystemd and
/// what that needs, and most bridges never pair. A build needs neither its headers nor the library.
///
/// Declarations follow the reference of libdbus 1.14. Without the library, `dbus_bus_get_private` fails with the reason, and
/// the other functions fail, too.
#ifndef VRBRIDGE_CDBUS_H
#define VRBRIDGE_CDBUS_H

#include <stdint.h>

typedef uint32_t dbus_uint32_t;
typedef uint32_t dbus_bool_t;
typedef struct DBusConnection DBusConnection;
typedef struct DBusMessage DBusMessage;

typedef struct {
  const char *name;
  const char *message;
  unsigned int flags;
  void *padding;
} DBusError;

/// Space for an iterator; libdbus's takes 72 bytes, where a pointer has eight.
typedef struct {
  void *space[16];
} DBusMessageIter;

typedef enum { DBUS_BUS_SESSION, DBUS_BUS_SYSTEM, DBUS_BUS_STARTER } DBusBusType;

// The functions are those of dbus_loader.c; hidden, so that no library mistakes them for libdbus's.
#pragma GCC visibility push(hidden)
void dbus_error_init(DBusError *error);
void dbus_error_free(DBusError *error);
DBusConnection *dbus_bus_get_private(DBusBusType type, DBusError *error);
void dbus_connection_set_exit_on_disconnect(DBusConnection *connection, dbus_bool_t exits);
void dbus_connection_close(DBusConnection *connection);
void dbus_connection_unref(DBusConnection *connection);
void dbus_connection_flush(DBusConnection *connection);
dbus_bool_t dbus_connection_send(DBusConnection *connection, DBusMessage *message, dbus_uint32_t *serial);
dbus_bool_t dbus_connection_read_write(DBusConnection *connection, int milliseconds);
DBusMessage *dbus_connection_pop_message(DBusConnection *connection);
DBusMessage *dbus_message_new_method_call(
    const char *destination, const char *path, const char *interface, const char *member);
DBusMessage *dbus_message_new_method_return(DBusMessage *call);
DBusMessage *dbus_message_new_error(DBusMessage *call, const char *name, const char *message);
void dbus_message_unref(DBusMessage *message);
int dbus_message_get_type(DBusMessage *message);
dbus_uint32_t dbus_message_get_reply_serial(DBusMessage *message);
const char *dbus_message_get_error_name(DBusMessage *message);
const char *dbus_message_get_path(DBusMessage *message);
const char *dbus_message_get_interface(DBusMessage *message);
const char *dbus_message_get_member(DBusMessage *message);
dbus_bool_t dbus_message_iter_init(DBusMessage *message, DBusMessageIter *iterator);
void dbus_message_iter_init_append(DBusMessage *message, DBusMessageIter *iterator);
dbus_bool_t dbus_message_iter_append_basic(DBusMessageIter *iterator, int type, const void *value);
dbus_bool_t dbus_message_iter_open_container(
    DBusMessageIter *iterator, int type, const char *signature, DBusMessageIter *inner);
dbus_bool_t dbus_message_iter_close_container(DBusMessageIter *iterator, DBusMessageIter *inner);
int dbus_message_iter_get_arg_type(DBusMessageIter *iterator);
int dbus_message_iter_get_element_type(DBusMessageIter *iterator);
void dbus_message_iter_get_basic(DBusMessageIter *iterator, void *value);
void dbus_message_iter_recurse(DBusMessageIter *iterator, DBusMessageIter *inner);
dbus_bool_t dbus_message_iter_next(DBusMessageIter *iterator);
#pragma GCC visibility pop

#endif
