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

/// Who may own a library: the system's are root's.
enum owners { ROOT, ROOT_OR_USER };

/// Returns whether only root and, for `ROOT_OR_USER`, the user of this process can change a file or the entries of a folder.
///
/// `is_above`: a folder above that of the library. There the sticky bit suffices: nobody else can replace the entry that
/// the path goes through, and its owner is checked.
static int is_safe(const char *path, int is_above, enum owners owners, char *error, size_t error_size) {
  struct stat info;
  if (stat(path, &info) != 0) {
    snprintf(error, error_size, "%s can't be examined: %s", path, strerror(errno));
    return 0;
  }
  const char *kind = S_ISDIR(info.st_mode) ? "folder" : "file";
  if (info.st_uid != 0 && owners == ROOT) {
    snprintf(
        error, error_size, "the %s %s belongs to user %u, and the libraries of the system to root; name the file where it "
        "is yours, or install it as root", kind, path, (unsigned)info.st_uid);
    return 0;
  }
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
static int is_safe_path(const char *path, enum owners owners, char *error, size_t error_size) {
  // No longer than PATH_MAX: realpath made it.
  char part[PATH_MAX];
  const char *last = strrchr(path, '/');
  if (!is_safe("/", last != path, owners, error, error_size)) return 0;
  for (const char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
    const size_t length = (size_t)(slash - path);
    memcpy(part, path, length);
    part[length] = 0;
    if (!is_safe(part, slash != last, owners, error, error_size)) return 0;
  }
  return is_safe(path, 0, owners, error, error_size);
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
    if (stat(file, &info) == 0) safe = is_safe(file, 0, ROOT_OR_USER, error, error_size);
  }
  closedir(list);
  return safe;
}

static int check(const char *file, enum owners owners, char *resolved, char *error, size_t error_size) {
  if (!realpath(file, resolved)) {
    snprintf(error, error_size, "%s can't be opened: %s", file, strerror(errno));
    return -1;
  }
  return is_safe_path(resolved, owners, error, error_size) && are_neighbours_safe(resolved, error, error_size) ? 0 : -1;
}

int cdynamic_check(const char *file, char *resolved, char *error, size_t error_size) {
  return check(file, ROOT_OR_USER, resolved, error, error_size);
}

int cdynamic_check_system(const char *file, char *resolved, char *error, size_t error_size) {
  return check(file, ROOT, resolved, error, error_size);
}

/// Reads class, byte order and machine of an ELF file.
static int read_machine(const char *file, unsigned char machine[4]) {
  unsigned char head[20];
  FILE *stream = fopen(file, "re");
  if (!stream) return 0;
  const size_t count = fread(head, 1, sizeof head, stream);
  fclose(stream);
  if (count != sizeof head || memcmp(head, "\177ELF", 4) != 0) return 0;
  memcpy(machine, head + 4, 2);
  memcpy(machine + 2, head + 18, 2);
  return 1;
}

/// Returns whether a library is for this program; folders of another architecture may come first.
static int is_for_this_machine(const char *file) {
  unsigned char own[4], other[4];
  return read_machine("/proc/self/exe", own) && read_machine(file, other) && memcmp(own, other, sizeof own) == 0;
}

/// Finds a name in folders that are separated by ':', ';' or line ends; comments and other lines name no folder.
static int find_in(const char *folders, const char *name, char *file) {
  for (const char *begin = folders; begin && *begin;) {
    const size_t length = strcspn(begin, ":;\n");
    const int written = snprintf(file, PATH_MAX, "%.*s/%s", (int)length, begin, name);
    if (*begin == '/' && written > 0 && written < PATH_MAX && is_for_this_machine(file)) return 1;
    begin += length + (begin[length] != 0);
  }
  return 0;
}

/// Finds a name as the linker does: LD_LIBRARY_PATH, the folders of /etc/ld.so.conf.d, and its standard ones.
///
/// The linker would run the code of a library before it can be asked where it found it.
static int find(const char *name, char *file) {
  static const char configuration[] = "/etc/ld.so.conf.d";
  if (find_in(getenv("LD_LIBRARY_PATH"), name, file)) return 1;
  struct dirent **entries = NULL;
  const int count = scandir(configuration, &entries, NULL, alphasort);
  int found = 0;
  for (int i = 0; i < count; i++) {
    char path[sizeof configuration + NAME_MAX + 2], text[4096];
    snprintf(path, sizeof path, "%s/%s", configuration, entries[i]->d_name);
    FILE *list = found || entries[i]->d_name[0] == '.' ? NULL : fopen(path, "re");
    if (list) {
      text[fread(text, 1, sizeof text - 1, list)] = 0;
      fclose(list);
      found = find_in(text, name, file);
    }
    free(entries[i]);
  }
  free(entries);
  return found || find_in("/lib64:/usr/lib64:/lib:/usr/lib:/usr/local/lib", name, file);
}

void *cdynamic_open(const char *file, char *error, size_t error_size) {
  char named[PATH_MAX], resolved[PATH_MAX];
  if (strchr(file, '/')) {
    if (cdynamic_check(file, resolved, error, error_size) != 0) return NULL;
  } else {
    if (!find(file, named)) {
      snprintf(error, error_size, "%s is in none of the system's folders of libraries", file);
      return NULL;
    }
    if (cdynamic_check_system(named, resolved, error, error_size) != 0) return NULL;
  }
  // The checked path: the given one may lead elsewhere by now.
  file = resolved;
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
