#include "CDBus.h"

#include "dynamic_library.h"
#include <pthread.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

// Result, name, parameters, arguments, result without the library.
#define FUNCTIONS(X)                                                                                                     \
  X(DBusConnection *, dbus_bus_get_private, (DBusBusType type, DBusError * error), (type, error), unavailable(error))    \
  X(dbus_bool_t, dbus_connection_send, (DBusConnection * connection, DBusMessage * message, dbus_uint32_t * serial),     \
    (connection, message, serial), 0)                                                                                    \
  X(dbus_bool_t, dbus_connection_read_write, (DBusConnection * connection, int ms), (connection, ms), 0)                 \
  X(DBusMessage *, dbus_connection_pop_message, (DBusConnection * connection), (connection), NULL)                       \
  X(DBusMessage *, dbus_message_new_method_call,                                                                         \
    (const char *destination, const char *path, const char *interface, const char *member),                              \
    (destination, path, interface, member), NULL)                                                                        \
  X(DBusMessage *, dbus_message_new_method_return, (DBusMessage * call), (call), NULL)                                   \
  X(DBusMessage *, dbus_message_new_error, (DBusMessage * call, const char *name, const char *message),                  \
    (call, name, message), NULL)                                                                                         \
  X(int, dbus_message_get_type, (DBusMessage * message), (message), 0)                                                   \
  X(dbus_uint32_t, dbus_message_get_reply_serial, (DBusMessage * message), (message), 0)                                 \
  X(const char *, dbus_message_get_error_name, (DBusMessage * message), (message), NULL)                                 \
  X(const char *, dbus_message_get_path, (DBusMessage * message), (message), NULL)                                       \
  X(const char *, dbus_message_get_interface, (DBusMessage * message), (message), NULL)                                  \
  X(const char *, dbus_message_get_member, (DBusMessage * message), (message), NULL)                                     \
  X(dbus_bool_t, dbus_message_iter_init, (DBusMessage * message, DBusMessageIter * iterator), (message, iterator), 0)    \
  X(dbus_bool_t, dbus_message_iter_append_basic, (DBusMessageIter * iterator, int type, const void *value),              \
    (iterator, type, value), 0)                                                                                          \
  X(dbus_bool_t, dbus_message_iter_open_container,                                                                       \
    (DBusMessageIter * iterator, int type, const char *signature, DBusMessageIter *inner),                               \
    (iterator, type, signature, inner), 0)                                                                               \
  X(dbus_bool_t, dbus_message_iter_close_container, (DBusMessageIter * iterator, DBusMessageIter * inner),               \
    (iterator, inner), 0)                                                                                                \
  X(int, dbus_message_iter_get_arg_type, (DBusMessageIter * iterator), (iterator), 0)                                    \
  X(int, dbus_message_iter_get_element_type, (DBusMessageIter * iterator), (iterator), 0)                                \
  X(dbus_bool_t, dbus_message_iter_next, (DBusMessageIter * iterator), (iterator), 0)

// Name, parameters, arguments; without a result.
#define PROCEDURES(X)                                                                                                    \
  X(dbus_error_init, (DBusError * error), (error))                                                                       \
  X(dbus_error_free, (DBusError * error), (error))                                                                       \
  X(dbus_connection_set_exit_on_disconnect, (DBusConnection * connection, dbus_bool_t exits), (connection, exits))       \
  X(dbus_connection_close, (DBusConnection * connection), (connection))                                                  \
  X(dbus_connection_unref, (DBusConnection * connection), (connection))                                                  \
  X(dbus_connection_flush, (DBusConnection * connection), (connection))                                                  \
  X(dbus_message_unref, (DBusMessage * message), (message))                                                              \
  X(dbus_message_iter_init_append, (DBusMessage * message, DBusMessageIter * iterator), (message, iterator))             \
  X(dbus_message_iter_get_basic, (DBusMessageIter * iterator, void *value), (iterator, value))                           \
  X(dbus_message_iter_recurse, (DBusMessageIter * iterator, DBusMessageIter * inner), (iterator, inner))

typedef struct {
#define X(result, name, parameters, arguments, failure) result(*name) parameters;
  FUNCTIONS(X)
#undef X
#define X(name, parameters, arguments) void(*name) parameters;
  PROCEDURES(X)
#undef X
} functions_t;

static const cdynamic_symbol symbols[] = {
#define X(result, name, parameters, arguments, failure) {#name, offsetof(functions_t, name)},
    FUNCTIONS(X)
#undef X
#define X(name, parameters, arguments) {#name, offsetof(functions_t, name)},
    PROCEDURES(X)
#undef X
};

static functions_t library;
static pthread_once_t opened = PTHREAD_ONCE_INIT;
static int is_open;
static char reason[512];

static void open_library(void) {
  void *handle = cdynamic_open("libdbus-1.so.3", reason, sizeof reason);
  if (!handle) {
    size_t used = strlen(reason);
    snprintf(reason + used, sizeof reason - used, "; install libdbus-1-3");
    return;
  }
  is_open = cdynamic_resolve(
                handle, symbols, sizeof symbols / sizeof *symbols, &library, "libdbus 1.14 or later is needed", reason,
                sizeof reason) == 0;
  if (!is_open) cdynamic_close(handle);
}

static DBusConnection *unavailable(DBusError *error) {
  error->name = "library";
  error->message = reason;
  return NULL;
}

#define X(result, name, parameters, arguments, failure)                                                                  \
  result name parameters {                                                                                               \
    pthread_once(&opened, open_library);                                                                                 \
    return is_open ? library.name arguments : failure;                                                                   \
  }
FUNCTIONS(X)
#undef X

#define X(name, parameters, arguments)                                                                                   \
  void name parameters {                                                                                                 \
    pthread_once(&opened, open_library);                                                                                 \
    if (is_open) library.name arguments;                                                                                 \
  }
PROCEDURES(X)
#undef X
