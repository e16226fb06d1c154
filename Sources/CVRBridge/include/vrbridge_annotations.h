/* vrbridge_annotations.h - read annotations from vrbridge in C99 or C++11, without linking a library.
 *
 *     vrb_stream stream;
 *     vrb_stream_open(&stream, &bridge);           // bridge: from vrb_connect
 *     vrb_annotation annotation;
 *     while (vrb_stream_next(&stream, &annotation) == 1)   // each frame: never blocks, reconnects after a loss
 *         remember(annotation.id, &annotation);    // until `ended` is set or the time to live has passed
 *     double position[3];                          // in the world, m, for the current head pose
 *     if (vrb_annotation_place(&annotation, &head, 1.5, position) == 0) ...;   // 1.5 m where the distance is unknown
 *
 * Reads the bridge's socket protocol (docs/reference/protocol.md): length-prefixed protobuf messages. Annotations of
 * camera frames need the scope 'camera', those of speech 'microphone'; the bridge delivers no others.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef VRBRIDGE_ANNOTATIONS_H
#define VRBRIDGE_ANNOTATIONS_H

#include "vrbridge.h"

#ifdef __cplusplus
extern "C" {
#endif

enum {
    VRB_KIND_HAND = 1,
    VRB_KIND_GESTURE = 2,
    VRB_KIND_OBJECT = 3,
    VRB_KIND_TEXT = 4,
    VRB_KIND_TRANSCRIPT = 5,
    VRB_KIND_INTENT = 6,
    VRB_KIND_ANSWER = 7,
    VRB_KIND_LISTENING = 8
};

enum { VRB_SPACE_NONE = 0, VRB_SPACE_WORLD = 1, VRB_SPACE_HEAD = 2, VRB_SPACE_HAND = 3, VRB_SPACE_SCREEN = 4 };

enum { VRB_TEXT_NONE = 0, VRB_TEXT_PARTIAL = 1, VRB_TEXT_FINAL = 2, VRB_TEXT_INTERRUPTED = 3 };

#define VRB_LABEL_LENGTH 1024u
#define VRB_MAX_JOINTS 26u

/* A joint of a hand. */
typedef struct vrb_joint {
    double position[3]; /* m, in the annotation's space */
    float orientation[4]; /* x, y, z, w */
    float radius;       /* m */
    uint32_t inferred;  /* 1: inferred from other joints, not observed */
} vrb_joint;

/* An annotation: a recognised hand, gesture, object or text, or a transcript, intent or answer. */
typedef struct vrb_annotation {
    uint64_t id;                  /* constant for one annotation */
    uint32_t kind;                /* VRB_KIND_... */
    uint32_t space;               /* VRB_SPACE_...; NONE: no anchor */
    char label[VRB_LABEL_LENGTH]; /* UTF-8, zero-terminated, cut at a character */
    char model[64];               /* name of the model */
    float confidence;             /* 0 to 1 */
    int64_t captured_ns;          /* exposure time of the frame, or time of the sound */
    int64_t published_ns;         /* time of publication */
    double origin[3];             /* camera position, m */
    double direction[3];          /* unit vector */
    double distance;              /* m along the direction; 0: unknown */
    double size;                  /* width, m; 0: unknown */
    float time_to_live_s;         /* display at most this long after captured_ns */
    uint32_t ended;               /* 1: the annotation has ended */
    uint32_t text_state;          /* VRB_TEXT_... */
    uint32_t hand;                /* 1 left, 2 right, 0 neither */
    uint32_t joint_count;         /* 26 for a hand with known position (XR_EXT_hand_tracking), else 0 */
    vrb_joint joints[VRB_MAX_JOINTS]; /* in OpenXR's order */
} vrb_annotation;

/* A subscription to annotations; filled by vrb_stream_open. */
typedef struct vrb_stream {
    int socket;
    unsigned char *bytes;
    size_t used, capacity;
    size_t next, end; /* unread part of the current batch, bytes */
    int64_t next_attempt_ns;
    char path[108];
} vrb_stream;

/* The longest frame that the bridge sends. */
#define VRB_MAX_FRAME (1u << 20)

/* ---- protobuf's wire format (https://protobuf.dev/programming-guides/encoding) --------------------------- */

typedef struct vrb_field {
    uint32_t number;
    uint32_t type; /* 0 varint, 1 of eight bytes, 2 with a length, 5 of four bytes */
    uint64_t value;
    const unsigned char *data;
    size_t length;
} vrb_field;

static inline int vrb_varint(const unsigned char **at, const unsigned char *end, uint64_t *value) {
    *value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
        if (*at == end) return 0;
        unsigned char byte = *(*at)++;
        *value |= (uint64_t)(byte & 0x7f) << shift;
        if (!(byte & 0x80)) return 1;
    }
    return 0;
}

/* 1: a field was read; 0: the end, or bytes that are no message. */
static inline int vrb_next_field(const unsigned char **at, const unsigned char *end, vrb_field *field) {
    uint64_t tag;
    if (*at == end || !vrb_varint(at, end, &tag)) return 0;
    field->number = (uint32_t)(tag >> 3);
    field->type = (uint32_t)(tag & 7);
    field->value = 0;
    field->data = *at;
    field->length = 0;
    size_t left = (size_t)(end - *at);
    if (field->type == 0) return vrb_varint(at, end, &field->value);
    if (field->type == 2) {
        uint64_t length;
        if (!vrb_varint(at, end, &length) || length > (uint64_t)(end - *at)) return 0;
        field->data = *at;
        field->length = (size_t)length;
    } else if (field->type == 1 && left >= 8) {
        memcpy(&field->value, *at, 8);
        field->length = 8;
    } else if (field->type == 5 && left >= 4) {
        uint32_t word;
        memcpy(&word, *at, 4);
        field->value = word;
        field->length = 4;
    } else {
        return 0;
    }
    *at += field->length;
    return 1;
}

static inline double vrb_field_double(const vrb_field *field) {
    double value = 0;
    if (field->type == 1) memcpy(&value, &field->value, sizeof value);
    return value;
}

static inline float vrb_field_float(const vrb_field *field) {
    uint32_t word = (uint32_t)field->value;
    float value = 0;
    if (field->type == 5) memcpy(&value, &word, sizeof value);
    return value;
}

static inline void vrb_field_text(const vrb_field *field, char *text, size_t capacity) {
    size_t length = field->type == 2 ? field->length : 0;
    if (length >= capacity) {
        length = capacity - 1;
        /* A byte 10xxxxxx goes on with a character that would be cut. */
        while (length > 0 && (field->data[length] & 0xc0) == 0x80) length--;
    }
    memcpy(text, field->data, length);
    text[length] = 0;
}

static inline void vrb_read_vector(const vrb_field *message, double vector[3]) {
    const unsigned char *at = message->data, *end = at + message->length;
    vrb_field field;
    while (message->type == 2 && vrb_next_field(&at, end, &field))
        if (field.number >= 1 && field.number <= 3) vector[field.number - 1] = vrb_field_double(&field);
}

static inline void vrb_read_anchor(const vrb_field *message, vrb_annotation *annotation) {
    const unsigned char *at = message->data, *end = at + message->length;
    vrb_field field;
    while (message->type == 2 && vrb_next_field(&at, end, &field)) switch (field.number) {
            case 1: annotation->space = (uint32_t)field.value; break;
            case 2: vrb_read_vector(&field, annotation->origin); break;
            case 3: vrb_read_vector(&field, annotation->direction); break;
            case 4: annotation->distance = vrb_field_double(&field); break;
            case 5: annotation->size = vrb_field_double(&field); break;
            default: break;
        }
}

static inline void vrb_read_joint(const vrb_field *message, vrb_joint *joint) {
    const unsigned char *at = message->data, *end = at + message->length;
    vrb_field field;
    while (message->type == 2 && vrb_next_field(&at, end, &field)) switch (field.number) {
            case 1: vrb_read_vector(&field, joint->position); break;
            case 2:
                if (field.type == 2 && field.length == sizeof joint->orientation)
                    memcpy(joint->orientation, field.data, field.length);
                break;
            case 3: joint->radius = vrb_field_float(&field); break;
            case 4: joint->inferred = field.value != 0; break;
            default: break;
        }
}

/* Reads an Annotation of the protocol. What is not known is skipped. */
static inline void vrb_read_annotation(const unsigned char *data, size_t length, vrb_annotation *annotation) {
    const unsigned char *at = data, *end = data + length;
    vrb_field field;
    memset(annotation, 0, sizeof *annotation);
    while (vrb_next_field(&at, end, &field)) switch (field.number) {
            case 1: annotation->id = field.value; break;
            case 2: annotation->kind = (uint32_t)field.value; break;
            case 3: vrb_field_text(&field, annotation->label, sizeof annotation->label); break;
            case 4: annotation->confidence = vrb_field_float(&field); break;
            case 5: vrb_field_text(&field, annotation->model, sizeof annotation->model); break;
            case 8: annotation->captured_ns = (int64_t)field.value; break;
            case 9: annotation->published_ns = (int64_t)field.value; break;
            case 14: vrb_read_anchor(&field, annotation); break;
            case 15:
                if (annotation->joint_count < VRB_MAX_JOINTS)
                    vrb_read_joint(&field, &annotation->joints[annotation->joint_count++]);
                break;
            case 16: annotation->hand = (uint32_t)field.value; break;
            case 18: annotation->time_to_live_s = vrb_field_float(&field); break;
            case 19: annotation->ended = field.value != 0; break;
            case 20: annotation->text_state = (uint32_t)field.value; break;
            default: break;
        }
}

/* ---- the stream ---------------------------------------------------------------------------------------- */

static inline void vrb_stream_drop(vrb_stream *stream) {
    if (stream->socket >= 0) close(stream->socket);
    stream->socket = -1;
    stream->used = stream->next = stream->end = 0;
}

/* Closes the connection and frees its memory. */
static inline void vrb_stream_close(vrb_stream *stream) {
    vrb_stream_drop(stream);
    free(stream->bytes);
    stream->bytes = NULL;
    stream->capacity = 0;
}

static inline int vrb_stream_connect(vrb_stream *stream) {
    /* ClientFrames, each behind its length:
     * { request_id: 1, hello: { protocol_version: 1005, features: ["annotations", "speech"], client_name: "vrbridge.h" } }
     * { request_id: 2, subscribe: { streams: [STREAM_ANNOTATIONS] } }
     * { request_id: 3, subscribe: { streams: [STREAM_SPEECH] } } */
    static const unsigned char request[] = {
        40,  0,   0,   0,   0x08, 1,   0x12, 36,   0x08, 0xed, 0x07, 0x12, 11,  'a', 'n', 'n', 'o', 't', 'a',
        't', 'i', 'o', 'n', 's',  0x12, 6,   's',  'p',  'e',  'e',  'c',  'h', 0x1a, 10, 'v', 'r', 'b', 'r',
        'i', 'd', 'g', 'e', '.',  'h', 7,    0,    0,    0,    0x08, 2,    0x1a, 3,  0x0a, 1,  4,   7,   0,
        0,   0,   0x08, 3,  0x1a, 3,   0x0a, 1,    5};
    struct sockaddr_un address;
    memset(&address, 0, sizeof address);
    address.sun_family = AF_UNIX;
    memcpy(address.sun_path, stream->path, sizeof address.sun_path);
    stream->socket = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (stream->socket < 0) return -errno;
    int error = 0;
    if (connect(stream->socket, (struct sockaddr *)&address, sizeof address) < 0 ||
        send(stream->socket, request, sizeof request, MSG_NOSIGNAL) != (ssize_t)sizeof request)
        error = -errno;
    if (error) vrb_stream_drop(stream);
    return error;
}

/* Subscribes to the annotations of a client's bridge. Returns 0 or a negative errno; vrb_stream_next retries. */
static inline int vrb_stream_open(vrb_stream *stream, const vrb_client *client) {
    memset(stream, 0, sizeof *stream);
    memcpy(stream->path, client->path, sizeof stream->path);
    return vrb_stream_connect(stream);
}

/* Reads available bytes. Returns 1: some; 0: none; -1: the connection has ended. */
static inline int vrb_stream_fill(vrb_stream *stream) {
    if (stream->capacity - stream->used < 4096) {
        size_t capacity = stream->capacity ? stream->capacity * 2 : 65536;
        unsigned char *bytes = (unsigned char *)realloc(stream->bytes, capacity);
        if (!bytes) return -1;
        stream->bytes = bytes;
        stream->capacity = capacity;
    }
    ssize_t count;
    do count = recv(stream->socket, stream->bytes + stream->used, stream->capacity - stream->used, MSG_DONTWAIT);
    while (count < 0 && errno == EINTR);
    if (count < 0) return errno == EAGAIN || errno == EWOULDBLOCK ? 0 : -1;
    stream->used += (size_t)count;
    return count > 0 ? 1 : -1;
}

/* Selects the first complete frame for reading. Returns 1: a complete frame; 0: none yet; -1: invalid bytes. */
static inline int vrb_stream_frame(vrb_stream *stream) {
    if (stream->used < 4) return 0;
    size_t length = (size_t)stream->bytes[0] | (size_t)stream->bytes[1] << 8 | (size_t)stream->bytes[2] << 16 |
                    (size_t)stream->bytes[3] << 24;
    if (length > VRB_MAX_FRAME) return -1;
    if (stream->used < 4 + length) return 0;
    const unsigned char *at = stream->bytes + 4, *end = at + length;
    vrb_field field;
    stream->next = stream->end = 4 + length;
    while (vrb_next_field(&at, end, &field))
        if (field.number == 14 && field.type == 2) {
            stream->next = (size_t)(field.data - stream->bytes);
            stream->end = stream->next + field.length;
        }
    return 1;
}

static inline void vrb_stream_forget_frame(vrb_stream *stream) {
    size_t length = 4 + ((size_t)stream->bytes[0] | (size_t)stream->bytes[1] << 8 | (size_t)stream->bytes[2] << 16 |
                         (size_t)stream->bytes[3] << 24);
    memmove(stream->bytes, stream->bytes + length, stream->used - length);
    stream->used -= length;
    stream->next = stream->end = 0;
}

/* Reads the next received annotation. Returns 1 with an annotation, 0 without; never blocks. Reconnects at most five
 * times a second. */
static inline int vrb_stream_next(vrb_stream *stream, vrb_annotation *annotation) {
    if (stream->socket < 0) {
        int64_t now = vrb_now();
        if (now < stream->next_attempt_ns) return 0;
        stream->next_attempt_ns = now + 200000000;
        if (vrb_stream_connect(stream) < 0) return 0;
    }
    for (;;) {
        if (stream->end) {
            const unsigned char *at = stream->bytes + stream->next, *end = stream->bytes + stream->end;
            vrb_field field;
            while (vrb_next_field(&at, end, &field)) {
                if (field.number != 2 || field.type != 2) continue;
                stream->next = (size_t)(at - stream->bytes);
                vrb_read_annotation(field.data, field.length, annotation);
                return 1;
            }
            vrb_stream_forget_frame(stream);
        }
        int state = vrb_stream_frame(stream);
        if (state == 0) {
            state = vrb_stream_fill(stream);
            if (state == 0) return 0;
        }
        if (state < 0) {
            vrb_stream_drop(stream);
            return 0;
        }
    }
}

/* Rotates a vector by a quaternion. */
static inline void vrb_rotate(const double q[4], const double v[3], double result[3]) {
    double t[3] = {2 * (q[1] * v[2] - q[2] * v[1]), 2 * (q[2] * v[0] - q[0] * v[2]), 2 * (q[0] * v[1] - q[1] * v[0])};
    double r[3] = {v[0] + q[3] * t[0] + q[1] * t[2] - q[2] * t[1], v[1] + q[3] * t[1] + q[2] * t[0] - q[0] * t[2],
                   v[2] + q[3] * t[2] + q[0] * t[1] - q[1] * t[0]};
    memcpy(result, r, sizeof r);
}

/* Computes an annotation's position in the world, m. `head` is the current head pose, for annotations in the head's
 * space; `reach` is the distance in metres for annotations of unknown distance. Returns 0, or -ENOENT if the
 * annotation has no position in the scene. */
static inline int vrb_annotation_place(
    const vrb_annotation *annotation, const vrb_pose *head, double reach, double position[3]) {
    if (annotation->space != VRB_SPACE_WORLD && annotation->space != VRB_SPACE_HEAD) return -ENOENT;
    double along = annotation->distance > 0 ? annotation->distance : reach;
    for (int i = 0; i < 3; i++) position[i] = annotation->origin[i] + along * annotation->direction[i];
    if (annotation->space == VRB_SPACE_HEAD) {
        vrb_rotate(head->orientation, position, position);
        for (int i = 0; i < 3; i++) position[i] += head->position[i];
    }
    return 0;
}

#ifdef __cplusplus
}
#endif
#endif
