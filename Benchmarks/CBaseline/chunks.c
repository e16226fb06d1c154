#include "CBaseline.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

static double seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

double baseline_write_chunks(const char *path, const uint8_t *messages, size_t pool, size_t size, int64_t count,
                             size_t chunk_size, int level) {
  const size_t record = size + 31;
  uint8_t *chunk = malloc(chunk_size + record);
  const size_t bound = ZSTD_compressBound(chunk_size + record);
  uint8_t *packed = malloc(bound);
  ZSTD_CCtx *context = ZSTD_createCCtx();
  const int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  double result = -1;
  if (chunk == NULL || packed == NULL || context == NULL || fd < 0) goto end;
  const double start = seconds();
  size_t used = 0;
  for (int64_t index = 0; index < count; index++) {
    /* Thirty-one bytes of header that change with each message, as a log's do. */
    memset(chunk + used, 0, 31);
    memcpy(chunk + used + 15, &index, 8);
    memcpy(chunk + used + 31, messages + (size_t)index % pool * size, size);
    used += record;
    if (used >= chunk_size || index + 1 == count) {
      uLong sum = crc32_z(0, chunk, used);
      const uint8_t *out = chunk;
      size_t length = used;
      if (level > 0) {
        out = packed;
        length = ZSTD_compressCCtx(context, packed, bound, chunk, used, level);
        if (ZSTD_isError(length)) goto end;
      }
      if (write(fd, &sum, 4) != 4 || write(fd, out, length) != (ssize_t)length) goto end;
      used = 0;
    }
  }
  result = seconds() - start;
end:
  if (fd >= 0) close(fd);
  ZSTD_freeCCtx(context);
  free(packed);
  free(chunk);
  return result;
}
