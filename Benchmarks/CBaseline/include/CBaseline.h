/* What the benchmarks compare with: the least that C can do, and a count of allocations. */
#ifndef CBASELINE_H
#define CBASELINE_H
#include <stddef.h>
#include <stdint.h>

/* Reads packets from count descriptors with epoll and publishes each in a pose page (the last word of the packet's
 * first eight bytes becomes captured_ns), until stop_fd is readable. Blocks. */
int baseline_copy_loop(const int *fds, int count, void *page, int stop_fd);

/* Sends back what comes, until the other end closes. Blocks. */
void baseline_echo(int fd);
/* Sends size bytes and waits for them to come back, count times; nanoseconds of each go to durations. */
int baseline_echo_client(int fd, size_t size, int count, int64_t interval_ns, int64_t *durations);

/* Writes count messages of size bytes, by turns from a pool of them, in chunks, compressed with Zstandard (level 0: not) and with a CRC each; seconds, or -1. */
double baseline_write_chunks(const char *path, const uint8_t *messages, size_t pool, size_t size, int64_t count,
                             size_t chunk_size, int level);

/* Allocations so far of the thread with the given name (as top -H shows it); -1 when there is none. */
int64_t baseline_allocations(const char *thread_name);

typedef struct {
  double median_ms;
  /* Requests a second. */
  double rate;
} baseline_http_result;

/* Sends the same request to a server on the loopback from so many connections, each again when its answer is whole;
 * 0, or a negated errno. Blocks. */
int baseline_http_load(uint16_t port, const char *request, size_t length, int clients, double seconds,
                       baseline_http_result *result);
#endif
