/* vrbridge.h - read poses from vrbridge without linking anything.
 *
 * One header for C99 and C++11 (GCC or Clang), needing only libc. Drop it in, call vrb_connect once, then
 * vrb_newest or vrb_at as often as you like: they read shared memory and make no system call.
 *
 *     vrb_client bridge;
 *     if (vrb_connect(&bridge, NULL) < 0) ...;
 *     vrb_pose head;
 *     int slot = vrb_find_role(&bridge, VRB_ROLE_HEAD);
 *     if (slot >= 0 && vrb_at(&bridge, slot, display_time_ns, &head) == 0) ...;
 *     vrb_poll(&bridge);  // once a frame: notices a bridge that went away, and comes back to it
 *
 * Times are nanoseconds of CLOCK_MONOTONIC. Frames are OpenXR's: right-handed, +X right, +Y up, -Z forward,
 * metres, radians, quaternions (x, y, z, w). A pose is world-from-device; velocities are in the world's axes.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef VRBRIDGE_H
#define VRBRIDGE_H

/* Under -std=c99 or c11 the clock is hidden without this; include the header first then. */
#if defined(__STRICT_ANSI__) && !defined(_GNU_SOURCE)
#define _GNU_SOURCE
#endif

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- layout of the pose page (version 1, little-endian; docs/protocol.md) ------------------------------- */

#define VRB_PAGE_MAGIC UINT64_C(0x3145474150425256) /* "VRBPAGE1" */
#define VRB_LAYOUT_VERSION 1u
#define VRB_PROTOCOL_VERSION 1000u
#define VRB_SLOT_COUNT 32u
#define VRB_HISTORY_LENGTH 256u

/* How a pose was made and what of it may be trusted. */
enum {
    VRB_FLAG_ORIENTATION_VALID = 1 << 0,
    VRB_FLAG_ORIENTATION_TRACKED = 1 << 1,
    VRB_FLAG_POSITION_VALID = 1 << 2,
    VRB_FLAG_POSITION_TRACKED = 1 << 3,
    VRB_FLAG_EXACT = 1 << 4,
    VRB_FLAG_INTERPOLATED = 1 << 5,
    VRB_FLAG_PREDICTED = 1 << 6,
    VRB_FLAG_PREDICTION_CAPPED = 1 << 7,
    VRB_FLAG_AT_REST = 1 << 8,
    VRB_FLAG_DEGRADED = 1 << 9,
    VRB_FLAG_RECORDED = 1 << 10,
    VRB_FLAG_EMULATED = 1 << 11,
    VRB_FLAG_LOST = 1 << 12,
    /* The position is that of a neck or an arm that turns, not a measured one. */
    VRB_FLAG_POSITION_MODELLED = 1 << 13
};

enum {
    VRB_ROLE_NONE = 0,
    VRB_ROLE_HEAD = 1,
    VRB_ROLE_LEFT_HAND = 2,
    VRB_ROLE_RIGHT_HAND = 3,
    VRB_ROLE_CHEST = 4,
    VRB_ROLE_WAIST = 5,
    VRB_ROLE_LEFT_ELBOW = 6,
    VRB_ROLE_RIGHT_ELBOW = 7,
    VRB_ROLE_LEFT_KNEE = 8,
    VRB_ROLE_RIGHT_KNEE = 9,
    VRB_ROLE_LEFT_FOOT = 10,
    VRB_ROLE_RIGHT_FOOT = 11,
    VRB_ROLE_TRACKER = 12
};

/* One state of one device; 184 bytes, no padding. */
typedef struct vrb_pose {
    int64_t captured_ns;     /* the time that the pose is of */
    int64_t received_ns;     /* when the bytes were read that it rests on */
    double orientation[4];   /* x, y, z, w */
    double position[3];      /* m; meaningful when a position flag is set */
    double angular_velocity[3]; /* rad/s, world axes */
    double linear_velocity[3];  /* m/s, world axes */
    float sigma_inclination; /* one standard deviation, rad; NaN when unknown */
    float sigma_heading;     /* rad */
    float sigma_position;    /* m */
    uint32_t flags;          /* VRB_FLAG_... */
    /* rad/s, world axes: the mean angular velocity that is foreseen from captured_ns to 20, 40, 60, 100 ms after it */
    float rate_ahead[4][3];
} vrb_pose;

#define VRB_POSE_WORDS 23u

/* A pose under a sequence lock: odd while it is being written. */
typedef struct vrb_entry {
    uint64_t sequence;
    uint64_t words[VRB_POSE_WORDS];
} vrb_entry;

typedef struct vrb_slot {
    uint64_t identity_sequence; /* odd while the identity is being written; 0: never used */
    uint32_t device_id;         /* 0: the slot is free */
    uint32_t role;              /* VRB_ROLE_... */
    uint32_t origin;            /* 0 hardware, 1 recorded, 2 emulated */
    uint32_t connected;         /* 0 or 1 */
    char name[40];              /* UTF-8, zero-terminated */
    uint64_t published;         /* states written so far; the newest is history[(published - 1) % length] */
    uint64_t reserved[6];
    vrb_entry newest;
    vrb_entry history[VRB_HISTORY_LENGTH];
    uint64_t padding[1];
} vrb_slot;

typedef struct vrb_page {
    uint64_t magic;
    uint32_t layout_version;
    uint32_t slot_count;
    uint32_t slot_size;
    uint32_t history_length;
    int64_t started_ns; /* when the bridge made the page */
    uint32_t closed;    /* 1: the bridge has gone down in order */
    uint32_t reserved0;
    uint64_t reserved[3];
    vrb_slot slots[VRB_SLOT_COUNT];
} vrb_page;

#if defined(__cplusplus)
static_assert(sizeof(vrb_pose) == VRB_POSE_WORDS * 8, "layout of vrb_pose");
static_assert(sizeof(vrb_slot) % 64 == 0, "layout of vrb_slot");
#else
_Static_assert(sizeof(vrb_pose) == VRB_POSE_WORDS * 8, "layout of vrb_pose");
_Static_assert(sizeof(vrb_slot) % 64 == 0, "layout of vrb_slot");
#endif

/* ---- reading ------------------------------------------------------------------------------------------- */

typedef struct vrb_client {
    int socket;
    const vrb_page *page;
    size_t page_size;
    int64_t next_attempt_ns;
    char path[108];
} vrb_client;

static inline int64_t vrb_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* Copies an entry that may be written at the same time. Returns its sequence number, 0 when there is none or
 * the writer was in the way every time (it writes for some 20 ns; 64 attempts are microseconds). */
static inline uint64_t vrb_copy_entry(const vrb_entry *entry, vrb_pose *pose) {
    for (int attempt = 0; attempt < 64; attempt++) {
        uint64_t before = __atomic_load_n(&entry->sequence, __ATOMIC_ACQUIRE);
        if (before == 0) return 0;
        if (before & 1) continue;
        uint64_t words[VRB_POSE_WORDS];
        for (unsigned i = 0; i < VRB_POSE_WORDS; i++)
            words[i] = __atomic_load_n(&entry->words[i], __ATOMIC_RELAXED);
        __atomic_thread_fence(__ATOMIC_ACQUIRE);
        if (__atomic_load_n(&entry->sequence, __ATOMIC_RELAXED) != before) continue;
        memcpy(pose, words, sizeof *pose);
        return before;
    }
    return 0;
}

static inline const vrb_slot *vrb_slot_at(const vrb_client *client, int slot) {
    return client->page && slot >= 0 && slot < (int)VRB_SLOT_COUNT ? &client->page->slots[slot] : NULL;
}

/* The newest pose of a slot. 0, or -ENOENT when there is none. */
static inline int vrb_newest(const vrb_client *client, int slot, vrb_pose *pose) {
    const vrb_slot *place = vrb_slot_at(client, slot);
    if (!place || !vrb_copy_entry(&place->newest, pose)) return -ENOENT;
    if (!__atomic_load_n(&place->connected, __ATOMIC_ACQUIRE)) pose->flags |= VRB_FLAG_LOST;
    return 0;
}

/* The first connected device with a role; -1 when there is none. */
static inline int vrb_find_role(const vrb_client *client, uint32_t role) {
    if (!client->page) return -1;
    for (int i = 0; i < (int)VRB_SLOT_COUNT; i++) {
        const vrb_slot *slot = &client->page->slots[i];
        if (__atomic_load_n(&slot->connected, __ATOMIC_ACQUIRE) &&
            __atomic_load_n(&slot->role, __ATOMIC_RELAXED) == role)
            return i;
    }
    return -1;
}

static inline void vrb_normalize(double q[4]) {
    /* Near length one, Newton's iteration for 1/sqrt needs no library and few steps. */
    double square = q[0] * q[0] + q[1] * q[1] + q[2] * q[2] + q[3] * q[3];
    if (!(square > 0.25 && square < 2.0)) return;
    double inverse = 1.0;
    for (int i = 0; i < 8; i++) inverse *= 1.5 - 0.5 * square * inverse * inverse;
    for (int i = 0; i < 4; i++) q[i] *= inverse;
}

/* The mean angular velocity that is foreseen over so many seconds, rad/s, world axes. */
static inline void vrb_mean_rate(const vrb_pose *pose, double seconds, double rate[3]) {
    static const double horizons[4] = {0.02, 0.04, 0.06, 0.1};
    double start = 0, before[3];
    for (int i = 0; i < 3; i++) before[i] = pose->angular_velocity[i];
    for (int k = 0; k < 4; k++) {
        if (seconds <= horizons[k] || k == 3) {
            double f = seconds < horizons[k] ? (seconds - start) / (horizons[k] - start) : 1;
            for (int i = 0; i < 3; i++) rate[i] = before[i] + f * ((double)pose->rate_ahead[k][i] - before[i]);
            return;
        }
        start = horizons[k];
        for (int i = 0; i < 3; i++) before[i] = (double)pose->rate_ahead[k][i];
    }
}

/* Turns a pose as it is foreseen to turn; at most 100 ms ahead. */
static inline void vrb_predict(vrb_pose *pose, int64_t time_ns) {
    const int64_t limit = 100000000;
    int64_t ahead = time_ns - pose->captured_ns;
    pose->flags &= ~(uint32_t)(VRB_FLAG_EXACT | VRB_FLAG_INTERPOLATED);
    if (ahead <= 0) {
        pose->flags |= VRB_FLAG_EXACT;
        return;
    }
    pose->flags |= VRB_FLAG_PREDICTED;
    if (ahead > limit) {
        ahead = limit;
        pose->flags |= VRB_FLAG_PREDICTION_CAPPED;
    }
    double seconds = (double)ahead * 1e-9, v[3], rate[3], square = 0;
    vrb_mean_rate(pose, seconds, rate);
    for (int i = 0; i < 3; i++) {
        v[i] = rate[i] * seconds * 0.5;
        square += v[i] * v[i];
    }
    /* sin(h)/h and cos(h) by series; h is below 2 rad at 40 rad/s, where the first term left out is 2e-9. */
    double s = 1, c = 1, term = 1;
    for (int k = 1; k <= 9; k++) {
        term *= -square / (double)((2 * k - 1) * (2 * k));
        c += term;
        s += term / (double)(2 * k + 1);
    }
    double x = v[0] * s, y = v[1] * s, z = v[2] * s, w = c;
    double qx = pose->orientation[0], qy = pose->orientation[1], qz = pose->orientation[2],
           qw = pose->orientation[3];
    pose->orientation[0] = w * qx + x * qw + y * qz - z * qy;
    pose->orientation[1] = w * qy - x * qz + y * qw + z * qx;
    pose->orientation[2] = w * qz + x * qy - y * qx + z * qw;
    pose->orientation[3] = w * qw - x * qx - y * qy - z * qz;
    vrb_normalize(pose->orientation);
    for (int i = 0; i < 3; i++) pose->position[i] += pose->linear_velocity[i] * seconds;
    pose->captured_ns += ahead;
    /* 20 rad/s2 and 10 m/s2 that nobody knows of. */
    pose->sigma_inclination += (float)(10 * seconds * seconds);
    pose->sigma_heading += (float)(10 * seconds * seconds);
    pose->sigma_position += (float)(5 * seconds * seconds);
}

/* The pose at a time: from the history when the time has passed, predicted when it is to come.
 * 0, or -ENOENT when there is none or the time is older than the history. */
static inline int vrb_at(const vrb_client *client, int slot, int64_t time_ns, vrb_pose *pose) {
    vrb_pose later;
    int error = vrb_newest(client, slot, &later);
    if (error) return error;
    const vrb_slot *place = vrb_slot_at(client, slot);
    if (time_ns >= later.captured_ns) {
        *pose = later;
        vrb_predict(pose, time_ns);
        return 0;
    }
    uint32_t lost = later.flags & VRB_FLAG_LOST;
    uint64_t published = __atomic_load_n(&place->published, __ATOMIC_ACQUIRE);
    for (uint64_t back = 1; back <= VRB_HISTORY_LENGTH && back <= published; back++) {
        vrb_pose earlier;
        uint64_t index = published - back;
        uint64_t sequence = vrb_copy_entry(&place->history[index % VRB_HISTORY_LENGTH], &earlier);
        if (sequence != 2 * (index + 1)) return -ENOENT; /* overwritten meanwhile */
        if (earlier.captured_ns > time_ns) {
            later = earlier;
            continue;
        }
        *pose = earlier;
        pose->flags &= ~(uint32_t)(VRB_FLAG_EXACT | VRB_FLAG_PREDICTED | VRB_FLAG_PREDICTION_CAPPED);
        pose->flags |= lost;
        if (earlier.captured_ns == time_ns || later.captured_ns <= earlier.captured_ns) {
            pose->flags |= VRB_FLAG_EXACT;
            return 0;
        }
        /* Neighbours are milliseconds apart: a straight line between them, normalised, is the arc. */
        double f = (double)(time_ns - earlier.captured_ns) / (double)(later.captured_ns - earlier.captured_ns);
        double dot = 0;
        for (int i = 0; i < 4; i++) dot += earlier.orientation[i] * later.orientation[i];
        double sign = dot < 0 ? -1 : 1;
        for (int i = 0; i < 4; i++)
            pose->orientation[i] += f * (sign * later.orientation[i] - earlier.orientation[i]);
        vrb_normalize(pose->orientation);
        for (int i = 0; i < 3; i++) {
            pose->position[i] += f * (later.position[i] - earlier.position[i]);
            pose->angular_velocity[i] += f * (later.angular_velocity[i] - earlier.angular_velocity[i]);
            pose->linear_velocity[i] += f * (later.linear_velocity[i] - earlier.linear_velocity[i]);
        }
        pose->captured_ns = time_ns;
        pose->flags |= VRB_FLAG_INTERPOLATED;
        return 0;
    }
    return -ENOENT;
}

/* ---- connecting ---------------------------------------------------------------------------------------- */

static inline void vrb_disconnect(vrb_client *client) {
    if (client->page) munmap((void *)(uintptr_t)client->page, client->page_size);
    if (client->socket >= 0) close(client->socket);
    client->page = NULL;
    client->socket = -1;
}

/* Sends Hello and OpenPosePage and takes the page's descriptor out of the reply. */
static inline int vrb_handshake(vrb_client *client) {
    /* Two ClientFrames, each behind its length (u32, little-endian); see docs/protocol.md.
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

/* Connects to the bridge's socket; NULL looks where the bridge puts it: $VRBRIDGE_SOCKET,
 * $XDG_RUNTIME_DIR/vrbridge/vrbridge.sock, /run/vrbridge/vrbridge.sock.
 * 0 or a negative errno: -ENOENT and -ECONNREFUSED mean that no bridge runs, -EACCES that it refuses us,
 * -EPROTONOSUPPORT that it is of another version. The client stays usable: vrb_poll tries again. */
static inline int vrb_connect(vrb_client *client, const char *path) {
    memset(client, 0, sizeof *client);
    client->socket = -1;
    const char *directory = getenv("XDG_RUNTIME_DIR");
    if (!path) path = getenv("VRBRIDGE_SOCKET");
    int length;
    if (path && *path)
        length = snprintf(client->path, sizeof client->path, "%s", path);
    else if (directory && *directory)
        length = snprintf(client->path, sizeof client->path, "%s/vrbridge/vrbridge.sock", directory);
    else
        length = snprintf(client->path, sizeof client->path, "/run/vrbridge/vrbridge.sock");
    if (length < 0 || (size_t)length >= sizeof client->path) return -ENAMETOOLONG;
    int error = vrb_open(client);
    if (error == -ENOENT && (!path || !*path) && directory && *directory) {
        snprintf(client->path, sizeof client->path, "/run/vrbridge/vrbridge.sock");
        error = vrb_open(client);
        if (error) snprintf(client->path, sizeof client->path, "%s/vrbridge/vrbridge.sock", directory);
    }
    return error;
}

/* Call now and then, once a frame is fine. Notices that the bridge went away and connects again, at most five
 * times a second. 1: connected, 0: not at present. Slots may differ after a reconnection. */
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
