#define _GNU_SOURCE
#include "CBaseline.h"
#include "vrbridge_writer.h"

#include <sys/epoll.h>

int baseline_copy_loop(const int *fds, int count, void *page, int stop_fd) {
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = {.events = EPOLLIN};
    for (int i = 0; i <= count; i++) {
        event.data.u32 = (uint32_t)i;
        if (epoll_ctl(epoll, EPOLL_CTL_ADD, i < count ? fds[i] : stop_fd, &event) < 0) return -errno;
    }
    unsigned char packet[4096];
    for (;;) {
        struct epoll_event events[64];
        int ready = epoll_wait(epoll, events, 64, -1);
        for (int i = 0; i < ready; i++) {
            uint32_t source = events[i].data.u32;
            if (source == (uint32_t)count) {
                close(epoll);
                return 0;
            }
            ssize_t size = read(fds[source], packet, sizeof packet);
            if (size < 8) continue;
            vrb_pose pose;
            memset(&pose, 0, sizeof pose);
            memcpy(&pose.captured_ns, packet, 8);
            size_t rest = (size_t)size - 8 < sizeof pose - 16 ? (size_t)size - 8 : sizeof pose - 16;
            memcpy((unsigned char *)&pose + 16, packet + 8, rest);
            vrb_slot_publish(page, source, &pose);
        }
    }
}

void baseline_echo(int fd) {
    char bytes[4096];
    for (;;) {
        ssize_t count = recv(fd, bytes, sizeof bytes, 0);
        if (count <= 0) return;
        if (send(fd, bytes, (size_t)count, MSG_NOSIGNAL) < 0) return;
    }
}

int baseline_echo_client(int fd, size_t size, int count, int64_t interval_ns, int64_t *durations) {
    char bytes[4096] = {0};
    int64_t next = vrb_now();
    for (int i = 0; i < count; i++) {
        while (vrb_now() < next) {}
        next += interval_ns;
        int64_t begin = vrb_now();
        if (send(fd, bytes, size, MSG_NOSIGNAL) < 0) return -errno;
        for (size_t received = 0; received < size;) {
            ssize_t part = recv(fd, bytes, size - received, 0);
            if (part <= 0) return -errno;
            received += (size_t)part;
        }
        durations[i] = vrb_now() - begin;
    }
    return 0;
}
