#define _GNU_SOURCE
#include "CLinux.h"

#include <errno.h>
#include <linux/videodev2.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

static int control(int fd, unsigned long request, void *argument) {
    int result;
    do result = ioctl(fd, request, argument);
    while (result < 0 && errno == EINTR);
    return result < 0 ? -errno : 0;
}

int linux_v4l2_identify(int fd, char name[32], char bus[32]) {
    struct v4l2_capability capability;
    memset(&capability, 0, sizeof capability);
    int result = control(fd, VIDIOC_QUERYCAP, &capability);
    if (result < 0) return result;
    uint32_t flags = capability.capabilities & V4L2_CAP_DEVICE_CAPS ? capability.device_caps : capability.capabilities;
    if (!(flags & V4L2_CAP_VIDEO_CAPTURE) || !(flags & V4L2_CAP_STREAMING)) return -ENOTTY;
    memcpy(name, capability.card, 32);
    memcpy(bus, capability.bus_info, 32);
    name[31] = bus[31] = 0;
    return 0;
}

int linux_v4l2_format_at(int fd, uint32_t index, uint32_t *fourcc) {
    struct v4l2_fmtdesc format;
    memset(&format, 0, sizeof format);
    format.index = index;
    format.type = V4L2_BUF_TYPE_VIDEO_CAPTURE;
    int result = control(fd, VIDIOC_ENUM_FMT, &format);
    *fourcc = format.pixelformat;
    return result;
}

int linux_v4l2_size_at(int fd, uint32_t fourcc, uint32_t index, uint32_t *width, uint32_t *height) {
    struct v4l2_frmsizeenum size;
    memset(&size, 0, sizeof size);
    size.index = index;
    size.pixel_format = fourcc;
    int result = control(fd, VIDIOC_ENUM_FRAMESIZES, &size);
    if (result < 0) return result;
    if (size.type == V4L2_FRMSIZE_TYPE_DISCRETE) {
        *width = size.discrete.width;
        *height = size.discrete.height;
    } else {
        if (index > 0) return -EINVAL;
        *width = size.stepwise.max_width;
        *height = size.stepwise.max_height;
    }
    return 0;
}

int linux_v4l2_set_format(int fd, uint32_t *fourcc, uint32_t *width, uint32_t *height, uint32_t *stride, uint32_t *size) {
    struct v4l2_format format;
    memset(&format, 0, sizeof format);
    format.type = V4L2_BUF_TYPE_VIDEO_CAPTURE;
    format.fmt.pix.pixelformat = *fourcc;
    format.fmt.pix.width = *width;
    format.fmt.pix.height = *height;
    format.fmt.pix.field = V4L2_FIELD_NONE;
    int result = control(fd, VIDIOC_S_FMT, &format);
    if (result < 0) return result;
    *fourcc = format.fmt.pix.pixelformat;
    *width = format.fmt.pix.width;
    *height = format.fmt.pix.height;
    *stride = format.fmt.pix.bytesperline;
    *size = format.fmt.pix.sizeimage;
    return 0;
}

int linux_v4l2_set_rate(int fd, uint32_t *numerator, uint32_t *denominator) {
    struct v4l2_streamparm parameters;
    memset(&parameters, 0, sizeof parameters);
    parameters.type = V4L2_BUF_TYPE_VIDEO_CAPTURE;
    parameters.parm.capture.timeperframe.numerator = *denominator;
    parameters.parm.capture.timeperframe.denominator = *numerator;
    int result = control(fd, VIDIOC_S_PARM, &parameters);
    if (result < 0) return result;
    *numerator = parameters.parm.capture.timeperframe.denominator;
    *denominator = parameters.parm.capture.timeperframe.numerator;
    return 0;
}

int linux_v4l2_request(int fd, uint32_t count) {
    struct v4l2_requestbuffers request;
    memset(&request, 0, sizeof request);
    request.count = count;
    request.type = V4L2_BUF_TYPE_VIDEO_CAPTURE;
    request.memory = V4L2_MEMORY_MMAP;
    int result = control(fd, VIDIOC_REQBUFS, &request);
    return result < 0 ? result : (int)request.count;
}

static void prepare(struct v4l2_buffer *buffer, uint32_t index) {
    memset(buffer, 0, sizeof *buffer);
    buffer->type = V4L2_BUF_TYPE_VIDEO_CAPTURE;
    buffer->memory = V4L2_MEMORY_MMAP;
    buffer->index = index;
}

int linux_v4l2_map(int fd, uint32_t index, void **address, size_t *length) {
    struct v4l2_buffer buffer;
    prepare(&buffer, index);
    int result = control(fd, VIDIOC_QUERYBUF, &buffer);
    if (result < 0) return result;
    void *map = mmap(NULL, buffer.length, PROT_READ | PROT_WRITE, MAP_SHARED, fd, (off_t)buffer.m.offset);
    if (map == MAP_FAILED) return -errno;
    *address = map;
    *length = buffer.length;
    return 0;
}

int linux_v4l2_unmap(void *address, size_t length) { return munmap(address, length) < 0 ? -errno : 0; }

int linux_v4l2_queue(int fd, uint32_t index) {
    struct v4l2_buffer buffer;
    prepare(&buffer, index);
    return control(fd, VIDIOC_QBUF, &buffer);
}

int linux_v4l2_dequeue(int fd, uint32_t *index, uint32_t *used, int64_t *timestamp_ns, uint32_t *sequence, int *damaged) {
    struct v4l2_buffer buffer;
    prepare(&buffer, 0);
    int result = control(fd, VIDIOC_DQBUF, &buffer);
    if (result < 0) return result;
    *index = buffer.index;
    *used = buffer.bytesused;
    *sequence = buffer.sequence;
    *damaged = (buffer.flags & V4L2_BUF_FLAG_ERROR) != 0;
    int monotonic = (buffer.flags & V4L2_BUF_FLAG_TIMESTAMP_MASK) == V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC;
    *timestamp_ns = monotonic ? buffer.timestamp.tv_sec * 1000000000ll + buffer.timestamp.tv_usec * 1000ll : 0;
    return 0;
}

int linux_v4l2_stream(int fd, int on) {
    int type = V4L2_BUF_TYPE_VIDEO_CAPTURE;
    return control(fd, on ? VIDIOC_STREAMON : VIDIOC_STREAMOFF, &type);
}

int linux_v4l2_set_control(int fd, int which, int32_t value) {
    struct v4l2_control setting;
    memset(&setting, 0, sizeof setting);
    switch (which) {
        case LINUX_V4L2_EXPOSURE_AUTOMATIC:
            setting.id = V4L2_CID_EXPOSURE_AUTO;
            setting.value = value ? V4L2_EXPOSURE_APERTURE_PRIORITY : V4L2_EXPOSURE_MANUAL;
            break;
        case LINUX_V4L2_EXPOSURE:
            setting.id = V4L2_CID_EXPOSURE_ABSOLUTE;
            setting.value = value;
            break;
        case LINUX_V4L2_GAIN:
            setting.id = V4L2_CID_GAIN;
            setting.value = value;
            break;
        default: return -EINVAL;
    }
    return control(fd, VIDIOC_S_CTRL, &setting);
}
