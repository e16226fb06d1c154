#define _GNU_SOURCE
#include "CLinux.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/prctl.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined __x86_64__
#define ARCHITECTURE AUDIT_ARCH_X86_64
#elif defined __aarch64__
#define ARCHITECTURE AUDIT_ARCH_AARCH64
#endif

int linux_has_seccomp(void) {
#ifdef ARCHITECTURE
    uint32_t action = SECCOMP_RET_ERRNO;
    return syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) == 0;
#else
    return 0;
#endif
}

#ifdef ARCHITECTURE

/* A filter in the making (classic BPF over struct seccomp_data). The accumulator holds the number of the call between the
 * rules; a rule that loads an argument ends with a return. */
struct filter {
    struct sock_filter code[640];
    unsigned short length;
    bool is_full;
};

static void emit(struct filter *filter, uint16_t code, uint32_t value, uint8_t if_true, uint8_t if_false) {
    if (filter->length == sizeof filter->code / sizeof *filter->code) {
        filter->is_full = true;
        return;
    }
    filter->code[filter->length++] = (struct sock_filter)BPF_JUMP(code, value, if_true, if_false);
}

static void load(struct filter *filter, size_t offset) {
    emit(filter, BPF_LD | BPF_W | BPF_ABS, (uint32_t)offset, 0, 0);
}

static void end(struct filter *filter, uint32_t action) { emit(filter, BPF_RET | BPF_K, action, 0, 0); }

/* The lower half of an argument: both machines are little-endian, and the kernel reads no more of these ones. */
static void load_argument(struct filter *filter, int index) {
    load(filter, offsetof(struct seccomp_data, args) + (size_t)index * sizeof(uint64_t));
}

static const uint32_t refused = SECCOMP_RET_ERRNO | (EPERM & SECCOMP_RET_DATA);

static void answer(struct filter *filter, uint32_t call, uint32_t action) {
    emit(filter, BPF_JMP | BPF_JEQ | BPF_K, call, 0, 1);
    end(filter, action);
}

static void permit(struct filter *filter, uint32_t call) { answer(filter, call, SECCOMP_RET_ALLOW); }

/* Permits a call whose argument has none of the bits. */
static void permit_without(struct filter *filter, uint32_t call, int argument, uint32_t bits) {
    emit(filter, BPF_JMP | BPF_JEQ | BPF_K, call, 0, 4);
    load_argument(filter, argument);
    emit(filter, BPF_JMP | BPF_JSET | BPF_K, bits, 1, 0);
    end(filter, SECCOMP_RET_ALLOW);
    end(filter, refused);
}

/* Permits a mapping that has none of the bits of protection and none of the flags. */
static void permit_mapping_without(struct filter *filter, uint32_t protection, uint32_t flags) {
    emit(filter, BPF_JMP | BPF_JEQ | BPF_K, SYS_mmap, 0, 6);
    load_argument(filter, 2);
    emit(filter, BPF_JMP | BPF_JSET | BPF_K, protection, 3, 0);
    load_argument(filter, 3);
    emit(filter, BPF_JMP | BPF_JSET | BPF_K, flags, 1, 0);
    end(filter, SECCOMP_RET_ALLOW);
    end(filter, refused);
}

/* Permits a call whose argument has one of the bits. */
static void permit_with(struct filter *filter, uint32_t call, int argument, uint32_t bits) {
    emit(filter, BPF_JMP | BPF_JEQ | BPF_K, call, 0, 4);
    load_argument(filter, argument);
    emit(filter, BPF_JMP | BPF_JSET | BPF_K, bits, 0, 1);
    end(filter, SECCOMP_RET_ALLOW);
    end(filter, refused);
}

/* Permits a call whose argument is one of the values. */
static void permit_values(struct filter *filter, uint32_t call, int argument, const uint32_t *values, uint8_t count) {
    emit(filter, BPF_JMP | BPF_JEQ | BPF_K, call, 0, (uint8_t)(3 + count));
    load_argument(filter, argument);
    for (uint8_t index = 0; index < count; index++)
        emit(filter, BPF_JMP | BPF_JEQ | BPF_K, values[index], (uint8_t)(count - index), 0);
    end(filter, refused);
    end(filter, SECCOMP_RET_ALLOW);
}

static const uint32_t compute_calls[] = {
    SYS_read, SYS_write, SYS_close, SYS_munmap, SYS_mremap, SYS_madvise, SYS_brk, SYS_futex, SYS_rt_sigaction,
    SYS_rt_sigprocmask, SYS_rt_sigreturn, SYS_sigaltstack, SYS_exit, SYS_exit_group, SYS_clock_gettime, SYS_clock_getres,
    SYS_clock_nanosleep, SYS_nanosleep, SYS_gettimeofday, SYS_getrandom, SYS_getpid, SYS_gettid, SYS_sched_yield,
    SYS_sched_getaffinity, SYS_membarrier, SYS_set_robust_list, SYS_restart_syscall, SYS_fstat,
#ifdef SYS_rseq
    SYS_rseq,
#endif
};

/* OpenVINO with TBB, ONNX Runtime, the dynamic linker, Dispatch, and links to memory files in a private folder. */
static const uint32_t library_calls[] = {
    SYS_mmap, SYS_mprotect, SYS_newfstatat, SYS_statx, SYS_statfs, SYS_fstatfs, SYS_readlinkat, SYS_getdents64,
    SYS_faccessat, SYS_getcwd, SYS_lseek, SYS_pread64, SYS_readv, SYS_writev, SYS_set_tid_address, SYS_getcpu,
    SYS_sched_getparam, SYS_sched_getscheduler, SYS_sched_get_priority_max, SYS_sched_get_priority_min, SYS_getpriority,
    SYS_memfd_create, SYS_ftruncate, SYS_symlinkat, SYS_mkdirat, SYS_unlinkat, SYS_eventfd2, SYS_epoll_create1,
    SYS_epoll_ctl, SYS_epoll_pwait, SYS_timerfd_create, SYS_timerfd_settime, SYS_pipe2, SYS_ppoll, SYS_pselect6, SYS_dup,
    SYS_dup3, SYS_uname, SYS_sysinfo, SYS_getrusage, SYS_times, SYS_getuid, SYS_geteuid, SYS_getgid, SYS_getegid,
    SYS_getppid, SYS_getpgid, SYS_get_mempolicy, SYS_set_mempolicy, SYS_mbind, SYS_mincore, SYS_msync,
    SYS_rt_sigtimedwait, SYS_rt_sigsuspend, SYS_signalfd4, SYS_fadvise64, SYS_mlock, SYS_munlock,
#ifdef SYS_faccessat2
    SYS_faccessat2,
#endif
#ifdef __x86_64__
    SYS_stat, SYS_lstat, SYS_access, SYS_readlink, SYS_symlink, SYS_mkdir, SYS_rmdir, SYS_unlink, SYS_poll, SYS_select,
    SYS_pipe, SYS_dup2, SYS_epoll_wait, SYS_epoll_create, SYS_eventfd, SYS_time,
#endif
};

static const uint32_t descriptor_commands[] = {F_DUPFD, F_DUPFD_CLOEXEC, F_GETFD,     F_SETFD,
                                               F_GETFL, F_SETFL,         F_ADD_SEALS, F_GET_SEALS};
static const uint32_t process_settings[] = {PR_SET_NAME, PR_GET_NAME, 0x53564d41 /* PR_SET_VMA */};

int linux_restrict_calls(enum linux_call_list list) {
    struct filter filter = {.length = 0};
    load(&filter, offsetof(struct seccomp_data, arch));
    emit(&filter, BPF_JMP | BPF_JEQ | BPF_K, ARCHITECTURE, 1, 0);
    end(&filter, SECCOMP_RET_KILL_PROCESS);
    load(&filter, offsetof(struct seccomp_data, nr));
#ifdef __x86_64__
    /* Calls of the x32 interface have numbers of their own. */
    emit(&filter, BPF_JMP | BPF_JGE | BPF_K, 0x40000000, 0, 1);
    end(&filter, SECCOMP_RET_KILL_PROCESS);
#endif
    /* The frequent ones come first. */
    for (size_t index = 0; index < sizeof compute_calls / sizeof *compute_calls; index++)
        permit(&filter, compute_calls[index]);
    /* A process ends itself by abort(3), and sends no signal to others. */
    uint32_t self = (uint32_t)getpid();
    permit_values(&filter, SYS_tgkill, 0, &self, 1);
    /* Limits of its own, which it can only lower. */
    permit_values(&filter, SYS_prlimit64, 0, (const uint32_t[]){0}, 1);
    if (list == LINUX_CALLS_COMPUTE) {
        /* Shared memory does not count towards the limit of the process's memory. */
        permit_mapping_without(&filter, PROT_EXEC, MAP_SHARED);
        permit_without(&filter, SYS_mprotect, 2, PROT_EXEC);
    } else {
        for (size_t index = 0; index < sizeof library_calls / sizeof *library_calls; index++)
            permit(&filter, library_calls[index]);
        const uint32_t changes = O_WRONLY | O_RDWR | O_CREAT | O_TRUNC | O_APPEND;
        permit_without(&filter, SYS_openat, 2, changes);
#ifdef __x86_64__
        permit_without(&filter, SYS_open, 1, changes);
#endif
        permit_with(&filter, SYS_clone, 0, CLONE_THREAD);
        /* Its flags are in memory, where a filter can't read them; glibc goes on to clone. */
        answer(&filter, SYS_clone3, SECCOMP_RET_ERRNO | (ENOSYS & SECCOMP_RET_DATA));
        permit_values(&filter, SYS_fcntl, 1, descriptor_commands,
                      sizeof descriptor_commands / sizeof *descriptor_commands);
        permit_values(&filter, SYS_prctl, 0, process_settings, sizeof process_settings / sizeof *process_settings);
    }
    end(&filter, refused);
    if (filter.is_full) return -E2BIG;
    struct sock_fprog program = {.len = filter.length, .filter = filter.code};
    long result = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &program);
    /* A positive result is a thread that could not be restricted. */
    return result < 0 ? -errno : result > 0 ? -EBUSY : 0;
}

#else

int linux_restrict_calls(enum linux_call_list list) {
    (void)list;
    return -ENOSYS;
}

#endif
