#include <libusb.h>

/* libusb_set_option takes more arguments or none; this is the one that is used. Descriptors are opened by ourselves, so
 * the library need not look at the bus. */
static inline int vrbridge_usb_without_discovery(void) {
    return libusb_set_option(NULL, LIBUSB_OPTION_NO_DEVICE_DISCOVERY);
}

/* A time of libusb's own kind; Swift would ask another module for it. */
static inline int vrbridge_usb_handle_events(libusb_context *context, int milliseconds) {
    struct timeval timeout = {milliseconds / 1000, milliseconds % 1000 * 1000};
    return libusb_handle_events_timeout_completed(context, &timeout, NULL);
}
