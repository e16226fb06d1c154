/* Reads poses through vrbridge.h alone and prints them, one JSON object a line.
 *
 * c-reader SOCKET SECONDS [AHEAD_MS]: polls at 1 kHz; with AHEAD_MS asks for the pose that far from now. Prints a
 * line for each new pose, and {"connected":0|1} when the bridge goes or comes. */
#include "vrbridge.h"

static void print_pose(const char *how, int slot, const vrb_pose *pose) {
    printf("{\"how\":\"%s\",\"slot\":%d,\"captured_ns\":%lld,\"orientation\":[%.17g,%.17g,%.17g,%.17g],\"flags\":%u}\n",
           how, slot, (long long)pose->captured_ns, pose->orientation[0], pose->orientation[1],
           pose->orientation[2], pose->orientation[3], pose->flags);
}

int main(int count, char **arguments) {
    if (count < 3) {
        fprintf(stderr, "usage: c-reader SOCKET SECONDS [AHEAD_MS]\n");
        return 2;
    }
    vrb_client bridge;
    int error = vrb_connect(&bridge, arguments[1]);
    if (error) fprintf(stderr, "not connected yet: %s\n", strerror(-error));
    int64_t end = vrb_now() + (int64_t)(atof(arguments[2]) * 1e9);
    int64_t last[VRB_MAX_SLOT_COUNT] = {0};
    int connected = -1;
    while (vrb_now() < end) {
        int is_connected = vrb_poll(&bridge);
        if (is_connected != connected) printf("{\"connected\":%d}\n", connected = is_connected);
        for (int slot = 0; slot < vrb_slot_count(&bridge); slot++) {
            vrb_pose pose;
            if (vrb_newest(&bridge, slot, &pose) == 0 && pose.captured_ns != last[slot]) {
                last[slot] = pose.captured_ns;
                print_pose("newest", slot, &pose);
                if (count > 3 && vrb_at(&bridge, slot, vrb_now() + (int64_t)(atof(arguments[3]) * 1e6), &pose) == 0)
                    print_pose("at", slot, &pose);
            }
        }
        fflush(stdout);
        struct timespec pause = {0, 1000000};
        nanosleep(&pause, NULL);
    }
    vrb_disconnect(&bridge);
    return 0;
}
