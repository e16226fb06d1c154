#include "vrbridge_writer.h"

size_t vrb_page_length(void) { return sizeof(vrb_page) + (VRB_MAX_SLOT_COUNT - VRB_SLOT_COUNT) * sizeof(vrb_slot); }

static vrb_slot *slot_of(vrb_page *page, uint32_t slot) {
    return (vrb_slot *)(uintptr_t)vrb_page_slot(page, (int)slot);
}

void vrb_page_begin(vrb_page *page, int64_t now_ns) {
    page->layout_version = VRB_LAYOUT_VERSION;
    page->slot_count = VRB_SLOT_COUNT;
    page->slot_size = sizeof(vrb_slot);
    page->history_length = VRB_HISTORY_LENGTH;
    page->started_ns = now_ns;
    page->all_slots = VRB_MAX_SLOT_COUNT;
    page->revision = VRB_LAYOUT_REVISION;
    __atomic_store_n(&page->magic, VRB_PAGE_MAGIC, __ATOMIC_RELEASE);
}

void vrb_page_close(vrb_page *page) { __atomic_store_n(&page->closed, 1, __ATOMIC_RELEASE); }

void vrb_slot_identify(vrb_page *page, uint32_t slot, uint32_t device_id, uint32_t role, uint32_t origin,
                       uint32_t connected, const char *name) {
    if (slot >= VRB_MAX_SLOT_COUNT) return;
    vrb_slot *place = slot_of(page, slot);
    uint64_t sequence = place->identity_sequence;
    __atomic_store_n(&place->identity_sequence, sequence + 1, __ATOMIC_RELAXED);
    __atomic_thread_fence(__ATOMIC_RELEASE);
    place->device_id = device_id;
    __atomic_store_n(&place->role, role, __ATOMIC_RELAXED);
    place->origin = origin;
    size_t length = strlen(name);
    if (length >= sizeof place->name) {
        length = sizeof place->name - 1;
        /* A UTF-8 character is kept whole or left out. */
        while (length > 0 && ((unsigned char)name[length] & 0xc0) == 0x80) length--;
    }
    memset(place->name, 0, sizeof place->name);
    memcpy(place->name, name, length);
    __atomic_store_n(&place->connected, connected, __ATOMIC_RELEASE);
    uint64_t present = page->present[slot / 64], bit = UINT64_C(1) << (slot % 64);
    __atomic_store_n(&page->present[slot / 64], connected ? present | bit : present & ~bit, __ATOMIC_RELEASE);
    __atomic_store_n(&place->identity_sequence, sequence + 2, __ATOMIC_RELEASE);
}

static void write_entry(vrb_entry *entry, uint64_t sequence, const vrb_pose *pose) {
    uint64_t words[VRB_POSE_WORDS];
    memcpy(words, pose, sizeof words);
    __atomic_store_n(&entry->sequence, sequence - 1, __ATOMIC_RELAXED);
    __atomic_thread_fence(__ATOMIC_RELEASE);
    for (unsigned i = 0; i < VRB_POSE_WORDS; i++) __atomic_store_n(&entry->words[i], words[i], __ATOMIC_RELAXED);
    __atomic_store_n(&entry->sequence, sequence, __ATOMIC_RELEASE);
}

void vrb_slot_publish(vrb_page *page, uint32_t slot, const vrb_pose *pose) {
    if (slot >= VRB_MAX_SLOT_COUNT) return;
    vrb_slot *place = slot_of(page, slot);
    uint64_t count = place->published + 1;
    write_entry(&place->history[(count - 1) % VRB_HISTORY_LENGTH], 2 * count, pose);
    __atomic_store_n(&place->published, count, __ATOMIC_RELEASE);
    write_entry(&place->newest, 2 * count, pose);
}
