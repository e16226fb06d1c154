#define _GNU_SOURCE
#include "CLinux.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#ifndef F_SEAL_FUTURE_WRITE
#define F_SEAL_FUTURE_WRITE 0x0010 /* Linux 5.1 */
#endif
#ifndef HUGETLBFS_MAGIC
#define HUGETLBFS_MAGIC 0x958458f6 /* linux/magic.h */
#endif

int linux_map_shared(int fd, size_t size, const void **address) {
    /* Fails with EINVAL or EPERM for what is no memory file. */
    int seals = fcntl(fd, F_GET_SEALS);
    if (seals < 0) return LINUX_SHARED_NO_MEMORY;
    /* A file that can shrink, or lose pages, would end the reader with SIGBUS. FUTURE_WRITE and WRITE forbid holes. */
    if (!(seals & F_SEAL_SHRINK) || !(seals & (F_SEAL_FUTURE_WRITE | F_SEAL_WRITE))) return LINUX_SHARED_UNSEALED;
    /* Huge pages have no holes that are reported, and are mapped in other lengths than are asked for. */
    struct statfs system;
    if (fstatfs(fd, &system) < 0) return -errno;
    if ((uint32_t)system.f_type == HUGETLBFS_MAGIC) return LINUX_SHARED_NO_MEMORY;
    struct stat info;
    if (fstat(fd, &info) < 0) return -errno;
    if (info.st_size < 0 || (uint64_t)info.st_size < size) return LINUX_SHARED_TOO_SMALL;
    /* Pages that do not exist yet would be allocated by the first reader, on its account; it may fail. The number of blocks
     * says less: it counts those behind the end too. */
    off_t hole = lseek(fd, 0, SEEK_HOLE);
    if (hole < 0) return -errno;
    if ((uint64_t)hole < size) return LINUX_SHARED_UNWRITTEN;
    /* A program that locks its memory would otherwise lock the client's, which uses up its limit. */
    void *map = mmap(NULL, size, PROT_NONE, MAP_SHARED, fd, 0);
    if (map == MAP_FAILED) return -errno;
    if (munlock(map, size) < 0 || mprotect(map, size, PROT_READ) < 0) {
        int error = errno;
        munmap(map, size);
        return -error;
    }
    *address = map;
    return 0;
}

void linux_unmap_shared(const void *address, size_t length) { munmap((void *)(uintptr_t)address, length); }
