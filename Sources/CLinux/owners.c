#define _GNU_SOURCE
#include "CLinux.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

/* Number of the device "lo" in every network namespace, as the kernel defines it. */
enum { loopback_device = 1 };

static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};

/* The kernel answers within sendto, so nothing is waited for. */
static int exchange(int fd, const void *request, size_t size, void *reply, size_t capacity) {
    struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
    ssize_t count;
    do count = sendto(fd, request, size, 0, (struct sockaddr *)&kernel, sizeof kernel);
    while (count < 0 && errno == EINTR);
    if (count < 0) return -errno;
    struct sockaddr_nl sender = {0};
    socklen_t length = sizeof sender;
    do count = recvfrom(fd, reply, capacity, MSG_DONTWAIT, (struct sockaddr *)&sender, &length);
    while (count < 0 && errno == EINTR);
    if (count < 0) return -errno;
    return sender.nl_pid == 0 ? (int)count : -EPROTO;
}

int linux_tcp_owner(const uint8_t *own, uint16_t own_port, const uint8_t *other, uint16_t other_port, size_t length,
                    uint32_t *uid) {
    if (length != 4 && length != 16) return -EINVAL;
    /* A look-up by IPv4 finds IPv4 sockets and those of IPv6 that use mapped addresses. */
    if (length == 16 && !memcmp(own, mapped, sizeof mapped) && !memcmp(other, mapped, sizeof mapped)) {
        own += sizeof mapped;
        other += sizeof mapped;
        length = 4;
    }
    struct {
        struct nlmsghdr header;
        struct inet_diag_req_v2 body;
    } request;
    memset(&request, 0, sizeof request);
    request.header.nlmsg_len = sizeof request;
    request.header.nlmsg_type = SOCK_DIAG_BY_FAMILY;
    /* Without NLM_F_DUMP: the one socket with exactly these ends, from the kernel's hash table. */
    request.header.nlmsg_flags = NLM_F_REQUEST;
    request.body.sdiag_family = length == 4 ? AF_INET : AF_INET6;
    request.body.sdiag_protocol = IPPROTO_TCP;
    request.body.idiag_states = 1u << TCP_ESTABLISHED;
    request.body.id.idiag_sport = htons(own_port);
    request.body.id.idiag_dport = htons(other_port);
    memcpy(request.body.id.idiag_src, own, length);
    memcpy(request.body.id.idiag_dst, other, length);
    /* Traffic within the machine passes through lo. Without a device only sockets that are bound to none are found; with
     * one, those that are bound to it as well. */
    request.body.id.idiag_if = loopback_device;
    request.body.id.idiag_cookie[0] = INET_DIAG_NOCOOKIE;
    request.body.id.idiag_cookie[1] = INET_DIAG_NOCOOKIE;
    union {
        struct nlmsghdr header;
        char space[4096];
    } reply;
    int fd = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
    if (fd < 0) return -errno;
    int count = exchange(fd, &request, sizeof request, &reply, sizeof reply);
    close(fd);
    if (count < 0) return count;
    if ((size_t)count < NLMSG_LENGTH(0) || reply.header.nlmsg_len > (size_t)count) return -EPROTO;
    if (reply.header.nlmsg_type == NLMSG_ERROR) {
        if (reply.header.nlmsg_len < NLMSG_LENGTH(sizeof(struct nlmsgerr))) return -EPROTO;
        struct nlmsgerr *error = NLMSG_DATA(&reply.header);
        return error->error < 0 ? error->error : -EPROTO;
    }
    if (reply.header.nlmsg_type != SOCK_DIAG_BY_FAMILY ||
        reply.header.nlmsg_len < NLMSG_LENGTH(sizeof(struct inet_diag_msg)))
        return -EPROTO;
    struct inet_diag_msg *found = NLMSG_DATA(&reply.header);
    /* A listener is found where no connection is; a socket that its process closed has no inode, and user 0. The kernel
     * reads the user before the inode, so an inode proves that the user is that of the process. */
    if (found->idiag_state != TCP_ESTABLISHED || found->idiag_inode == 0 ||
        found->id.idiag_sport != htons(own_port) || found->id.idiag_dport != htons(other_port))
        return -ENOENT;
    *uid = found->idiag_uid;
    return 0;
}

int64_t linux_raise_descriptor_limit(void) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0) return -errno;
    if (limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        if (setrlimit(RLIMIT_NOFILE, &limit) < 0) return -errno;
    }
    return limit.rlim_cur > INT64_MAX ? INT64_MAX : (int64_t)limit.rlim_cur;
}

void linux_reserve_descriptors(int count) {
    int high = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, count - 1);
    if (high >= 0) close(high);
}
