/* A client as the documents of 0.1 showed it, with every function, field and constant of its headers.
 *
 * client SOCKET: prints the head's pose and ends with 0 after ten of them. */
#include "vrbridge_annotations.h"

#include <stddef.h>

_Static_assert(VRB_PAGE_MAGIC == UINT64_C(0x3145474150425256) && VRB_LAYOUT_VERSION == 1, "page");
_Static_assert(VRB_PROTOCOL_VERSION == 1000 && VRB_SLOT_COUNT == 32 && VRB_HISTORY_LENGTH == 256, "limits");
_Static_assert(sizeof(vrb_pose) == 184 && VRB_POSE_WORDS == 23 && sizeof(vrb_entry) == 192, "pose");
_Static_assert(sizeof(vrb_slot) == 49472 && sizeof(vrb_page) == 64 + 32 * 49472, "slot");
_Static_assert(offsetof(vrb_pose, captured_ns) == 0 && offsetof(vrb_pose, received_ns) == 8, "times");
_Static_assert(offsetof(vrb_pose, orientation) == 16 && offsetof(vrb_pose, position) == 48, "pose");
_Static_assert(offsetof(vrb_pose, angular_velocity) == 72 && offsetof(vrb_pose, linear_velocity) == 96, "velocities");
_Static_assert(offsetof(vrb_pose, sigma_inclination) == 120 && offsetof(vrb_pose, sigma_heading) == 124, "deviations");
_Static_assert(offsetof(vrb_pose, sigma_position) == 128 && offsetof(vrb_pose, flags) == 132, "flags");
_Static_assert(offsetof(vrb_pose, rate_ahead) == 136, "prediction");
_Static_assert(offsetof(vrb_slot, identity_sequence) == 0 && offsetof(vrb_slot, device_id) == 8, "identity");
_Static_assert(offsetof(vrb_slot, role) == 12 && offsetof(vrb_slot, origin) == 16, "identity");
_Static_assert(offsetof(vrb_slot, connected) == 20 && offsetof(vrb_slot, name) == 24, "identity");
_Static_assert(offsetof(vrb_slot, published) == 64 && offsetof(vrb_slot, newest) == 120, "states");
_Static_assert(offsetof(vrb_slot, history) == 312 && offsetof(vrb_page, slots) == 64, "states");
_Static_assert(offsetof(vrb_page, magic) == 0 && offsetof(vrb_page, layout_version) == 8, "header");
_Static_assert(offsetof(vrb_page, slot_count) == 12 && offsetof(vrb_page, slot_size) == 16, "header");
_Static_assert(offsetof(vrb_page, history_length) == 20 && offsetof(vrb_page, started_ns) == 24, "header");
_Static_assert(offsetof(vrb_page, closed) == 32, "header");
_Static_assert(VRB_LABEL_LENGTH == 1024 && VRB_MAX_JOINTS == 26 && VRB_MAX_FRAME == 1 << 20, "annotations");

static const int flags[] = {
    VRB_FLAG_ORIENTATION_VALID, VRB_FLAG_ORIENTATION_TRACKED, VRB_FLAG_POSITION_VALID, VRB_FLAG_POSITION_TRACKED,
    VRB_FLAG_EXACT, VRB_FLAG_INTERPOLATED, VRB_FLAG_PREDICTED, VRB_FLAG_PREDICTION_CAPPED, VRB_FLAG_AT_REST,
    VRB_FLAG_DEGRADED, VRB_FLAG_RECORDED, VRB_FLAG_EMULATED, VRB_FLAG_LOST, VRB_FLAG_POSITION_MODELLED};
static const int roles[] = {
    VRB_ROLE_NONE, VRB_ROLE_HEAD, VRB_ROLE_LEFT_HAND, VRB_ROLE_RIGHT_HAND, VRB_ROLE_CHEST, VRB_ROLE_WAIST,
    VRB_ROLE_LEFT_ELBOW, VRB_ROLE_RIGHT_ELBOW, VRB_ROLE_LEFT_KNEE, VRB_ROLE_RIGHT_KNEE, VRB_ROLE_LEFT_FOOT,
    VRB_ROLE_RIGHT_FOOT, VRB_ROLE_TRACKER};
static const int kinds[] = {0, VRB_KIND_HAND, VRB_KIND_GESTURE, VRB_KIND_OBJECT, VRB_KIND_TEXT, VRB_KIND_TRANSCRIPT,
                            VRB_KIND_INTENT, VRB_KIND_ANSWER, VRB_KIND_LISTENING};
static const int spaces[] = {VRB_SPACE_NONE, VRB_SPACE_WORLD, VRB_SPACE_HEAD, VRB_SPACE_HAND, VRB_SPACE_SCREEN};
static const int texts[] = {VRB_TEXT_NONE, VRB_TEXT_PARTIAL, VRB_TEXT_FINAL, VRB_TEXT_INTERRUPTED};

static int constants(void) {
    for (int i = 0; i < 14; i++)
        if (flags[i] != 1 << i) return 0;
    for (int i = 0; i < 13; i++)
        if (roles[i] != i) return 0;
    for (int i = 0; i < 9; i++)
        if (kinds[i] != i) return 0;
    for (int i = 0; i < 5; i++)
        if (spaces[i] != i) return 0;
    for (int i = 0; i < 4; i++)
        if (texts[i] != i) return 0;
    return 1;
}

static void draw_label(const double place[3], const vrb_annotation *a) {
    printf("%llu %u %u %s %s %g %lld %lld %g %g %g %g %u %u %u %u %g %g %g %u %g\n", (unsigned long long)a->id, a->kind,
           a->space, a->label, a->model, (double)a->confidence, (long long)a->captured_ns, (long long)a->published_ns,
           a->origin[0], a->direction[0], a->distance, a->size, a->ended, a->text_state, a->hand, a->joint_count,
           (double)a->time_to_live_s, a->joints[0].position[0], (double)a->joints[0].orientation[3],
           a->joints[0].inferred, (double)a->joints[0].radius + place[0]);
}

int main(int count, char **arguments) {
    if (count != 2 || !constants()) return 2;
    vrb_client bridge;
    int error = vrb_connect(&bridge, arguments[1]);
    if (error) {
        fprintf(stderr, "%s\n", strerror(-error));
        return 3;
    }
    vrb_stream stream;
    if (vrb_stream_open(&stream, &bridge) < 0) return 4;
    int frames = 0;
    for (int64_t end = vrb_now() + 5000000000; frames < 10 && vrb_now() < end;) { /* each frame */
        if (!vrb_poll(&bridge)) return 5;
        vrb_pose eye, newest;
        int head = vrb_find_role(&bridge, VRB_ROLE_HEAD);
        if (head >= 0 && vrb_newest(&bridge, head, &newest) == 0 &&
            vrb_at(&bridge, head, vrb_now() + 20000000, &eye) == 0) {
            double forward[3], back[3] = {0, 0, -1};
            vrb_rotate(eye.orientation, back, forward);
            printf("%lld %g %u\n", (long long)eye.captured_ns, forward[2], eye.flags);
            if (eye.flags & VRB_FLAG_PREDICTED && newest.flags & VRB_FLAG_ORIENTATION_VALID) frames++;
            vrb_annotation annotation;
            double place[3];
            while (vrb_stream_next(&stream, &annotation) == 1)
                if (vrb_annotation_place(&annotation, &eye, 1.5, place) == 0) draw_label(place, &annotation);
        }
        struct timespec pause = {0, 10000000};
        nanosleep(&pause, NULL);
    }
    vrb_stream_close(&stream);
    vrb_disconnect(&bridge);
    return frames < 10;
}
