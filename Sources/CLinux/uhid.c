#include "CLinux.h"

#include <errno.h>
#include <linux/uhid.h>
#include <string.h>
#include <unistd.h>

static int submit(int fd, const struct uhid_event *event) {
    ssize_t count = write(fd, event, sizeof *event);
    return count < 0 ? -errno : count == (ssize_t)sizeof *event ? 0 : -EIO;
}

static void copy_text(__u8 *to, size_t capacity, const char *text) {
    size_t length = strlen(text);
    memcpy(to, text, length < capacity ? length : capacity - 1);
}

int linux_uhid_create(int fd, const char *name, const char *phys, const char *uniq, uint16_t bus,
                      uint32_t vendor, uint32_t product, const uint8_t *descriptor, size_t length) {
    struct uhid_event event;
    memset(&event, 0, sizeof event);
    if (length > sizeof event.u.create2.rd_data) return -EMSGSIZE;
    event.type = UHID_CREATE2;
    copy_text(event.u.create2.name, sizeof event.u.create2.name, name);
    copy_text(event.u.create2.phys, sizeof event.u.create2.phys, phys);
    copy_text(event.u.create2.uniq, sizeof event.u.create2.uniq, uniq);
    event.u.create2.rd_size = (__u16)length;
    event.u.create2.bus = bus;
    event.u.create2.vendor = vendor;
    event.u.create2.product = product;
    memcpy(event.u.create2.rd_data, descriptor, length);
    return submit(fd, &event);
}

int linux_uhid_input(int fd, const uint8_t *report, size_t length) {
    struct uhid_event event;
    if (length > sizeof event.u.input2.data) return -EMSGSIZE;
    event.type = UHID_INPUT2;
    event.u.input2.size = (__u16)length;
    memcpy(event.u.input2.data, report, length);
    size_t total = offsetof(struct uhid_event, u.input2.data) + length;
    ssize_t count = write(fd, &event, total);
    return count < 0 ? -errno : 0;
}

int linux_uhid_destroy(int fd) {
    struct uhid_event event;
    memset(&event, 0, sizeof event);
    event.type = UHID_DESTROY;
    return submit(fd, &event);
}

int linux_uhid_read(int fd, uint32_t *request_id, uint8_t *report_number, uint8_t *buffer, size_t capacity,
                    size_t *length) {
    struct uhid_event event;
    memset(&event, 0, sizeof event);
    ssize_t count = read(fd, &event, sizeof event);
    if (count < 0) return -errno;
    *length = 0;
    const __u8 *bytes = NULL;
    size_t size = 0;
    int kind = LINUX_UHID_OTHER;
    switch (event.type) {
    case UHID_GET_REPORT:
        *request_id = event.u.get_report.id;
        *report_number = event.u.get_report.rnum;
        return LINUX_UHID_GET;
    case UHID_SET_REPORT:
        *request_id = event.u.set_report.id;
        *report_number = event.u.set_report.rnum;
        bytes = event.u.set_report.data;
        size = event.u.set_report.size;
        kind = LINUX_UHID_SET;
        break;
    case UHID_OUTPUT:
        bytes = event.u.output.data;
        size = event.u.output.size;
        kind = LINUX_UHID_OUTPUT;
        break;
    default:
        return LINUX_UHID_OTHER;
    }
    if (size > UHID_DATA_MAX) size = UHID_DATA_MAX;
    if (size > capacity) size = capacity;
    memcpy(buffer, bytes, size);
    *length = size;
    return kind;
}

int linux_uhid_answer_get(int fd, uint32_t request_id, int error, const uint8_t *report, size_t length) {
    struct uhid_event event;
    memset(&event, 0, sizeof event);
    if (length > sizeof event.u.get_report_reply.data) return -EMSGSIZE;
    event.type = UHID_GET_REPORT_REPLY;
    event.u.get_report_reply.id = request_id;
    event.u.get_report_reply.err = (__u16)error;
    event.u.get_report_reply.size = (__u16)length;
    if (length > 0) memcpy(event.u.get_report_reply.data, report, length);
    return submit(fd, &event);
}

int linux_uhid_answer_set(int fd, uint32_t request_id, int error) {
    struct uhid_event event;
    memset(&event, 0, sizeof event);
    event.type = UHID_SET_REPORT_REPLY;
    event.u.set_report_reply.id = request_id;
    event.u.set_report_reply.err = (__u16)error;
    return submit(fd, &event);
}
