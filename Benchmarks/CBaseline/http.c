// Clients of an HTTP server that do nothing but ask: one thread, plain sockets, the same request over and over on
// connections that stay. What a full client library costs would be measured as the server's.

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "CBaseline.h"

enum { MOST_CLIENTS = 64, MOST_TIMES = 4 << 20 };

typedef struct {
  int descriptor;
  size_t received;
  double sent;
  char bytes[16384];
} connection;

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

static int open_connection(uint16_t port) {
  int descriptor = socket(AF_INET, SOCK_STREAM, 0), on = 1;
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (connect(descriptor, (struct sockaddr *)&address, sizeof address) < 0) {
    close(descriptor);
    return -1;
  }
  setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return descriptor;
}

static int ask(connection *client, const char *request, size_t length) {
  client->received = 0;
  client->sent = now();
  return write(client->descriptor, request, length) == (ssize_t)length ? 0 : -1;
}

// 1 when the answer is whole, 0 when more is to come, less than 0 for an answer that is none.
static int receive(connection *client) {
  ssize_t count = read(client->descriptor, client->bytes + client->received, sizeof client->bytes - 1 - client->received);
  if (count <= 0) return -1;
  client->received += (size_t)count;
  client->bytes[client->received] = 0;
  const char *end = strstr(client->bytes, "\r\n\r\n");
  if (end == NULL) return 0;
  if (strncmp(client->bytes, "HTTP/1.1 200", 12) != 0) return -2;
  const char *length = strcasestr(client->bytes, "content-length: ");
  if (length == NULL || length > end) return -3;
  return client->received - (size_t)(end + 4 - client->bytes) >= strtoul(length + 16, NULL, 10);
}

static int by_size(const void *a, const void *b) {
  float x = *(const float *)a, y = *(const float *)b;
  return (x > y) - (x < y);
}

int baseline_http_load(uint16_t port, const char *request, size_t length, int clients, double seconds,
                       baseline_http_result *result) {
  if (clients > MOST_CLIENTS) return -EINVAL;
  connection *all = calloc((size_t)clients, sizeof *all);
  float *times = malloc(MOST_TIMES * sizeof *times);
  struct pollfd waiting[MOST_CLIENTS];
  size_t count = 0;
  int status = 0, opened = 0;
  for (; opened < clients && status == 0; opened++) {
    all[opened].descriptor = open_connection(port);
    if (all[opened].descriptor < 0) {
      status = -ECONNREFUSED;
      break;
    }
    waiting[opened] = (struct pollfd){.fd = all[opened].descriptor, .events = POLLIN};
  }
  const double begin = now();
  double last = begin;
  for (int index = 0; index < opened && status == 0; index++) status = ask(&all[index], request, length) ? -EPIPE : 0;
  while (status == 0 && last - begin < seconds && count < MOST_TIMES) {
    if (poll(waiting, (nfds_t)clients, 5000) <= 0) status = -ETIMEDOUT;
    for (int index = 0; index < clients && status == 0 && count < MOST_TIMES; index++) {
      if (waiting[index].revents == 0) continue;
      int whole = receive(&all[index]);
      if (whole < 0) status = whole == -1 ? -EPIPE : -EPROTO;
      if (whole <= 0) continue;
      last = now();
      times[count++] = (float)((last - all[index].sent) * 1e3);
      if (ask(&all[index], request, length) != 0) status = -EPIPE;
    }
    if (count == 0) last = now();
  }
  for (int index = 0; index < opened; index++) close(all[index].descriptor);
  if (status == 0 && count == 0) status = -ETIMEDOUT;
  if (status == 0) {
    qsort(times, count, sizeof *times, by_size);
    *result = (baseline_http_result){.median_ms = times[count / 2], .rate = (double)count / (last - begin)};
  }
  free(times);
  free(all);
  return status;
}
