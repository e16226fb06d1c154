/* The bridge's side of the pose page: one writer, any number of readers. */
#ifndef VRBRIDGE_WRITER_H
#define VRBRIDGE_WRITER_H

#include "vrbridge.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Bytes of a page with all its slots. */
size_t vrb_page_length(void);
/* Fills the header of a page of vrb_page_length() zero bytes. */
void vrb_page_begin(vrb_page *page, int64_t now_ns);
void vrb_page_close(vrb_page *page);
/* Says what a slot holds. A device id of 0 frees it. */
void vrb_slot_identify(vrb_page *page, uint32_t slot, uint32_t device_id, uint32_t role, uint32_t origin,
                       uint32_t connected, const char *name);
/* Publishes a state; wait-free. */
void vrb_slot_publish(vrb_page *page, uint32_t slot, const vrb_pose *pose);

#ifdef __cplusplus
}
#endif
#endif
