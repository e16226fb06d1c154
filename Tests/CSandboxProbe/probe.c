#define _GNU_SOURCE
#include "CSandboxProbe.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

static int result(long value) { return value < 0 ? errno : 0; }

static int internet_socket(void) { return result(socket(AF_INET, SOCK_STREAM, 0)); }
static int unix_socket(void) { return result(socket(AF_UNIX, SOCK_STREAM, 0)); }
static int packet_socket(void) { return result(socket(AF_PACKET, SOCK_RAW, 0)); }
static int netlink_socket(void) { return result(socket(AF_NETLINK, SOCK_RAW, 0)); }
static int read_users(void) { return result(open("/etc/passwd", O_RDONLY)); }
static int read_home(void) { return result(open("/root", O_RDONLY | O_DIRECTORY)); }
static int open_device(void) { return result(open("/dev/zero", O_RDONLY)); }
static int write_device(void) { return result(open("/dev/null", O_WRONLY)); }
static int create_file(void) { return result(open("/tmp/vrbridge-probe", O_WRONLY | O_CREAT, 0600)); }
static int make_folder(void) { return result(mkdir("/tmp/vrbridge-probe", 0700)); }
static int remove_folder(void) {
    /* It is never empty: a process with the right gets ENOTEMPTY. */
    int found = result(rmdir("/usr"));
    return found == ENOTEMPTY || found == EBUSY ? 0 : found;
}
static int execute(void) {
    char *const arguments[] = {(char[]){"true"}, NULL};
    return result(execv("/bin/true", arguments));
}
static int start_process(void) {
    pid_t child = fork();
    if (child == 0) _exit(0);
    if (child > 0) waitpid(child, NULL, 0);
    return result(child);
}
static int trace_parent(void) { return result(ptrace(PTRACE_ATTACH, getppid(), NULL, NULL)); }
static int read_parent(void) {
    char byte;
    struct iovec own = {&byte, 1}, other = {(void *)(uintptr_t)0x10000, 1};
    /* EFAULT says that the call itself was permitted. */
    long count = process_vm_readv(getppid(), &own, 1, &other, 1, 0);
    return count < 0 && errno == EFAULT ? 0 : result(count);
}
static int signal_parent(void) { return result(kill(getppid(), 0)); }
static int signal_thread(void) { return result(syscall(SYS_tgkill, getppid(), getppid(), 0)); }
static int limit_parent(void) {
    struct rlimit limit;
    return result(prlimit(getppid(), RLIMIT_NOFILE, NULL, &limit));
}
static int become_traceable(void) { return result(prctl(PR_SET_DUMPABLE, 1, 0, 0, 0)); }
static int change_user(void) { return result(syscall(SYS_setuid, getuid())); }
static int new_namespace(void) { return result(unshare(CLONE_NEWUSER)); }
static int mount_folder(void) { return result(mount("none", "/tmp", "tmpfs", 0, NULL)); }
static int device_control(void) {
    int size = 0;
    return result(ioctl(0, FIONREAD, &size)) == ENOTTY ? 0 : errno;
}
static int change_personality(void) { return result(personality(0xffffffff)); }
static int own_ring(void) {
    char parameters[120] = {0};
    return result(syscall(SYS_io_uring_setup, 1, parameters));
}
static int load_program(void) {
    char attributes[128] = {0};
    return result(syscall(SYS_bpf, 0, attributes, sizeof attributes));
}
static int add_key(void) { return result(syscall(SYS_add_key, "user", "vrbridge-probe", "x", 1, -2)); }
static int own_fork(void) {
    /* Flags without CLONE_THREAD: another process. */
    long child = syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
    if (child == 0) _exit(0);
    return result(child);
}
static int executable_memory(void) {
    void *made = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return made == MAP_FAILED ? errno : 0;
}
/* Does not count towards RLIMIT_DATA. */
static int shared_memory(void) {
    void *made = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    return made == MAP_FAILED ? errno : 0;
}
static int memory_file(void) { return result(memfd_create("probe", 0)); }
static int list_folder(void) { return result(open("/", O_RDONLY | O_DIRECTORY)); }

static const struct {
    const char *name;
    int (*make)(void);
    int computes_only;
} attempts[] = {
    {"internet socket", internet_socket, 0},
    {"unix socket", unix_socket, 0},
    {"packet socket", packet_socket, 0},
    {"netlink socket", netlink_socket, 0},
    {"read /etc/passwd", read_users, 0},
    {"read /root", read_home, 0},
    {"read a device", open_device, 0},
    {"write a device", write_device, 0},
    {"create a file", create_file, 0},
    {"make a folder", make_folder, 0},
    {"remove a folder", remove_folder, 0},
    {"list the root folder", list_folder, 0},
    {"execute", execute, 0},
    {"fork", start_process, 0},
    {"clone a process", own_fork, 0},
    {"trace the parent", trace_parent, 0},
    {"read the parent's memory", read_parent, 0},
    {"signal the parent", signal_parent, 0},
    {"signal a thread of the parent", signal_thread, 0},
    {"limits of the parent", limit_parent, 0},
    {"become traceable", become_traceable, 0},
    {"change the user", change_user, 0},
    {"new namespace", new_namespace, 0},
    {"mount", mount_folder, 0},
    {"device control", device_control, 0},
    {"personality", change_personality, 0},
    {"io_uring", own_ring, 0},
    {"bpf", load_program, 0},
    {"add a key", add_key, 0},
    {"executable memory", executable_memory, 1},
    {"shared memory", shared_memory, 1},
    {"memory file", memory_file, 1},
};

int probe_attempt(int index, int computes_only, const char **name) {
    if (index < 0 || (size_t)index >= sizeof attempts / sizeof *attempts) return -1;
    *name = attempts[index].name;
    if (attempts[index].computes_only && !computes_only) return ENOSYS;
    errno = 0;
    return attempts[index].make();
}
