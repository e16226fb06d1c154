#define _GNU_SOURCE
#include "CLinux.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

int linux_epoll_create(void) {
    int fd = epoll_create1(EPOLL_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

static int control(int epoll_fd, int operation, int fd, uint64_t token, int want_writable) {
    struct epoll_event event;
    memset(&event, 0, sizeof event);
    event.events = EPOLLIN | (want_writable ? EPOLLOUT : 0);
    event.data.u64 = token;
    return epoll_ctl(epoll_fd, operation, fd, &event) < 0 ? -errno : 0;
}

int linux_epoll_add(int epoll_fd, int fd, uint64_t token, int want_writable) {
    return control(epoll_fd, EPOLL_CTL_ADD, fd, token, want_writable);
}

int linux_epoll_add_signal(int epoll_fd, int event_fd, uint64_t token) {
    struct epoll_event event;
    memset(&event, 0, sizeof event);
    event.events = EPOLLIN | EPOLLET;
    event.data.u64 = token;
    return epoll_ctl(epoll_fd, EPOLL_CTL_ADD, event_fd, &event) < 0 ? -errno : 0;
}

int linux_epoll_change(int epoll_fd, int fd, uint64_t token, int want_writable) {
    return control(epoll_fd, EPOLL_CTL_MOD, fd, token, want_writable);
}

int linux_epoll_remove(int epoll_fd, int fd) { return control(epoll_fd, EPOLL_CTL_DEL, fd, 0, 0); }

int linux_epoll_wait(int epoll_fd, uint64_t *tokens, uint32_t *conditions, int capacity, int timeout_ms) {
    struct epoll_event events[64];
    if (capacity > 64) capacity = 64;
    int count = epoll_wait(epoll_fd, events, capacity, timeout_ms);
    if (count < 0) return errno == EINTR ? 0 : -errno;
    for (int i = 0; i < count; i++) {
        tokens[i] = events[i].data.u64;
        conditions[i] = (events[i].events & EPOLLIN ? LINUX_READABLE : 0) |
                        (events[i].events & EPOLLOUT ? LINUX_WRITABLE : 0) |
                        (events[i].events & (EPOLLERR | EPOLLHUP) ? LINUX_HANGUP : 0);
    }
    return count;
}

int linux_eventfd(void) {
    int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return fd < 0 ? -errno : fd;
}

int linux_eventfd_signal(int fd) {
    uint64_t one = 1;
    return write(fd, &one, sizeof one) < 0 && errno != EAGAIN ? -errno : 0;
}

int linux_eventfd_drain(int fd) {
    uint64_t count;
    return read(fd, &count, sizeof count) < 0 && errno != EAGAIN ? -errno : 0;
}

int linux_timerfd(void) {
    int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    return fd < 0 ? -errno : fd;
}

static struct timespec from_ns(int64_t ns) {
    struct timespec value = {.tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000};
    return value;
}

int linux_timerfd_set(int fd, int64_t first_ns, int64_t interval_ns) {
    struct itimerspec spec = {.it_value = from_ns(first_ns), .it_interval = from_ns(interval_ns)};
    return timerfd_settime(fd, 0, &spec, NULL) < 0 ? -errno : 0;
}

int linux_timerfd_set_at(int fd, int64_t at_ns) {
    struct itimerspec spec = {.it_value = from_ns(at_ns > 0 ? at_ns : 1)};
    return timerfd_settime(fd, TFD_TIMER_ABSTIME, &spec, NULL) < 0 ? -errno : 0;
}

int64_t linux_monotonic_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

uint64_t linux_wait_until(const int *fds, int count, int64_t at_ns) {
    struct pollfd entries[64];
    if (count < 0) return 0;
    if (count > 64) count = 64;
    for (int index = 0; index < count; index++) entries[index] = (struct pollfd){.fd = fds[index], .events = POLLIN};
    int ready;
    do {
        int64_t left = at_ns - linux_monotonic_ns();
        struct timespec patience = from_ns(left > 0 ? left : 0);
        ready = ppoll(entries, (nfds_t)count, &patience, NULL);
    } while (ready < 0 && errno == EINTR);
    uint64_t result = 0;
    for (int index = 0; index < count && ready > 0; index++) {
        if (entries[index].revents != 0) result |= UINT64_C(1) << index;
    }
    return result;
}

void linux_name_thread(const char *name) { pthread_setname_np(pthread_self(), name); }

int linux_realtime_thread(int priority) {
    struct sched_param parameters = {.sched_priority = priority};
    return -pthread_setschedparam(pthread_self(), SCHED_FIFO | SCHED_RESET_ON_FORK, &parameters);
}

/* struct sched_attr of linux/sched/types.h, which conflicts with glibc's sched.h; the first version's fields. */
struct scheduling {
    uint32_t size;
    uint32_t policy;
    uint64_t flags;
    int32_t nice;
    uint32_t priority;
    uint64_t runtime;
    uint64_t deadline;
    uint64_t period;
};

int linux_short_slice_thread(int64_t slice_ns, int nice_change) {
    if (sched_getscheduler(0) != SCHED_OTHER) return 0;
    /* In Linux, 0 is the calling thread, not its process. */
    int nice = getpriority(PRIO_PROCESS, 0);
    struct scheduling wanted = {
        .size = sizeof wanted, .policy = SCHED_OTHER, .nice = nice + nice_change, .runtime = (uint64_t)slice_ns};
    if (wanted.nice < -20) wanted.nice = -20;
    if (syscall(SYS_sched_setattr, 0, &wanted, 0) == 0) return 0;
    wanted.nice = nice;
    return syscall(SYS_sched_setattr, 0, &wanted, 0) < 0 ? -errno : 0;
}

int linux_lock_memory(void) { return mlockall(MCL_CURRENT | MCL_FUTURE) < 0 ? -errno : 0; }
