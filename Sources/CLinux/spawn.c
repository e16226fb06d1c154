#define _GNU_SOURCE
#include "CLinux.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* Mapped without access first: a mapping that mlockall(2) locks from its beginning would be filled as a whole. */
static int map(int fd, size_t size, void **address) {
    void *made = mmap(NULL, size, PROT_NONE, MAP_SHARED, fd, 0);
    if (made == MAP_FAILED) return -errno;
    if (munlock(made, size) < 0 || mprotect(made, size, PROT_READ | PROT_WRITE) < 0) {
        int error = errno;
        munmap(made, size);
        return -error;
    }
    *address = made;
    return 0;
}

int linux_exchange_memory(const char *name, size_t size, void **address) {
    int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0) return -errno;
    int error = 0;
    if (ftruncate(fd, (off_t)size) < 0 || fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0)
        error = -errno;
    if (!error) error = map(fd, size, address);
    if (error) {
        close(fd);
        return error;
    }
    return fd;
}

int linux_map_exchange(int fd, size_t size, void **address) {
    struct stat info;
    if (fstat(fd, &info) < 0) return -errno;
    if (info.st_size < 0 || (uint64_t)info.st_size < size) return -EINVAL;
    return map(fd, size, address);
}

int linux_unmap_exchange(void *address, size_t size) { return munmap(address, size) < 0 ? -errno : 0; }

int linux_discard_exchange(void *address, size_t size) { return madvise(address, size, MADV_REMOVE) < 0 ? -errno : 0; }

/* A copy of a descriptor above those that the new process gets, so that no copy overwrites another. */
static int above(int fd) { return fcntl(fd, F_DUPFD_CLOEXEC, 16); }

int linux_spawn(const char *path, char *const arguments[], char *const environment[], int socket, int memory,
                pid_t *process) {
    int own_socket = above(socket);
    if (own_socket < 0) return -errno;
    int own_memory = above(memory);
    if (own_memory < 0) {
        int error = errno;
        close(own_socket);
        return -error;
    }
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    int error = posix_spawn_file_actions_init(&files);
    if (!error) {
        error = posix_spawnattr_init(&attributes);
        if (!error) {
            for (int fd = 0; fd < 3 && !error; fd++)
                error = posix_spawn_file_actions_addopen(&files, fd, "/dev/null", O_RDWR, 0);
            if (!error) error = posix_spawn_file_actions_adddup2(&files, own_socket, LINUX_SPAWNED_SOCKET);
            if (!error) error = posix_spawn_file_actions_adddup2(&files, own_memory, LINUX_SPAWNED_MEMORY);
            if (!error) error = posix_spawn_file_actions_addclosefrom_np(&files, LINUX_SPAWNED_MEMORY + 1);
            if (!error) error = posix_spawnattr_setsigmask(&attributes, &none);
            if (!error) error = posix_spawnattr_setsigdefault(&attributes, &all);
            if (!error)
                error = posix_spawnattr_setflags(
                    &attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
            if (!error) error = posix_spawn(process, path, &files, &attributes, arguments, environment);
            posix_spawnattr_destroy(&attributes);
        }
        posix_spawn_file_actions_destroy(&files);
    }
    close(own_socket);
    close(own_memory);
    return -error;
}

int linux_reap(pid_t process, int *status) {
    pid_t ended;
    do ended = waitpid(process, status, 0);
    while (ended < 0 && errno == EINTR);
    return ended < 0 ? -errno : 0;
}

int linux_wait_readable(int fd, int64_t timeout_ns) {
    int64_t end = linux_monotonic_ns() + timeout_ns;
    struct pollfd entry = {.fd = fd, .events = POLLIN};
    for (;;) {
        int64_t left = end - linux_monotonic_ns();
        if (left < 0) left = 0;
        struct timespec patience = {.tv_sec = left / 1000000000, .tv_nsec = left % 1000000000};
        int ready = ppoll(&entry, 1, &patience, NULL);
        if (ready >= 0) return ready;
        if (errno != EINTR) return -errno;
    }
}
