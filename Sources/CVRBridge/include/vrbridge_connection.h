/* vrbridge_connection.h - connect to vrbridge and map its pose page; a part of vrbridge.h.
 *
 * Programs include vrbridge.h, which includes this header. Both have to lie in one folder.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef VRBRIDGE_CONNECTION_H
#define VRBRIDGE_CONNECTION_H

/* First, for what it defines before the headers of libc. */
#include "vrbridge.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Closes the connection and unmaps the page. */
static inline void vrb_disconnect(vrb_client *client) {
    if (client->page) munmap((void *)(uintptr_t)client->page, client->page_size);
    if (client->socket >= 0) close(client->socket);
    client->page = NULL;
    client->socket = -1;
}

/* Sends Hello and OpenPosePage and takes the page's descriptor out of the reply. */
static inline int vrb_handshake(vrb_client *client) {
    /* Two ClientFrames, each behind its length (u32, little-endian); see docs/reference/protocol.md.
     * { request_id: 1, hello: { protocol_version: 1000, client_name: "vrbridge.h" } }
     * { request_id: 2, open_pose_page: {} } */
    static const unsigned char request[] = {
        19, 0, 0, 0, 0x08, 1, 0x12, 15, 0x08, 0xe8, 0x07, 0x1a, 10,
        'v', 'r', 'b', 'r', 'i', 'd', 'g', 'e', '.', 'h', 4, 0, 0, 0, 0x08, 2, 0x2a, 0};
    if (send(client->socket, request, sizeof request, MSG_NOSIGNAL) != (ssize_t)sizeof request) return -errno;
    struct timeval patience;
    memset(&patience, 0, sizeof patience);
    patience.tv_sec = 2;
    setsockopt(client->socket, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    int fd = -1;
    size_t total = 0;
    while (fd < 0) {
        char bytes[1024];
        union {
            char space[CMSG_SPACE(sizeof(int))];
            struct cmsghdr alignment;
        } control;
        struct iovec part;
        struct msghdr message;
        memset(&message, 0, sizeof message);
        part.iov_base = bytes;
        part.iov_len = sizeof bytes;
        message.msg_iov = &part;
        message.msg_iovlen = 1;
        message.msg_control = control.space;
        message.msg_controllen = sizeof control.space;
        ssize_t count = recvmsg(client->socket, &message, MSG_CMSG_CLOEXEC);
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) return errno == EAGAIN ? -ETIMEDOUT : -errno;
        /* The bridge answers a client that it does not want with an error and the end. */
        if (count == 0) return -EACCES;
        total += (size_t)count;
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        if (header && header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS)
            memcpy(&fd, CMSG_DATA(header), sizeof fd);
        else if (total > 65536)
            return -EPROTO;
    }
    struct stat info;
    void *map = MAP_FAILED;
    int error = 0;
    if (fstat(fd, &info) < 0)
        error = -errno;
    else if (info.st_size < (off_t)sizeof(vrb_page))
        error = -EPROTO;
    else if ((map = mmap(NULL, (size_t)info.st_size, PROT_READ, MAP_SHARED, fd, 0)) == MAP_FAILED)
        error = -errno;
    close(fd);
    if (error) return error;
    client->page = (const vrb_page *)map;
    client->page_size = (size_t)info.st_size;
    if (client->page->magic != VRB_PAGE_MAGIC || client->page->layout_version != VRB_LAYOUT_VERSION ||
        client->page->slot_size != sizeof(vrb_slot) || client->page->slot_count != VRB_SLOT_COUNT)
        return -EPROTONOSUPPORT;
    fcntl(client->socket, F_SETFL, O_NONBLOCK);
    return 0;
}

static inline int vrb_open(vrb_client *client) {
    struct sockaddr_un address;
    memset(&address, 0, sizeof address);
    address.sun_family = AF_UNIX;
    memcpy(address.sun_path, client->path, sizeof address.sun_path);
    client->socket = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (client->socket < 0) return -errno;
    int error = connect(client->socket, (struct sockaddr *)&address, sizeof address) < 0 ? -errno
                                                                                          : vrb_handshake(client);
    if (error) vrb_disconnect(client);
    return error;
}

/* Writes the default paths of a bridge's socket: the user's, then the system's. Returns their number, or -ENAMETOOLONG. */
static inline int vrb_socket_paths(char paths[2][108]) {
    static const char system_path[] = "/run/vrbridge/vrbridge.sock";
    const char *directory = getenv("XDG_RUNTIME_DIR");
    unsigned user = (unsigned)geteuid();
    struct stat info;
    int count = 0, length = 0;
    if (directory && *directory) {
        length = snprintf(paths[count++], 108, "%s/vrbridge/vrbridge.sock", directory);
    } else if (user != 0) {
        snprintf(paths[0], 108, "/run/user/%u", user);
        if (lstat(paths[0], &info) == 0 && S_ISDIR(info.st_mode) && info.st_uid == user) {
            length = snprintf(paths[count++], 108, "/run/user/%u/vrbridge/vrbridge.sock", user);
        } else {
            /* Other users may make folders in /tmp; only one of this user, closed to others, counts. */
            snprintf(paths[0], 108, "/tmp/vrbridge-%u", user);
            if (lstat(paths[0], &info) == 0 && S_ISDIR(info.st_mode) && info.st_uid == user && !(info.st_mode & 077))
                length = snprintf(paths[count++], 108, "/tmp/vrbridge-%u/vrbridge.sock", user);
        }
    }
    if (length < 0 || length >= 108) return -ENAMETOOLONG;
    memcpy(paths[count++], system_path, sizeof system_path);
    return count;
}

/* Connects to a bridge. `path` is its socket; NULL stands for $VRBRIDGE_SOCKET, else the user's socket, else
 * /run/vrbridge/vrbridge.sock. The user's is in $XDG_RUNTIME_DIR/vrbridge, in /run/user/UID/vrbridge or in
 * /tmp/vrbridge-UID (docs/reference/protocol.md). Returns 0 or a negative errno: -ENOENT and -ECONNREFUSED: no bridge is
 * running; -EACCES: no permission; -EPROTONOSUPPORT: another major version; -ENAMETOOLONG: a path has more than 107 bytes.
 * After another error the client stays usable: vrb_poll retries. */
static inline int vrb_connect(vrb_client *client, const char *path) {
    char paths[2][108];
    memset(client, 0, sizeof *client);
    memset(paths, 0, sizeof paths);
    client->socket = -1;
    if (!path) path = getenv("VRBRIDGE_SOCKET");
    int count = 1;
    if (path && *path) {
        if (strlen(path) >= sizeof client->path) return -ENAMETOOLONG;
        memcpy(paths[0], path, strlen(path) + 1);
    } else {
        count = vrb_socket_paths(paths);
        if (count < 0) return count;
    }
    int error = -ENOENT;
    for (int i = 0; i < count && error == -ENOENT; i++) {
        memcpy(client->path, paths[i], sizeof client->path);
        error = vrb_open(client);
    }
    if (error == -ENOENT) memcpy(client->path, paths[0], sizeof client->path);
    return error;
}

/* Checks the connection, and reconnects at most five times a second. Call it once a frame. Returns 1 if connected,
 * else 0. Slots may differ after a reconnection. */
static inline int vrb_poll(vrb_client *client) {
    if (client->socket >= 0) {
        char bytes[256];
        ssize_t count;
        do count = recv(client->socket, bytes, sizeof bytes, MSG_DONTWAIT);
        while (count > 0 || (count < 0 && errno == EINTR));
        if (count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return 1;
        vrb_disconnect(client);
    }
    int64_t now = vrb_now();
    if (now < client->next_attempt_ns) return 0;
    client->next_attempt_ns = now + 200000000;
    return vrb_open(client) == 0;
}

#ifdef __cplusplus
}
#endif
#endif
