/// Shared libraries that are opened at run time: a build needs neither their headers nor their files, and a program that
/// does not use one needs no file of it either.
#ifndef VRBRIDGE_DYNAMIC_LIBRARY_H
#define VRBRIDGE_DYNAMIC_LIBRARY_H

#include <stddef.h>

/// A function of a library, and the offset in the caller's structure at which its address is stored.
typedef struct {
  const char *name;
  size_t offset;
} cdynamic_symbol;

/// Checks that only root and the user of this process can change a library, the libraries beside it and the folders above.
///
/// A library runs with the rights of the process: another user who can write its file or its folder would gain them.
/// Returns 0, with the path without symbolic links in `resolved` (PATH_MAX bytes); -1 with the reason and the remedy in
/// `error`.
int cdynamic_check(const char *file, char *resolved, char *error, size_t error_size);

/// As `cdynamic_check`, for libraries of the system: files, folders and those above belong to root.
int cdynamic_check_system(const char *file, char *resolved, char *error, size_t error_size);

/// Opens a library by path, after `cdynamic_check`, or by name in the linker's folders, after `cdynamic_check_system`.
///
/// Returns its handle; NULL on failure, with the linker's reason in `error`.
void *cdynamic_open(const char *file, char *error, size_t error_size);

/// Stores the addresses of functions in `structure`.
///
/// Returns 0; -1 when the library lacks one of them, with its name followed by `explanation` in `error`.
int cdynamic_resolve(
    void *handle, const cdynamic_symbol *symbols, size_t count, void *structure, const char *explanation, char *error,
    size_t error_size);

/// Closes a library that was rejected. A library in use stays open for the life of the process: its threads run on.
void cdynamic_close(void *handle);

#endif
