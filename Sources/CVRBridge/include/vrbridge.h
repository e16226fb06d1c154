/* vrbridge.h - read poses from vrbridge in C99 or C++11, without linking a library.
 *
 * For C99 and C++11 (GCC or Clang); needs only libc. Copy this header and vrbridge_connection.h, which it includes, into
 * your project. Call vrb_connect once, then vrb_newest or vrb_at at any rate: they read shared memory without a system
 * call.
 *
 *     vrb_client bridge;
 *     if (vrb_connect(&bridge, NULL) < 0) ...;
 *     vrb_pose head;
 *     int slot = vrb_find_role(&bridge, VRB_ROLE_HEAD);
 *     if (slot >= 0 && vrb_at(&bridge, slot, display_time_ns, &head) == 0) ...;
 *     vrb_poll(&bridge);  // once a frame: detects a bridge that has stopped, and reconnects
 *
 * Times are nanoseconds of CLOCK_MONOTONIC. Frames are OpenXR's: right-handed, +X right, +Y up, -Z forward,
 * metres, radians, quaternions (x, y, z, w). A pose is world-from-device; velocities are in the world's axes.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef VRBRIDGE_H
#define VRBRIDGE_H

/* -std=c99 and c11 hide the clock without this; include this header first then. */
#if defined(__STRICT_ANSI__) && !defined(_GNU_SOURCE)
#define _GNU_SOURCE
#endif

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- layout of the pose page (version 1.1, little-endian; docs/reference/protocol.md) ---------------------- */

#define VRB_PAGE_MAGIC UINT64_C(0x3145474150425256) /* "VRBPAGE1" */
#define VRB_LAYOUT_VERSION 1u
#define VRB_PROTOCOL_VERSION 1000u
/* The revision of the layout, which only adds: a reader of any revision reads the page of any other. */
#define VRB_LAYOUT_REVISION 1u
/* Slots of revision 0. Later revisions have up to VRB_MAX_SLOT_COUNT; vrb_slot_count returns the number of a page. */
#define VRB_SLOT_COUNT 32u
#define VRB_MAX_SLOT_COUNT 128u
#define VRB_HISTORY_LENGTH 256u

/* How a pose was made, and which parts of it are valid (docs/reference/protocol.md). */
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
    /* A neck or forearm model estimates the position; it is not measured. */
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
    int64_t captured_ns;     /* capture time */
    int64_t received_ns;     /* time at which its bytes were read */
    double orientation[4];   /* x, y, z, w */
    double position[3];      /* m; meaningful when a position flag is set */
    double angular_velocity[3]; /* rad/s, world axes */
    double linear_velocity[3];  /* m/s, world axes */
    float sigma_inclination; /* one standard deviation, rad; NaN when unknown */
    float sigma_heading;     /* rad */
    float sigma_position;    /* m */
    uint32_t flags;          /* VRB_FLAG_... */
    /* rad/s, world axes: predicted mean angular velocity from captured_ns to 20, 40, 60, 100 ms after it */
    float rate_ahead[4][3];
} vrb_pose;

#define VRB_POSE_WORDS 23u

/* A pose under a sequence lock: odd during a write. */
typedef struct vrb_entry {
    uint64_t sequence;
    uint64_t words[VRB_POSE_WORDS];
} vrb_entry;

typedef struct vrb_slot {
    uint64_t identity_sequence; /* odd during a write of the identity; 0: never used */
    uint32_t device_id;         /* 0: the slot is free */
    uint32_t role;              /* VRB_ROLE_... */
    uint32_t origin;            /* 0 hardware, 1 recorded, 2 emulated */
    uint32_t connected;         /* 0 or 1 */
    char name[40];              /* UTF-8, zero-terminated */
    uint64_t published;         /* number of states written; the newest is history[(published - 1) % length] */
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
    int64_t started_ns; /* start time of the bridge */
    uint32_t closed;    /* 1 after an orderly shutdown */
    /* Revision 1; zero in pages of revision 0. */
    uint32_t all_slots;   /* number of slots, of which slot_count are in this structure and the others follow it */
    uint64_t present[2];  /* bit n % 64 of word n / 64: slot n has a connected device */
    uint32_t revision;    /* VRB_LAYOUT_REVISION of the bridge */
    uint32_t reserved;
    vrb_slot slots[VRB_SLOT_COUNT];
} vrb_page;

#if defined(__cplusplus)
static_assert(sizeof(vrb_pose) == VRB_POSE_WORDS * 8, "layout of vrb_pose");
static_assert(sizeof(vrb_slot) % 64 == 0, "layout of vrb_slot");
static_assert(sizeof(vrb_page) == 64 + VRB_SLOT_COUNT * sizeof(vrb_slot), "layout of vrb_page");
#else
_Static_assert(sizeof(vrb_pose) == VRB_POSE_WORDS * 8, "layout of vrb_pose");
_Static_assert(sizeof(vrb_slot) % 64 == 0, "layout of vrb_slot");
_Static_assert(sizeof(vrb_page) == 64 + VRB_SLOT_COUNT * sizeof(vrb_slot), "layout of vrb_page");
#endif

/* ---- reading ------------------------------------------------------------------------------------------- */

/* A connection to a bridge; filled by vrb_connect. */
typedef struct vrb_client {
    int socket;
    const vrb_page *page;
    size_t page_size;
    int64_t next_attempt_ns;
    char path[108];
} vrb_client;

/* Returns the present time, nanoseconds of CLOCK_MONOTONIC. */
static inline int64_t vrb_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* Copies an entry during concurrent writes. Returns its sequence number, or 0 if there is none or all 64 attempts
 * met a write (a write takes some 20 ns). */
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

/* Returns the number of slots of the page: 32 from a bridge before revision 1, 0 without a page. */
static inline int vrb_slot_count(const vrb_client *client) {
    if (!client->page) return 0;
    uint32_t count = client->page->all_slots;
    size_t first = sizeof(vrb_page) - VRB_SLOT_COUNT * sizeof(vrb_slot);
    size_t room = client->page_size < first ? 0 : (client->page_size - first) / sizeof(vrb_slot);
    if (count > VRB_MAX_SLOT_COUNT) count = VRB_MAX_SLOT_COUNT;
    if (count > room) count = (uint32_t)room;
    return count < VRB_SLOT_COUNT ? (int)VRB_SLOT_COUNT : (int)count;
}

/* Returns the address of a slot; the caller has checked its number. */
static inline const vrb_slot *vrb_page_slot(const vrb_page *page, int slot) {
    const char *first = (const char *)page + (sizeof(vrb_page) - VRB_SLOT_COUNT * sizeof(vrb_slot));
    return (const vrb_slot *)(const void *)first + slot;
}

/* Returns a slot of the page, or NULL if there is no page or no such slot. */
static inline const vrb_slot *vrb_slot_at(const vrb_client *client, int slot) {
    return slot >= 0 && slot < vrb_slot_count(client) ? vrb_page_slot(client->page, slot) : NULL;
}

/* Returns the next slot with a connected device after `slot`, or -1; -1 starts. The cost is that of the connected
 * devices:
 *
 *     for (int slot = vrb_next_slot(&bridge, -1); slot >= 0; slot = vrb_next_slot(&bridge, slot)) ...; */
static inline int vrb_next_slot(const vrb_client *client, int slot) {
    int count = vrb_slot_count(client);
    int next = slot < 0 ? 0 : slot + 1;
    while (next < count) {
        if (client->page->all_slots == 0) { /* revision 0 */
            if (__atomic_load_n(&client->page->slots[next].connected, __ATOMIC_ACQUIRE)) return next;
            next++;
            continue;
        }
        uint64_t present = __atomic_load_n(&client->page->present[next / 64], __ATOMIC_ACQUIRE) >> (next % 64);
        if (present) {
            next += __builtin_ctzll(present);
            return next < count ? next : -1;
        }
        next = (next / 64 + 1) * 64;
    }
    return -1;
}

/* Reads the newest pose of a slot. Returns 0, or -ENOENT if there is none. */
static inline int vrb_newest(const vrb_client *client, int slot, vrb_pose *pose) {
    const vrb_slot *found = vrb_slot_at(client, slot);
    if (!found || !vrb_copy_entry(&found->newest, pose)) return -ENOENT;
    if (!__atomic_load_n(&found->connected, __ATOMIC_ACQUIRE)) pose->flags |= VRB_FLAG_LOST;
    return 0;
}

/* Returns the slot of the first connected device with a role (VRB_ROLE_...), or -1. */
static inline int vrb_find_role(const vrb_client *client, uint32_t role) {
    for (int i = vrb_next_slot(client, -1); i >= 0; i = vrb_next_slot(client, i)) {
        const vrb_slot *slot = vrb_page_slot(client->page, i);
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

/* Computes the predicted mean angular velocity over a number of seconds, rad/s, world axes. */
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

/* Advances a pose to a time at most 100 ms ahead, with the predicted rates. */
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
    /* Unknown accelerations of 20 rad/s2 and 10 m/s2. */
    pose->sigma_inclination += (float)(10 * seconds * seconds);
    pose->sigma_heading += (float)(10 * seconds * seconds);
    pose->sigma_position += (float)(5 * seconds * seconds);
}

/* Reads the pose at a time, nanoseconds of CLOCK_MONOTONIC: from the history for the past, predicted for the future
 * (at most 100 ms ahead). Returns 0, or -ENOENT if there is no pose or the time is older than the history. */
static inline int vrb_at(const vrb_client *client, int slot, int64_t time_ns, vrb_pose *pose) {
    vrb_pose later;
    int error = vrb_newest(client, slot, &later);
    if (error) return error;
    const vrb_slot *found = vrb_slot_at(client, slot);
    if (time_ns >= later.captured_ns) {
        *pose = later;
        vrb_predict(pose, time_ns);
        return 0;
    }
    uint32_t lost = later.flags & VRB_FLAG_LOST;
    uint64_t published = __atomic_load_n(&found->published, __ATOMIC_ACQUIRE);
    for (uint64_t back = 1; back <= VRB_HISTORY_LENGTH && back <= published; back++) {
        vrb_pose earlier;
        uint64_t index = published - back;
        uint64_t sequence = vrb_copy_entry(&found->history[index % VRB_HISTORY_LENGTH], &earlier);
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

#ifdef __cplusplus
}
#endif

/* vrb_connect, vrb_poll and vrb_disconnect. */
#include "vrbridge_connection.h"

#endif
