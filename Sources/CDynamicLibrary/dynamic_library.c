#include "dynamic_library.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

void *cdynamic_open(const char *file, char *error, size_t error_size) {
  // RTLD_LOCAL: two libraries may each bring symbols of the same name.
  void *handle = dlopen(file, RTLD_NOW | RTLD_LOCAL);
  if (!handle) {
    const char *reason = dlerror();
    snprintf(error, error_size, "%s", reason ? reason : "it can't be opened");
  }
  return handle;
}

int cdynamic_resolve(
    void *handle, const cdynamic_symbol *symbols, size_t count, void *structure, const char *explanation, char *error,
    size_t error_size) {
  for (size_t i = 0; i < count; i++) {
    void *address = dlsym(handle, symbols[i].name);
    if (!address) {
      snprintf(error, error_size, "it has no %s: %s", symbols[i].name, explanation);
      return -1;
    }
    // POSIX gives object and function pointers the same representation.
    memcpy((char *)structure + symbols[i].offset, &address, sizeof address);
  }
  return 0;
}

void cdynamic_close(void *handle) { dlclose(handle); }
