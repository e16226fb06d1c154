#!/usr/bin/python3
"""pad.py SECONDS: a game pad made through /dev/uinput (linux/uinput.h): presses A twice a second, swings the left stick."""
import fcntl, math, os, struct, sys, time

EV_SYN, EV_KEY, EV_ABS = 0, 1, 3
UI_SET_EVBIT, UI_SET_KEYBIT, UI_SET_ABSBIT = 0x40045564, 0x40045565, 0x40045567
UI_DEV_CREATE, UI_DEV_DESTROY = 0x5501, 0x5502
KEYS = [0x130, 0x131, 0x133, 0x134, 0x136, 0x137, 0x13A, 0x13B, 0x13C, 0x13D, 0x13E]
AXES = {0: 32767, 1: 32767, 2: 255, 3: 32767, 4: 32767, 5: 255, 16: 1, 17: 1}

device = os.open("/dev/uinput", os.O_WRONLY | os.O_NONBLOCK)
fcntl.ioctl(device, UI_SET_EVBIT, EV_KEY)
fcntl.ioctl(device, UI_SET_EVBIT, EV_ABS)
for key in KEYS:
    fcntl.ioctl(device, UI_SET_KEYBIT, key)
for axis in AXES:
    fcntl.ioctl(device, UI_SET_ABSBIT, axis)
limits = [[0] * 64 for _ in range(4)]
for axis, most in AXES.items():
    limits[0][axis] = most
    limits[1][axis] = 0 if most == 255 else -most
# struct uinput_user_dev: name, bus USB, vendor, product and version of an Xbox 360 pad, no force feedback, limits.
os.write(device, struct.pack("80sHHHHI", b"Rig pad", 3, 0x045E, 0x028E, 0x0110, 0)
         + b"".join(struct.pack("64i", *row) for row in limits))
fcntl.ioctl(device, UI_DEV_CREATE)


def emit(kind, code, value):
    now = time.time()
    os.write(device, struct.pack("llHHi", int(now), int(now % 1 * 1e6), kind, code, value))


end = time.monotonic() + float(sys.argv[1])
step = 0
while time.monotonic() < end:
    emit(EV_KEY, 0x130, step // 12 % 2)
    emit(EV_ABS, 0, int(32767 * math.sin(step / 10)))
    emit(EV_SYN, 0, 0)
    step += 1
    time.sleep(0.02)
fcntl.ioctl(device, UI_DEV_DESTROY)
