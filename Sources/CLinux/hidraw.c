#include "CLinux.h"

#include <errno.h>
#include <linux/hidraw.h>
#include <string.h>
#include <sys/ioctl.h>

int linux_hidraw_descriptor(int fd, uint8_t *buffer, size_t capacity) {
    int size = 0;
    if (ioctl(fd, HIDIOCGRDESCSIZE, &size) < 0) return -errno;
    struct hidraw_report_descriptor descriptor;
    memset(&descriptor, 0, sizeof descriptor);
    if (size < 0 || (size_t)size > sizeof descriptor.value || (size_t)size > capacity) return -EMSGSIZE;
    descriptor.size = (uint32_t)size;
    if (ioctl(fd, HIDIOCGRDESC, &descriptor) < 0) return -errno;
    memcpy(buffer, descriptor.value, (size_t)size);
    return size;
}

int linux_hidraw_info(int fd, uint32_t *bus, uint16_t *vendor, uint16_t *product) {
    struct hidraw_devinfo info;
    if (ioctl(fd, HIDIOCGRAWINFO, &info) < 0) return -errno;
    *bus = info.bustype;
    *vendor = (uint16_t)info.vendor;
    *product = (uint16_t)info.product;
    return 0;
}

int linux_hidraw_get_feature(int fd, uint8_t *buffer, size_t length) {
    int count = ioctl(fd, HIDIOCGFEATURE(length), buffer);
    return count < 0 ? -errno : count;
}

int linux_hidraw_set_feature(int fd, const uint8_t *buffer, size_t length) {
    /* The ioctl is declared to read and write, but the kernel only reads the buffer. */
    int count = ioctl(fd, HIDIOCSFEATURE(length), (uint8_t *)(uintptr_t)buffer);
    return count < 0 ? -errno : count;
}
