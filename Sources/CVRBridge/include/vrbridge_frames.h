/* vrbridge_frames.h - hand frames of an own camera to vrbridge through shared memory, in C99 or C++11, without a library.
 *
 *     vrb_frame_format format = {.camera = "headset", .format = VRB_FORMAT_NV12, .width = 640, .height = 480};
 *     vrb_frames frames;
 *     if (vrb_frames_open(&frames, &bridge, &format) < 0) ...;   // bridge: from vrb_connect
 *     unsigned char *pixels = vrb_frames_next(&frames);          // write one frame there
 *     vrb_frames_submit(&frames, captured_ns, NULL);             // no copy, never blocks
 *
 * The hands, objects and texts that the bridge sees arrive as annotations (vrbridge_annotations.h).
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef VRBRIDGE_FRAMES_H
#define VRBRIDGE_FRAMES_H

#include "vrbridge.h"
#include "vrbridge_annotations.h"

#include <sys/syscall.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Layouts of pixels, as in the protocol: red, green, blue; luma rows, then rows of U and V; luminance; Y U Y V. */
enum { VRB_FORMAT_RGB = 1, VRB_FORMAT_NV12 = 2, VRB_FORMAT_GREY = 3, VRB_FORMAT_YUYV = 4 };

/* A camera, for vrb_frames_open; set unused fields to 0. */
typedef struct vrb_frame_format {
    const char *camera;   /* a name of your choice, at most 63 bytes */
    uint32_t format;      /* VRB_FORMAT_... */
    uint32_t width;       /* pixels */
    uint32_t height;      /* pixels */
    uint32_t stride;      /* bytes from one row to the next; 0: rows without gaps */
    uint32_t slots;       /* frames in the memory, at most 16; 0: 6 */
    double intrinsics[4]; /* fx, fy, cx, cy in pixels; all 0: a horizontal field of view of 65 degrees */
} vrb_frame_format;

/* Memory shared with a bridge; filled by vrb_frames_open. */
typedef struct vrb_frames {
    int socket;            /* -1: closed */
    unsigned char *memory; /* slot n begins at n * slot_size */
    size_t memory_size;    /* bytes */
    size_t slot_size;      /* bytes of a frame */
    uint32_t slots;        /* number of slots */
    uint32_t next;         /* the slot that vrb_frames_next returned */
    uint32_t in_use;       /* bit n: the bridge reads slot n, by its last reply */
    uint32_t ring_id;      /* of the protocol */
    uint64_t request_id;   /* of the last request */
    size_t used;           /* bytes of replies */
    unsigned char replies[4096];
} vrb_frames;

static inline void vrb_put_varint(unsigned char **at, uint64_t value) {
    while (value >= 0x80) {
        *(*at)++ = (unsigned char)(value | 0x80);
        value >>= 7;
    }
    *(*at)++ = (unsigned char)value;
}

static inline void vrb_put_number(unsigned char **at, uint32_t field, uint64_t value) {
    vrb_put_varint(at, field << 3);
    vrb_put_varint(at, value);
}

static inline void vrb_put_bytes(unsigned char **at, uint32_t field, const void *data, size_t length) {
    vrb_put_varint(at, field << 3 | 2);
    vrb_put_varint(at, length);
    if (length) memcpy(*at, data, length);
    *at += length;
}

/* Sends a ClientFrame with one message of its oneof, and a descriptor unless it is negative. Never blocks. */
static inline int vrb_frames_send(vrb_frames *frames, uint32_t field, const unsigned char *message, size_t length, int fd) {
    unsigned char bytes[512], *at = bytes + 4;
    vrb_put_number(&at, 1, ++frames->request_id);
    vrb_put_bytes(&at, field, message, length);
    size_t size = (size_t)(at - bytes - 4);
    for (unsigned i = 0; i < 4; i++) bytes[i] = (unsigned char)(size >> 8 * i);
    union {
        char space[CMSG_SPACE(sizeof(int))];
        struct cmsghdr alignment;
    } control;
    struct iovec part;
    struct msghdr packet;
    memset(&packet, 0, sizeof packet);
    part.iov_base = bytes;
    part.iov_len = size + 4;
    packet.msg_iov = &part;
    packet.msg_iovlen = 1;
    if (fd >= 0) {
        memset(&control, 0, sizeof control);
        packet.msg_control = control.space;
        packet.msg_controllen = sizeof control.space;
        struct cmsghdr *header = CMSG_FIRSTHDR(&packet);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(header), &fd, sizeof fd);
    }
    ssize_t sent;
    do sent = sendmsg(frames->socket, &packet, MSG_NOSIGNAL | MSG_DONTWAIT);
    while (sent < 0 && errno == EINTR);
    if (sent < 0) return -errno;
    /* So small a message is sent whole, or the socket is of no use any more. */
    return (size_t)sent == size + 4 ? 0 : -EPIPE;
}

/* Reads one message of the bridge. */
static inline int vrb_frames_reply(vrb_frames *frames, const unsigned char *at, const unsigned char *end) {
    vrb_field field, inner;
    while (vrb_next_field(&at, end, &field)) {
        if (field.type != 2) continue;
        const unsigned char *within = field.data, *last = within + field.length;
        while (vrb_next_field(&within, last, &inner)) {
            /* Error.code: 5 is FORBIDDEN, 8 UNSUPPORTED, as older bridges answer. */
            if (field.number == 3 && inner.number == 1)
                return inner.value == 5 ? -EACCES : inner.value == 8 ? -EOPNOTSUPP : -EINVAL;
            if (field.number == 16 && inner.number == 1) frames->ring_id = (uint32_t)inner.value;
            if (field.number == 17 && inner.number == 1) frames->in_use = (uint32_t)inner.value;
        }
        /* A number that is 0 is left out. */
        if (field.number == 17 && field.length == 0) frames->in_use = 0;
    }
    return 0;
}

/* Reads the replies that have arrived; with `wait` blocks for the first, at most two seconds. */
static inline int vrb_frames_receive(vrb_frames *frames, int wait) {
    for (;;) {
        while (frames->used >= 4) {
            size_t length = (size_t)frames->replies[0] | (size_t)frames->replies[1] << 8 |
                            (size_t)frames->replies[2] << 16 | (size_t)frames->replies[3] << 24;
            if (length > sizeof frames->replies - 4) return -EPROTO;
            if (frames->used < 4 + length) break;
            int error = vrb_frames_reply(frames, frames->replies + 4, frames->replies + 4 + length);
            frames->used -= 4 + length;
            memmove(frames->replies, frames->replies + 4 + length, frames->used);
            if (error) return error;
            wait = 0;
        }
        ssize_t count = recv(frames->socket, frames->replies + frames->used, sizeof frames->replies - frames->used,
                             wait ? 0 : MSG_DONTWAIT);
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) return errno != EAGAIN && errno != EWOULDBLOCK ? -errno : wait ? -ETIMEDOUT : 0;
        if (count == 0) return -EPIPE;
        frames->used += (size_t)count;
    }
}

/* Makes memory for the slots that can neither shrink nor lose pages, and maps it. Returns its descriptor. */
static inline int vrb_frames_memory(vrb_frames *frames) {
    /* MFD_CLOEXEC | MFD_ALLOW_SEALING; then F_ADD_SEALS with SEAL, SHRINK, GROW and FUTURE_WRITE (Linux 5.1). */
    int fd = (int)syscall(SYS_memfd_create, "vrbridge frames", 1u | 2u);
    if (fd < 0) return -errno;
    int error = 0;
    void *map = MAP_FAILED;
    if (ftruncate(fd, (off_t)frames->memory_size) < 0)
        error = -errno;
    else if ((map = mmap(NULL, frames->memory_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0)) == MAP_FAILED)
        error = -errno;
    if (!error) {
        frames->memory = (unsigned char *)map;
        /* Writes every page, as the bridge requires. */
        memset(map, 0, frames->memory_size);
        if (fcntl(fd, 1033, 0x1 | 0x2 | 0x4 | 0x10) < 0) error = -errno;
    }
    if (!error) return fd;
    close(fd);
    return error;
}

/* Closes the connection and unmaps the memory. */
static inline void vrb_frames_close(vrb_frames *frames) {
    if (frames->memory) munmap(frames->memory, frames->memory_size);
    if (frames->socket >= 0) close(frames->socket);
    frames->memory = NULL;
    frames->socket = -1;
}

/* Makes memory for frames and shares it with a client's bridge. Returns 0 or a negative errno: -EACCES: the bridge does not
 * grant the scope 'camera'; -EOPNOTSUPP: a bridge before protocol 1.9; -EINVAL: dimensions that no picture has. After an
 * error vrb_frames_close has been called. */
static inline int vrb_frames_open(vrb_frames *frames, const vrb_client *client, const vrb_frame_format *format) {
    memset(frames, 0, sizeof *frames);
    uint32_t pixel = format->format == VRB_FORMAT_RGB ? 3 : format->format == VRB_FORMAT_YUYV ? 2 : 1;
    uint64_t stride = format->stride ? format->stride : (uint64_t)format->width * pixel;
    uint64_t rows = format->format == VRB_FORMAT_NV12 ? (uint64_t)format->height + format->height / 2 : format->height;
    size_t name = format->camera ? strlen(format->camera) : 0;
    frames->socket = -1;
    frames->slots = format->slots ? format->slots : 6;
    if (!stride || !rows || stride > 1u << 18 || rows > 1u << 15 || frames->slots > 16 || name > 63) return -EINVAL;
    frames->slot_size = (size_t)(stride * rows);
    frames->memory_size = frames->slot_size * frames->slots;

    /* ShareFrames { camera, format, width, height, stride, slots, intrinsics } */
    unsigned char message[256], *at = message;
    vrb_put_bytes(&at, 1, format->camera, name);
    vrb_put_number(&at, 2, format->format);
    vrb_put_number(&at, 3, format->width);
    vrb_put_number(&at, 4, format->height);
    vrb_put_number(&at, 5, stride);
    vrb_put_number(&at, 6, frames->slots);
    if (format->intrinsics[0] > 0) vrb_put_bytes(&at, 8, format->intrinsics, sizeof format->intrinsics);
    /* Hello { protocol_version: 1009, features: ["shared_frames"], client_name: "vrbridge.h" } */
    static const unsigned char hello[] = {0x08, 0xf1, 0x07, 0x12, 13,  's', 'h', 'a', 'r', 'e', 'd', '_', 'f', 'r', 'a',
                                          'm',  'e',  's',  0x1a, 10,  'v', 'r', 'b', 'r', 'i', 'd', 'g', 'e', '.', 'h'};
    struct sockaddr_un address;
    struct timeval patience;
    memset(&address, 0, sizeof address);
    memset(&patience, 0, sizeof patience);
    address.sun_family = AF_UNIX;
    memcpy(address.sun_path, client->path, sizeof address.sun_path);
    patience.tv_sec = 2;
    int fd = vrb_frames_memory(frames);
    int error = fd < 0 ? fd : 0;
    if (!error && (frames->socket = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) < 0) error = -errno;
    if (!error && connect(frames->socket, (struct sockaddr *)&address, sizeof address) < 0) error = -errno;
    if (!error) {
        setsockopt(frames->socket, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
        error = vrb_frames_send(frames, 2, hello, sizeof hello, -1);
    }
    /* The bridge accepts a descriptor once it has answered Hello. */
    if (!error) error = vrb_frames_receive(frames, 1);
    if (!error) error = vrb_frames_send(frames, 19, message, (size_t)(at - message), fd);
    if (fd >= 0) close(fd);
    while (!error && !frames->ring_id) error = vrb_frames_receive(frames, 1);
    if (error) vrb_frames_close(frames);
    return error;
}

/* Returns memory for the next frame, or NULL after vrb_frames_close. It is a slot that the bridge does not read; if it reads
 * all of them, the slot that was submitted longest ago, so that the bridge may see parts of two frames. */
static inline unsigned char *vrb_frames_next(vrb_frames *frames) {
    if (!frames->memory) return NULL;
    uint32_t oldest = (frames->next + 1) % frames->slots, chosen = oldest;
    for (uint32_t i = 0; i < frames->slots; i++) {
        uint32_t slot = (oldest + i) % frames->slots;
        if (frames->in_use >> slot & 1) continue;
        chosen = slot;
        break;
    }
    frames->next = chosen;
    return frames->memory + frames->slot_size * chosen;
}

/* Submits the frame in the memory that vrb_frames_next returned. `captured_ns` is the capture time, CLOCK_MONOTONIC; 0: now.
 * `pose` is world from camera: x, y, z in metres, qx, qy, qz, qw; NULL: the pose of the tracked head. Returns 0 or a
 * negative errno; after -EPIPE (the bridge has stopped) call vrb_frames_close and vrb_frames_open. Never blocks. */
static inline int vrb_frames_submit(vrb_frames *frames, int64_t captured_ns, const double pose[7]) {
    if (frames->socket < 0) return -EPIPE;
    int error = vrb_frames_receive(frames, 0);
    if (error) return error;
    unsigned char message[128], *at = message;
    vrb_put_number(&at, 1, frames->ring_id);
    vrb_put_number(&at, 2, frames->next);
    vrb_put_varint(&at, 3 << 3 | 1);
    memcpy(at, &captured_ns, sizeof captured_ns);
    at += sizeof captured_ns;
    if (pose) vrb_put_bytes(&at, 4, pose, 7 * sizeof(double));
    error = vrb_frames_send(frames, 20, message, (size_t)(at - message), -1);
    if (!error) frames->in_use |= 1u << frames->next;
    return error;
}

#ifdef __cplusplus
}
#endif
#endif
