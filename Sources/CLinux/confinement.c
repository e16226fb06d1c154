#define _GNU_SOURCE
#include "CLinux.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static int limit(int resource, uint64_t value) {
    struct rlimit bound = {.rlim_cur = value, .rlim_max = value};
    /* An inherited limit that is lower stays: only root may raise it. */
    struct rlimit earlier;
    if (getrlimit(resource, &earlier) < 0) return -errno;
    if (earlier.rlim_max < value) bound.rlim_cur = bound.rlim_max = earlier.rlim_max;
    return setrlimit(resource, &bound) < 0 ? -errno : 0;
}

int linux_limit_process(uint64_t memory, uint64_t file_size, uint64_t descriptors) {
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0 ||
        prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0)
        return -errno;
    /* When memory runs out, this process ends before the one that started it. A system without the file has no such choice. */
    int score = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
    if (score >= 0) {
        ssize_t written = write(score, "1000", 4);
        (void)written;
        close(score);
    }
    int error = limit(RLIMIT_DATA, memory);
    if (!error) error = limit(RLIMIT_FSIZE, file_size);
    if (!error) error = limit(RLIMIT_NOFILE, descriptors);
    if (!error) error = limit(RLIMIT_CORE, 0);
    return error;
}

/* linux/landlock.h of distributions is older than the kernel's interface; these are its values up to version 6. */
struct ruleset {
    uint64_t files;
    uint64_t network;
    uint64_t scopes;
};
struct beneath {
    uint64_t permitted;
    int32_t folder;
} __attribute__((packed));

enum { create_version = 1, rule_beneath = 1 };
#define BIT(n) (UINT64_C(1) << (n))
static const uint64_t execute = BIT(0), read_file = BIT(2), read_folder = BIT(3), remove_folder = BIT(4),
                      remove_file = BIT(5), make_folder = BIT(7), make_link = BIT(12);

#ifndef SYS_landlock_create_ruleset
#define SYS_landlock_create_ruleset 444
#define SYS_landlock_add_rule 445
#define SYS_landlock_restrict_self 446
#endif

int linux_landlock_version(void) {
    long version = syscall(SYS_landlock_create_ruleset, NULL, 0, create_version);
    return version < 0 ? 0 : (int)version;
}

static int permit(int ruleset, const char *path, uint64_t rights) {
    int fd = open(path, O_PATH | O_CLOEXEC);
    if (fd < 0) return errno == ENOENT || errno == EACCES ? 0 : -errno;
    struct stat info;
    int error = fstat(fd, &info) < 0 ? -errno : 0;
    if (!error) {
        struct beneath rule = {.permitted = S_ISDIR(info.st_mode) ? rights : rights & (execute | read_file), .folder = fd};
        if (syscall(SYS_landlock_add_rule, ruleset, rule_beneath, &rule, 0) < 0) error = -errno;
    }
    close(fd);
    return error;
}

int linux_restrict_files(const char *const *readable, size_t count, const char *private_folder) {
    int version = linux_landlock_version();
    if (version == 0) return -ENOSYS;
    struct ruleset handled = {.files = BIT(13) - 1};
    if (version >= 2) handled.files |= BIT(13);
    if (version >= 3) handled.files |= BIT(14);
    if (version >= 5) handled.files |= BIT(15);
    if (version >= 4) handled.network = BIT(0) | BIT(1);
    if (version >= 6) handled.scopes = BIT(0) | BIT(1);
    long ruleset = syscall(SYS_landlock_create_ruleset, &handled, sizeof handled, 0);
    if (ruleset < 0) return -errno;
    int error = 0;
    for (size_t index = 0; index < count && !error; index++)
        error = permit((int)ruleset, readable[index], execute | read_file | read_folder);
    if (!error && private_folder)
        error = permit((int)ruleset, private_folder,
                       read_file | read_folder | remove_folder | remove_file | make_folder | make_link);
    if (!error && syscall(SYS_landlock_restrict_self, (int)ruleset, 0) < 0) error = -errno;
    close((int)ruleset);
    return error;
}
