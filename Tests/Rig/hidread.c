/* hidread SECONDS NODE...   Reads hidraw nodes for so long and keeps nothing: the plainest reader, as a measure of how many
   reports a second the machine can pass on. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec * 1e-9;
}

int main(int count, char **arguments) {
    if (count < 3) {
        fprintf(stderr, "usage: hidread SECONDS NODE...\n");
        return 64;
    }
    int poll = epoll_create1(0);
    for (int i = 2; i < count; i++) {
        int node = open(arguments[i], O_RDONLY | O_NONBLOCK);
        struct epoll_event event = {.events = EPOLLIN, .data.fd = node};
        if (node < 0 || epoll_ctl(poll, EPOLL_CTL_ADD, node, &event) != 0) {
            perror(arguments[i]);
            return 1;
        }
    }
    long reports = 0;
    double end = now() + atof(arguments[1]);
    while (now() < end) {
        struct epoll_event events[16];
        int ready = epoll_wait(poll, events, 16, 100);
        for (int i = 0; i < ready; i++) {
            char report[4096];
            if (read(events[i].data.fd, report, sizeof report) > 0) reports++;
        }
    }
    printf("%ld\n", reports);
    return 0;
}
