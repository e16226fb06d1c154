#include "CLinux.h"

#include <malloc.h>

void linux_limit_heaps(int count) { mallopt(M_ARENA_MAX, count); }

void linux_return_memory(void) { malloc_trim(0); }

size_t linux_free_heap_memory(void) { return mallinfo2().fordblks; }
