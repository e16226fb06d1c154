/* Counts allocations by thread: these functions stand before glibc's and pass everything on. */
#define _GNU_SOURCE
#include "CBaseline.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>

extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t);

struct counter {
    pthread_t thread;
    int64_t count;
    int used;
};
/* Threads beyond these are not counted; the benchmark has a dozen. */
static struct counter counters[256];
static int counter_total;
static __thread struct counter *mine;

static void count_one(void) {
    if (!mine) {
        int index = __atomic_fetch_add(&counter_total, 1, __ATOMIC_RELAXED);
        if (index >= 256) return;
        mine = &counters[index];
        mine->thread = pthread_self();
        __atomic_store_n(&mine->used, 1, __ATOMIC_RELEASE);
    }
    __atomic_store_n(&mine->count, mine->count + 1, __ATOMIC_RELAXED);
}

void *malloc(size_t size) {
    count_one();
    return __libc_malloc(size);
}
void *calloc(size_t count, size_t size) {
    count_one();
    return __libc_calloc(count, size);
}
void *realloc(void *pointer, size_t size) {
    count_one();
    return __libc_realloc(pointer, size);
}
void *memalign(size_t alignment, size_t size) {
    count_one();
    return __libc_memalign(alignment, size);
}
void *aligned_alloc(size_t alignment, size_t size) { return memalign(alignment, size); }
int posix_memalign(void **pointer, size_t alignment, size_t size) {
    *pointer = memalign(alignment, size);
    return *pointer ? 0 : ENOMEM;
}

int64_t baseline_allocations(const char *thread_name) {
    int total = __atomic_load_n(&counter_total, __ATOMIC_RELAXED);
    for (int i = 0; i < total && i < 256; i++) {
        if (!__atomic_load_n(&counters[i].used, __ATOMIC_ACQUIRE)) continue;
        char name[16];
        if (pthread_getname_np(counters[i].thread, name, sizeof name) == 0 && !strcmp(name, thread_name))
            return __atomic_load_n(&counters[i].count, __ATOMIC_RELAXED);
    }
    return -1;
}
