#include "dynamic_library.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/// Returns whether a group is the private one of this user: it has the user's name and no other member.
///
/// With the umask 002 of such systems every folder of a user can be written by the group. Root has no such convention.
static int is_private_group(gid_t group) {
  char names[2][1024];
  struct passwd user, *found_user = NULL;
  struct group entry, *found_group = NULL;
  if (geteuid() == 0 || getpwuid_r(geteuid(), &user, names[0], sizeof names[0], &found_user) != 0 || !found_user ||
      user.pw_gid != group || getgrgid_r(group, &entry, names[1], sizeof names[1], &found_group) != 0 || !found_group)
    return 0;
  if (strcmp(entry.gr_name, user.pw_name) != 0) return 0;
  for (char **member = entry.gr_mem; *member; member++)
    if (strcmp(*member, user.pw_name) != 0) return 0;
  return 1;
}

/// Returns whether only root and the user of this process can change a file or the entries of a folder.
///
/// `is_above`: a folder above that of the library. There the sticky bit suffices: nobody else can replace the entry that
/// the path goes through, and its owner is checked.
static int is_safe(const char *path, int is_above, char *error, size_t error_size) {
  struct stat info;
  if (stat(path, &info) != 0) {
    snprintf(error, error_size, "%s can't be examined: %s", path, strerror(errno));
    return 0;
  }
  const char *kind = S_ISDIR(info.st_mode) ? "folder" : "file";
  if (info.st_uid != 0 && info.st_uid != geteuid()) {
    snprintf(
        error, error_size, "the %s %s belongs to user %u, who could replace the library; move the library to a folder of "
        "root or of this user", kind, path, (unsigned)info.st_uid);
    return 0;
  }
  if (!(info.st_mode & S_IWOTH) && (!(info.st_mode & S_IWGRP) || is_private_group(info.st_gid))) return 1;
  if (is_above && (info.st_mode & S_ISVTX)) return 1;
  // The sticky bit of /tmp keeps others from replacing a file, not from adding one that the linker finds; its mode is
  // the system's to set.
  if (info.st_mode & S_ISVTX) {
    snprintf(
        error, error_size, "the %s %s is open to all users; move the library to a folder that only root or this user can "
        "change", kind, path);
  } else {
    snprintf(
        error, error_size, "the %s %s can be changed by other users; run: chmod go-w '%s', or move the library to a folder "
        "that only root or this user can change", kind, path, path);
  }
  return 0;
}

/// Checks a path and all folders above it; `path` is absolute and without symbolic links.
static int is_safe_path(const char *path, char *error, size_t error_size) {
  // No longer than PATH_MAX: realpath made it.
  char part[PATH_MAX];
  const char *last = strrchr(path, '/');
  if (!is_safe("/", last != path, error, error_size)) return 0;
  for (const char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
    const size_t length = (size_t)(slash - path);
    memcpy(part, path, length);
    part[length] = 0;
    if (!is_safe(part, slash != last, error, error_size)) return 0;
  }
  return is_safe(path, 0, error, error_size);
}

/// Checks the other libraries in the folder: the linker loads those that the library needs from there.
static int are_neighbours_safe(const char *path, char *error, size_t error_size) {
  char folder[PATH_MAX], file[PATH_MAX + NAME_MAX + 2];
  snprintf(folder, sizeof folder, "%s", path);
  char *slash = strrchr(folder, '/');
  if (!slash) return 1;
  *slash = 0;
  DIR *list = opendir(slash == folder ? "/" : folder);
  if (!list) return 1;
  int safe = 1;
  for (struct dirent *entry = readdir(list); entry && safe; entry = readdir(list)) {
    if (!strstr(entry->d_name, ".so")) continue;
    snprintf(file, sizeof file, "%s/%s", folder, entry->d_name);
    struct stat info;
    // A link that leads nowhere is not loaded.
    if (stat(file, &info) == 0) safe = is_safe(file, 0, error, error_size);
  }
  closedir(list);
  return safe;
}

int cdynamic_check(const char *file, char *resolved, char *error, size_t error_size) {
  if (!realpath(file, resolved)) {
    snprintf(error, error_size, "%s can't be opened: %s", file, strerror(errno));
    return -1;
  }
  return is_safe_path(resolved, error, error_size) && are_neighbours_safe(resolved, error, error_size) ? 0 : -1;
}

/// Checks a library that LD_LIBRARY_PATH leads to. The linker's other folders belong to the system or to the program.
static int check_search_path(const char *name, char *error, size_t error_size) {
  const char *path = getenv("LD_LIBRARY_PATH");
  for (const char *begin = path; begin && *begin;) {
    const size_t length = strcspn(begin, ":;");
    char file[PATH_MAX], resolved[PATH_MAX];
    const int written = snprintf(file, sizeof file, "%.*s/%s", (int)length, length ? begin : ".", name);
    if (written > 0 && (size_t)written < sizeof file && access(file, F_OK) == 0)
      return cdynamic_check(file, resolved, error, error_size);
    begin += length + (begin[length] != 0);
  }
  return 0;
}

void *cdynamic_open(const char *file, char *error, size_t error_size) {
  char resolved[PATH_MAX];
  if (strchr(file, '/')) {
    if (cdynamic_check(file, resolved, error, error_size) != 0) return NULL;
    // The checked path: the given one may lead elsewhere by now.
    file = resolved;
  } else if (check_search_path(file, error, error_size) != 0) {
    return NULL;
  }
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
