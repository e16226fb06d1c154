/* Hands in the frames of any camera: reads uncompressed frames from a pipe, hands them to a running bridge through shared
 * memory, and prints what it sees.
 *
 *     cc -O2 -o frames examples/frames.c -Iinclude
 *     ffmpeg -loglevel error -f v4l2 -i /dev/video0 -vf scale=640:480 -pix_fmt nv12 -f rawvideo - | ./frames 640 480
 *
 * The bridge needs 'perception: { tasks: [hands] }'. include/ is the folder of vrbridge.h: Sources/CVRBridge/include here,
 * /usr/include once it is installed. */
#include "vrbridge.h"
#include "vrbridge_annotations.h"
#include "vrbridge_frames.h"

static int fail(const char *what, int error) {
    fprintf(stderr, "frames: %s: %s\n", what, strerror(-error));
    return 1;
}

int main(int count, char **arguments) {
    if (count < 3) {
        fprintf(stderr, "usage: frames WIDTH HEIGHT [SOCKET] < NV12\n");
        return 2;
    }
    vrb_client bridge;
    int error = vrb_connect(&bridge, count > 3 ? arguments[3] : NULL);
    if (error) return fail("no bridge; start one with 'vrbridge run --perception hands'", error);
    vrb_stream stream;
    vrb_stream_open(&stream, &bridge);
    vrb_frame_format format;
    memset(&format, 0, sizeof format);
    format.camera = "pipe";
    format.format = VRB_FORMAT_NV12;
    format.width = (uint32_t)atoi(arguments[1]);
    format.height = (uint32_t)atoi(arguments[2]);
    static vrb_frames frames;
    if ((error = vrb_frames_open(&frames, &bridge, &format)) < 0) return fail("frames can't be shared", error);
    for (;;) {
        /* Straight into the memory that the bridge reads. */
        unsigned char *pixels = vrb_frames_next(&frames);
        if (fread(pixels, 1, frames.slot_size, stdin) != frames.slot_size) break;
        if ((error = vrb_frames_submit(&frames, vrb_now(), NULL)) < 0) return fail("the bridge has stopped", error);
        vrb_annotation annotation;
        while (vrb_stream_next(&stream, &annotation) == 1)
            if (!annotation.ended) printf("%s %.2f\n", annotation.label, (double)annotation.confidence);
        fflush(stdout);
    }
    vrb_frames_close(&frames);
    vrb_stream_close(&stream);
    vrb_disconnect(&bridge);
    return 0;
}
