/* hidfile DIRECTORY RECORDING [COUNT]: files that behave like hidraw nodes, without kernel support.
 *
 * Serves DIRECTORY/hidraw0 and so on through FUSE, each from the same recording in hid-recorder's format (`vrbridge emulate --out`): one report
 * a read, O_NONBLOCK, poll, the HIDIOC ioctls with the recorded feature reports, and EIO with POLLHUP once the recording
 * is over or SIGTERM came, as after unplugging. A reader that is more than 64 reports behind loses some; the number is
 * printed at the end. Needs /dev/fuse; the caller makes a mount namespace. */
#define FUSE_USE_VERSION 35
#define _GNU_SOURCE
#include <fuse3/fuse_lowlevel.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/hidraw.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

enum { longest = 4096, queue_length = 64, first_node = 2 };

struct report {
    int64_t at_us;
    int length;
    uint8_t bytes[longest];
};

struct feature {
    struct feature *next;
    int length;
    uint8_t bytes[longest];
};

/* One open of the node: hidraw has a queue for each. */
struct reader {
    struct reader *next;
    struct report *queue[queue_length];
    unsigned head, count;
    fuse_req_t waiting;
    int asked[256];
    struct fuse_pollhandle *poll;
};

static uint8_t descriptor[longest];
static int descriptor_length;
static unsigned vendor, product, bus;
static struct feature *features;
static struct report *reports;
static int report_count;
static struct reader *readers;
static int unplugged;
static int nodes = 1;
static long given, dropped;
static volatile sig_atomic_t stopped;

static void stop(int signal) {
    (void)signal;
    stopped = 1;
}

static int64_t now_us(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* --- the recording --------------------------------------------------------------------------------------- */

static int hexadecimal(const char *text, uint8_t *bytes) {
    int length = (int)strtol(text, (char **)&text, 10);
    if (length < 0 || length > longest) return 0;
    for (int index = 0; index < length; index++) bytes[index] = (uint8_t)strtol(text, (char **)&text, 16);
    return length;
}

static int load(const char *path) {
    FILE *file = fopen(path, "r");
    if (!file) return -1;
    static char line[longest * 4];
    struct feature **last = &features;
    while (fgets(line, sizeof line, file)) {
        if (!strncmp(line, "R: ", 3)) {
            descriptor_length = hexadecimal(line + 3, descriptor);
        } else if (!strncmp(line, "I: ", 3)) {
            sscanf(line + 3, "%x %x %x", &bus, &vendor, &product);
        } else if (!strncmp(line, "# vrbridge get ", 15)) {
            struct feature *feature = calloc(1, sizeof *feature);
            if (!feature) break;
            feature->length = hexadecimal(line + 15, feature->bytes);
            *last = feature;
            last = &feature->next;
        } else if (!strncmp(line, "E: ", 3)) {
            if (report_count % 1024 == 0) {
                struct report *more = realloc(reports, sizeof *reports * (size_t)(report_count + 1024));
                if (!more) break;
                reports = more;
            }
            char *rest;
            int64_t seconds = strtoll(line + 3, &rest, 10);
            int64_t part = *rest == '.' ? strtoll(rest + 1, &rest, 10) : 0;
            reports[report_count].at_us = seconds * 1000000 + part;
            reports[report_count].length = hexadecimal(rest, reports[report_count].bytes);
            report_count++;
        }
    }
    fclose(file);
    return descriptor_length > 0 && report_count > 0 ? 0 : -1;
}

/* --- the node -------------------------------------------------------------------------------------------- */

static void attributes(fuse_ino_t inode, struct stat *stat) {
    memset(stat, 0, sizeof *stat);
    stat->st_ino = inode;
    stat->st_nlink = 1;
    stat->st_mode = inode >= first_node ? S_IFREG | 0660 : S_IFDIR | 0755;
}

static void on_lookup(fuse_req_t request, fuse_ino_t parent, const char *name) {
    int number;
    char rest;
    if (parent != FUSE_ROOT_ID || sscanf(name, "hidraw%d%c", &number, &rest) != 1 || number < 0 || number >= nodes ||
        unplugged) {
        fuse_reply_err(request, ENOENT);
        return;
    }
    struct fuse_entry_param entry = {.ino = (fuse_ino_t)(first_node + number)};
    attributes(entry.ino, &entry.attr);
    fuse_reply_entry(request, &entry);
}

static void on_getattr(fuse_req_t request, fuse_ino_t inode, struct fuse_file_info *file) {
    (void)file;
    struct stat stat;
    attributes(inode, &stat);
    fuse_reply_attr(request, &stat, 0);
}

static void on_open(fuse_req_t request, fuse_ino_t inode, struct fuse_file_info *file) {
    struct reader *reader = inode >= first_node && !unplugged ? calloc(1, sizeof *reader) : NULL;
    if (!reader) {
        fuse_reply_err(request, inode >= first_node ? ENODEV : EISDIR);
        return;
    }
    reader->next = readers;
    readers = reader;
    file->fh = (uintptr_t)reader;
    file->direct_io = 1;
    file->nonseekable = 1;
    fuse_reply_open(request, file);
}

static struct reader *reader_of(struct fuse_file_info *file) { return (struct reader *)(uintptr_t)file->fh; }

static void on_release(fuse_req_t request, fuse_ino_t inode, struct fuse_file_info *file) {
    (void)inode;
    struct reader *reader = reader_of(file);
    for (struct reader **place = &readers; *place; place = &(*place)->next) {
        if (*place == reader) {
            *place = reader->next;
            break;
        }
    }
    if (reader->poll) fuse_pollhandle_destroy(reader->poll);
    free(reader);
    fuse_reply_err(request, 0);
}

static void give(struct reader *reader, fuse_req_t request) {
    struct report *report = reader->queue[reader->head];
    reader->head = (reader->head + 1) % queue_length;
    reader->count--;
    fuse_reply_buf(request, (char *)report->bytes, (size_t)report->length);
}

static void on_interrupt(fuse_req_t request, void *user) {
    struct reader *reader = user;
    if (reader->waiting != request) return;
    reader->waiting = NULL;
    fuse_reply_err(request, EINTR);
}

static void on_read(fuse_req_t request, fuse_ino_t inode, size_t size, off_t offset, struct fuse_file_info *file) {
    (void)inode;
    (void)offset;
    struct reader *reader = reader_of(file);
    if (reader->count && (size_t)reader->queue[reader->head]->length <= size) give(reader, request);
    else if (unplugged) fuse_reply_err(request, EIO);
    else if (file->flags & O_NONBLOCK) fuse_reply_err(request, EAGAIN);
    else {
        reader->waiting = request;
        fuse_req_interrupt_func(request, on_interrupt, reader);
    }
}

static void on_write(fuse_req_t request, fuse_ino_t inode, const char *bytes, size_t size, off_t offset,
                     struct fuse_file_info *file) {
    (void)inode;
    (void)bytes;
    (void)offset;
    (void)file;
    if (unplugged) fuse_reply_err(request, ENODEV);
    else fuse_reply_write(request, size);
}

static void on_poll(fuse_req_t request, fuse_ino_t inode, struct fuse_file_info *file, struct fuse_pollhandle *handle) {
    (void)inode;
    struct reader *reader = reader_of(file);
    if (handle) {
        if (reader->poll) fuse_pollhandle_destroy(reader->poll);
        reader->poll = handle;
    }
    fuse_reply_poll(request, (reader->count ? POLLIN : 0) | POLLOUT | (unplugged ? POLLHUP | POLLERR : 0));
}

static void on_ioctl(fuse_req_t request, fuse_ino_t inode, unsigned command, void *argument,
                     struct fuse_file_info *file, unsigned flags, const void *in, size_t in_size, size_t out_size) {
    (void)inode;
    (void)argument;
    (void)flags;
    uint8_t answer[longest + 16] = {0};
    if (unplugged || _IOC_TYPE(command) != 'H') {
        fuse_reply_err(request, unplugged ? ENODEV : ENOTTY);
        return;
    }
    switch (_IOC_NR(command)) {
    case _IOC_NR(HIDIOCGRDESCSIZE):
        memcpy(answer, &descriptor_length, sizeof descriptor_length);
        fuse_reply_ioctl(request, 0, answer, sizeof descriptor_length);
        return;
    case _IOC_NR(HIDIOCGRDESC):
        memcpy(answer, &descriptor_length, sizeof descriptor_length);
        memcpy(answer + 4, descriptor, (size_t)descriptor_length);
        fuse_reply_ioctl(request, 0, answer, out_size < sizeof answer ? out_size : sizeof answer);
        return;
    case _IOC_NR(HIDIOCGRAWINFO): {
        struct hidraw_devinfo info = {.bustype = bus, .vendor = (int16_t)vendor, .product = (int16_t)product};
        fuse_reply_ioctl(request, 0, &info, sizeof info);
        return;
    }
    case _IOC_NR(HIDIOCSFEATURE(0)): fuse_reply_ioctl(request, (int)in_size, in, out_size); return;
    case _IOC_NR(HIDIOCGFEATURE(0)): {
        /* The recorded replies of a report id in their order, then the last one for ever. */
        struct feature *found = NULL;
        int *asked = in_size ? &reader_of(file)->asked[*(const uint8_t *)in] : NULL;
        int place = 0;
        for (struct feature *feature = features; feature && asked; feature = feature->next) {
            if (feature->bytes[0] != *(const uint8_t *)in) continue;
            found = feature;
            if (place++ == *asked) break;
        }
        if (!found) {
            fuse_reply_err(request, EPIPE);
            return;
        }
        ++*asked;
        size_t length = (size_t)found->length < out_size ? (size_t)found->length : out_size;
        fuse_reply_ioctl(request, (int)length, found->bytes, length);
        return;
    }
    default: fuse_reply_err(request, ENOTTY);
    }
}

static void wake(struct reader *reader) {
    if (reader->waiting && (reader->count || unplugged)) {
        fuse_req_t request = reader->waiting;
        reader->waiting = NULL;
        if (reader->count) give(reader, request);
        else fuse_reply_err(request, EIO);
    }
    if (reader->poll) {
        fuse_lowlevel_notify_poll(reader->poll);
        fuse_pollhandle_destroy(reader->poll);
        reader->poll = NULL;
    }
}

/* Delivers the reports that are due to every reader. */
static void advance(int64_t start) {
    static int next;
    int64_t passed = now_us() - start;
    while (next < report_count && reports[next].at_us - reports[0].at_us <= passed) {
        for (struct reader *reader = readers; reader; reader = reader->next) {
            if (reader->count == queue_length) {
                dropped++;
                continue;
            }
            given++;
            reader->queue[(reader->head + reader->count++) % queue_length] = &reports[next];
            wake(reader);
        }
        next++;
    }
    if (!unplugged && (next == report_count || stopped)) {
        unplugged = 1;
        for (struct reader *reader = readers; reader; reader = reader->next) wake(reader);
    }
}

int main(int count, char **arguments) {
    if (count > 3) nodes = atoi(arguments[3]);
    if (count < 3 || count > 4 || nodes < 1 || load(arguments[2])) {
        fprintf(stderr, "usage: hidfile DIRECTORY RECORDING [COUNT]\n");
        return 2;
    }
    static const struct fuse_lowlevel_ops operations = {
        .lookup = on_lookup, .getattr = on_getattr, .open = on_open,   .release = on_release,
        .read = on_read,     .write = on_write,     .poll = on_poll,   .ioctl = on_ioctl,
    };
    struct fuse_args options = FUSE_ARGS_INIT(1, arguments);
    struct fuse_session *session = fuse_session_new(&options, &operations, sizeof operations, NULL);
    if (!session || fuse_session_mount(session, arguments[1])) return 1;
    signal(SIGTERM, stop);
    signal(SIGINT, stop);
    struct pollfd descriptor_of_fuse = {.fd = fuse_session_fd(session), .events = POLLIN};
    fcntl(descriptor_of_fuse.fd, F_SETFL, fcntl(descriptor_of_fuse.fd, F_GETFL) | O_NONBLOCK);
    struct fuse_buf buffer = {0};
    int64_t start = now_us(), ended = 0;
    /* After disconnection it continues while a reader holds the node, at most three seconds. */
    while (!ended || (readers && now_us() - ended < 3000000)) {
        poll(&descriptor_of_fuse, 1, 1);
        /* Requests first, then reports that are due: one thread serves all. */
        for (int asked = 0; descriptor_of_fuse.revents & POLLIN && asked < 64; asked++) {
            int length = fuse_session_receive_buf(session, &buffer);
            if (length <= 0) break;
            fuse_session_process_buf(session, &buffer);
        }
        advance(start);
        if (unplugged && !ended) ended = now_us();
    }
    fuse_session_unmount(session);
    fuse_session_destroy(session);
    printf("%ld reports given, %ld dropped\n", given, dropped);
    return 0;
}
