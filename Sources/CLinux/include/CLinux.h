/* What the Linux kernel offers and Swift's Glibc module does not show: hidraw and uhid ioctls and records,
 * epoll, eventfd, timerfd, sealed memory files, descriptors and credentials over Unix sockets, owners of
 * TCP connections, confined processes.
 *
 * Every function returns a negative errno value on failure and retries on EINTR where that is right. */
#ifndef VRBRIDGE_CLINUX_H
#define VRBRIDGE_CLINUX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* --- hidraw (linux/hidraw.h) --------------------------------------------------------------------------- */

/* Copies the report descriptor into buffer; returns its length. */
int linux_hidraw_descriptor(int fd, uint8_t *buffer, size_t capacity);
/* Fills bus type, vendor and product. */
int linux_hidraw_info(int fd, uint32_t *bus, uint16_t *vendor, uint16_t *product);
/* Feature reports: buffer[0] is the report id (0 for unnumbered). Get returns the length that came. */
int linux_hidraw_get_feature(int fd, uint8_t *buffer, size_t length);
int linux_hidraw_set_feature(int fd, const uint8_t *buffer, size_t length);

/* --- uhid (linux/uhid.h): a HID device made by a program ------------------------------------------------ */

int linux_uhid_create(int fd, const char *name, const char *phys, const char *uniq, uint16_t bus,
                      uint32_t vendor, uint32_t product, const uint8_t *descriptor, size_t length);
int linux_uhid_input(int fd, const uint8_t *report, size_t length);
int linux_uhid_destroy(int fd);

enum linux_uhid_request { LINUX_UHID_OTHER = 0, LINUX_UHID_GET = 1, LINUX_UHID_SET = 2, LINUX_UHID_OUTPUT = 3 };
/* Reads one event. For GET and SET, request_id and report_number are set; SET and OUTPUT copy their bytes to
 * buffer and their number to length. Returns the kind. */
int linux_uhid_read(int fd, uint32_t *request_id, uint8_t *report_number, uint8_t *buffer, size_t capacity,
                    size_t *length);
/* Answers a GET; error is 0 or a positive errno. */
int linux_uhid_answer_get(int fd, uint32_t request_id, int error, const uint8_t *report, size_t length);
int linux_uhid_answer_set(int fd, uint32_t request_id, int error);

/* --- waiting -------------------------------------------------------------------------------------------- */

int linux_epoll_create(void);
/* Readable, error and hang-up are reported; writable only when asked. */
int linux_epoll_add(int epoll_fd, int fd, uint64_t token, int want_writable);
/* Reports each signal of an eventfd once, so that it need not be drained. */
int linux_epoll_add_signal(int epoll_fd, int event_fd, uint64_t token);
int linux_epoll_change(int epoll_fd, int fd, uint64_t token, int want_writable);
int linux_epoll_remove(int epoll_fd, int fd);

enum { LINUX_READABLE = 1, LINUX_WRITABLE = 2, LINUX_HANGUP = 4 };
/* Fills tokens and conditions, at most 64; timeout in ms, -1 for none. */
int linux_epoll_wait(int epoll_fd, uint64_t *tokens, uint32_t *conditions, int capacity, int timeout_ms);

int linux_eventfd(void);
int linux_eventfd_signal(int fd);
int linux_eventfd_drain(int fd);
/* CLOCK_MONOTONIC; interval 0 for once, first 0 disarms. */
int linux_timerfd(void);
int linux_timerfd_set(int fd, int64_t first_ns, int64_t interval_ns);
/* One-shot at an absolute time. */
int linux_timerfd_set_at(int fd, int64_t at_ns);
int64_t linux_monotonic_ns(void);
/* Waits until one of the descriptors is readable or the time is there; a bit for each that is readable,
   of the first 64. */
uint64_t linux_wait_until(const int *fds, int count, int64_t at_ns);

/* --- memory and sockets --------------------------------------------------------------------------------- */

/* glibc gives each thread a heap of its own, up to eight for each processor, and what one has freed no other uses. */
void linux_limit_heaps(int count);
/* Gives free memory of all heaps back to the system. */
void linux_return_memory(void);
/* Unmaps the pages of the program's own code; those that are used are mapped again from the page cache. Without effect
 * where memory is locked. */
void linux_unmap_program_code(void);
/* Free bytes in all heaps, returned to the system or not. */
size_t linux_free_heap_memory(void);
/* A memory file of the given size, mapped writable at *address, then sealed: it can't shrink or grow, and
 * nobody else can map it writable. */
int linux_sealed_memory(const char *name, size_t size, void **address);
/* Why memory of another process is not mapped. */
enum linux_shared_problem {
    LINUX_SHARED_NO_MEMORY = 1,
    LINUX_SHARED_UNSEALED = 2,
    LINUX_SHARED_TOO_SMALL = 3,
    LINUX_SHARED_UNWRITTEN = 4
};
/* Maps the first `size` bytes of a memory file of another process read-only. All their pages must have been written, and
 * the file must have the seals SHRINK and FUTURE_WRITE (or WRITE), so that reading never fails. Returns 0, a
 * LINUX_SHARED_ problem, or -errno. */
int linux_map_shared(int fd, size_t size, const void **address);
void linux_unmap_shared(const void *address, size_t length);
/* A file that exists in memory only and can be sealed, or -errno. */
int linux_memory_file(const char *name);
/* A pair of connected packet sockets: message boundaries hold, as with hidraw. */
int linux_packet_pair(int fds[2]);
/* A new Unix socket that listens, non-blocking, with this mode; or -errno. */
int linux_unix_listen(const char *path, uint32_t mode);
/* Sets mode and group (-1: as it is) of a socket file of this user, and of no other file: links are not followed. Returns
 * 0 or errno. */
int linux_socket_access(const char *path, uint32_t mode, uint32_t group);
int linux_unix_connect(const char *path);
/* Non-blocking and close-on-exec. */
int linux_accept(int fd);
int linux_peer_credentials(int fd, uint32_t *pid, uint32_t *uid, uint32_t *gid);
/* The user of the local TCP socket whose own end and other end are these addresses (4 or 16 bytes each, IPv4-mapped ones
 * too), by sock_diag(7). Only an established connection that a process holds counts: -ENOENT for others, because the
 * kernel lists closing sockets as root's. The cost does not depend on the number of sockets. */
int linux_tcp_owner(const uint8_t *own, uint16_t own_port, const uint8_t *other, uint16_t other_port, size_t length,
                    uint32_t *uid);
/* Raises the soft limit of descriptors to the hard one; the limit in force, or a negative errno. */
int64_t linux_raise_descriptor_limit(void);
/* Extends the process's descriptor table for this many descriptors. In a process with several threads the kernel waits
 * for an RCU grace period (milliseconds) each time the table grows; call this before threads exist. */
void linux_reserve_descriptors(int count);
/* Sends bytes without SIGPIPE; passed_fd < 0 sends none. */
ssize_t linux_send(int fd, const void *bytes, size_t count, int passed_fd);
/* Receives bytes; *passed_fd is set to a received descriptor or -1. The kernel discards further descriptors without
 * installing them; *had_more is set then. */
ssize_t linux_receive(int fd, void *bytes, size_t capacity, int *passed_fd, int *had_more);
/* Receives bytes; the kernel discards passed descriptors without installing them, and *had_descriptors is set. */
ssize_t linux_receive_bytes(int fd, void *bytes, size_t capacity, int *had_descriptors);
/* From Linux 6.16 on: whether the peer of this socket can pass descriptors (else EPERM). Without effect on earlier kernels,
 * where all can. */
void linux_set_descriptor_passing(int fd, bool can_pass);

/* --- confined processes (seccomp(2), landlock(7), prctl(2)) ----------------------------------------------- */

/* A memory file that can be mapped writable by two processes and never shrinks, so that no access ends in SIGBUS. The
 * mapping is not locked, even where mlockall(2) locks future ones: it is larger than what is used of it. */
int linux_exchange_memory(const char *name, size_t size, void **address);
/* Maps the file that linux_exchange_memory made; -EINVAL when it is smaller than size. */
int linux_map_exchange(int fd, size_t size, void **address);
int linux_unmap_exchange(void *address, size_t size);
/* Gives the memory of a range of a shared mapping back to the system; it reads as zeros then. */
int linux_discard_exchange(void *address, size_t size);

/* The descriptors that a spawned process has beside 0 to 2, which lead to /dev/null. */
enum { LINUX_SPAWNED_SOCKET = 3, LINUX_SPAWNED_MEMORY = 4 };
/* Starts a program with its signals at their defaults, in a process group of its own. */
int linux_spawn(const char *path, char *const arguments[], char *const environment[], int socket, int memory,
                pid_t *process);
/* Waits for the end of a process; status is as for waitpid(2). */
int linux_reap(pid_t process, int *status);
/* Waits until the socket can be read, or the time is over: 1, 0, or a negative errno. */
int linux_wait_readable(int fd, int64_t timeout_ns);

/* Whether the kernel permits filters of system calls. */
int linux_has_seccomp(void);
/* The version of the kernel's Landlock interface; 0 without it. */
int linux_landlock_version(void);

/* Bounds the process: no new privileges, no core dump, not traceable by others of its user, killed when the thread that
 * started it ends; memory of its own, size of written files in bytes, number of descriptors. */
int linux_limit_process(uint64_t memory, uint64_t file_size, uint64_t descriptors);
/* Restricts the calling thread and those it will start to reading below the given files and folders, and to links and
 * folders below private_folder, which may be NULL. Files that do not exist are left out. No TCP; no signals and no
 * abstract sockets beyond the process where the kernel can forbid them. */
int linux_restrict_files(const char *const *readable, size_t count, const char *private_folder);
enum linux_call_list {
    /* Memory, time and transfers over descriptors that are open. */
    LINUX_CALLS_COMPUTE = 0,
    /* In addition: reading files, threads, executable memory, links and memory files. */
    LINUX_CALLS_LIBRARIES = 1
};
/* Leaves the system calls of a list to all threads of the process; others fail with EPERM. */
int linux_restrict_calls(enum linux_call_list list);

/* --- video (linux/videodev2.h) --------------------------------------------------------------------------- */

/* Fails with ENOTTY for what is no streaming capture device. Texts are terminated. */
int linux_v4l2_identify(int fd, char name[32], char bus[32]);
/* The index-th pixel format, and the index-th size of one; -EINVAL behind the last. A range of sizes gives its largest. */
int linux_v4l2_format_at(int fd, uint32_t index, uint32_t *fourcc);
int linux_v4l2_size_at(int fd, uint32_t fourcc, uint32_t index, uint32_t *width, uint32_t *height);
/* Asks for a format; the driver's nearest comes back. stride and size in bytes. */
int linux_v4l2_set_format(int fd, uint32_t *fourcc, uint32_t *width, uint32_t *height, uint32_t *stride, uint32_t *size);
/* Frames per second, numerator over denominator; what the driver took comes back. -ENOTTY where it can't be set. */
int linux_v4l2_set_rate(int fd, uint32_t *numerator, uint32_t *denominator);
/* Returns how many buffers were granted; 0 frees them. */
int linux_v4l2_request(int fd, uint32_t count);
int linux_v4l2_map(int fd, uint32_t index, void **address, size_t *length);
int linux_v4l2_unmap(void *address, size_t length);
int linux_v4l2_queue(int fd, uint32_t index);
/* -EAGAIN when no frame waits. timestamp is CLOCK_MONOTONIC, or 0 when the driver's is of another clock; damaged is set
 * for a frame with missing data. */
int linux_v4l2_dequeue(int fd, uint32_t *index, uint32_t *used, int64_t *timestamp_ns, uint32_t *sequence, int *damaged);
int linux_v4l2_stream(int fd, int on);
enum linux_v4l2_control { LINUX_V4L2_EXPOSURE_AUTOMATIC = 0, LINUX_V4L2_EXPOSURE = 1, LINUX_V4L2_GAIN = 2 };
/* Exposure in 100 microseconds; automatic 0 or 1; gain in the driver's unit. */
int linux_v4l2_set_control(int fd, int control, int32_t value);

/* Names the calling thread as shown by top -H. */
void linux_name_thread(const char *name);
/* Asks for SCHED_FIFO at the given priority; 0, or a negative errno when not permitted. */
int linux_realtime_thread(int priority);
/* Requests time slices of a length (0.1 to 100 ms) and a change of the nice value for this thread, if it is in SCHED_OTHER:
 * from Linux 6.12 on, a thread with a shorter slice preempts one with a longer slice when it is woken; earlier kernels
 * ignore the slice. A change that RLIMIT_NICE forbids is left out. 0, or a negative errno. */
int linux_short_slice_thread(int64_t slice_ns, int nice_change);
/* Locks current and future pages of the process into memory, so that the tracking loop takes no page faults. */
int linux_lock_memory(void);

#ifdef __cplusplus
}
#endif
#endif
