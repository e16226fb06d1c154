#define _GNU_SOURCE
#include "CLinux.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#ifndef F_SEAL_FUTURE_WRITE
#define F_SEAL_FUTURE_WRITE 0x0010 /* Linux 5.1 */
#endif
#ifndef SO_PASSRIGHTS
#define SO_PASSRIGHTS 83 /* Linux 6.16, asm-generic/socket.h */
#endif

int linux_sealed_memory(const char *name, size_t size, void **address) {
    int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0) return -errno;
    int error = 0;
    void *map = MAP_FAILED;
    if (ftruncate(fd, (off_t)size) < 0) error = errno;
    if (!error) {
        map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        if (map == MAP_FAILED) error = errno;
    }
    if (!error && fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_FUTURE_WRITE | F_SEAL_SEAL) < 0)
        error = errno;
    if (error) {
        if (map != MAP_FAILED) munmap(map, size);
        close(fd);
        return -error;
    }
    *address = map;
    return fd;
}

int linux_memory_file(const char *name) {
    int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
    return fd < 0 ? -errno : fd;
}

int linux_packet_pair(int fds[2]) {
    return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) < 0 ? -errno : 0;
}

static int unix_address(const char *path, struct sockaddr_un *address) {
    memset(address, 0, sizeof *address);
    address->sun_family = AF_UNIX;
    size_t length = strlen(path);
    if (length >= sizeof address->sun_path) return -ENAMETOOLONG;
    memcpy(address->sun_path, path, length + 1);
    return 0;
}

int linux_socket_access(const char *path, uint32_t mode, uint32_t group) {
    int file = open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (file < 0) return errno;
    struct stat info;
    int error = fstat(file, &info) < 0 ? errno : 0;
    if (!error && !S_ISSOCK(info.st_mode)) error = ENOTSOCK;
    if (!error && info.st_uid != geteuid()) error = EPERM;
    if (!error && group != (uint32_t)-1 && fchownat(file, "", (uid_t)-1, group, AT_EMPTY_PATH) < 0) error = errno;
    if (!error) {
        /* fchmod takes no descriptor of O_PATH; the kernel's link leads to the file that is open, whatever the path names
         * by now. */
        char link[32];
        snprintf(link, sizeof link, "/proc/self/fd/%d", file);
        if (chmod(link, mode) < 0) error = errno;
    }
    close(file);
    return error;
}

int linux_unix_listen(const char *path, uint32_t mode) {
    struct sockaddr_un address;
    int error = unix_address(path, &address);
    if (error) return error;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) return -errno;
    /* bind gives the file the mode of the descriptor, less the umask: it is private from its first moment. */
    int failed = fchmod(fd, 0600) < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) < 0;
    error = errno;
    if (!failed && (error = linux_socket_access(path, mode, (uint32_t)-1))) failed = 1;
    if (!failed && listen(fd, 128) < 0) failed = 1, error = errno;
    if (failed) {
        close(fd);
        return -error;
    }
    return fd;
}

int linux_unix_connect(const char *path) {
    struct sockaddr_un address;
    int error = unix_address(path, &address);
    if (error) return error;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return -errno;
    if (connect(fd, (struct sockaddr *)&address, sizeof address) < 0) {
        error = errno;
        close(fd);
        return -error;
    }
    return fd;
}

int linux_accept(int fd) {
    int client = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    return client < 0 ? -errno : client;
}

int linux_peer_credentials(int fd, uint32_t *pid, uint32_t *uid, uint32_t *gid) {
    struct ucred peer;
    socklen_t length = sizeof peer;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) < 0) return -errno;
    *pid = (uint32_t)peer.pid;
    *uid = peer.uid;
    *gid = peer.gid;
    return 0;
}

ssize_t linux_send(int fd, const void *bytes, size_t count, int passed_fd) {
    struct iovec part = {.iov_base = (void *)(uintptr_t)bytes, .iov_len = count};
    union {
        char space[CMSG_SPACE(sizeof(int))];
        struct cmsghdr alignment;
    } control;
    struct msghdr message;
    memset(&message, 0, sizeof message);
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    if (passed_fd >= 0) {
        memset(&control, 0, sizeof control);
        message.msg_control = control.space;
        message.msg_controllen = sizeof control.space;
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(header), &passed_fd, sizeof(int));
    }
    ssize_t sent;
    do sent = sendmsg(fd, &message, MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    return sent < 0 ? -errno : sent;
}

ssize_t linux_receive(int fd, void *bytes, size_t capacity, int *passed_fd, int *had_more) {
    struct iovec part = {.iov_base = bytes, .iov_len = capacity};
    union {
        char space[CMSG_SPACE(sizeof(int))];
        struct cmsghdr alignment;
    } control;
    struct msghdr message;
    memset(&message, 0, sizeof message);
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control.space;
    /* CMSG_SPACE has room for a second descriptor on 64 bits. */
    message.msg_controllen = CMSG_LEN(sizeof(int));
    *passed_fd = -1;
    *had_more = 0;
    ssize_t count;
    do count = recvmsg(fd, &message, MSG_CMSG_CLOEXEC);
    while (count < 0 && errno == EINTR);
    if (count < 0) return -errno;
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    if (header && header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS)
        memcpy(passed_fd, CMSG_DATA(header), sizeof(int));
    *had_more = (message.msg_flags & MSG_CTRUNC) != 0;
    return count;
}

ssize_t linux_receive_bytes(int fd, void *bytes, size_t capacity, int *had_descriptors) {
    struct iovec part = {.iov_base = bytes, .iov_len = capacity};
    struct msghdr message;
    memset(&message, 0, sizeof message);
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    ssize_t count;
    do count = recvmsg(fd, &message, MSG_CMSG_CLOEXEC);
    while (count < 0 && errno == EINTR);
    /* Without room for control messages, passed descriptors show only in this flag. */
    *had_descriptors = count >= 0 && (message.msg_flags & MSG_CTRUNC) != 0;
    return count < 0 ? -errno : count;
}

void linux_set_descriptor_passing(int fd, bool can_pass) {
    int value = can_pass;
    (void)setsockopt(fd, SOL_SOCKET, SO_PASSRIGHTS, &value, sizeof value);
}
