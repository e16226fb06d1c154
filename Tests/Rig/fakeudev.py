"""What libudev reads and hears of a USB HID device, without a kernel or a udevd.

fakeudev.py tree SYS RUN RECORDING COUNT     makes the folders that are laid over /sys and /run/udev
fakeudev.py send add|remove RECORDING COUNT  sends the messages that udevd would send

The database is that of systemd's sd-device (I: first seen, E: property, V: version); the message that of
sd-device-monitor: "libudev", magic 0xfeedcafe, offsets, and a hash of the subsystem (MurmurHash2) to filter by.
"""

import os
import socket
import struct
import sys


def identity(recording):
    """Name, serial, bus, vendor and product as the recording has them, and its report descriptor."""
    found = {"serial": "", "interface": "0"}
    for line in open(recording, encoding="utf-8"):
        words = line.split()
        if line.startswith("R: "):
            found["descriptor"] = bytes(int(word, 16) for word in words[2:])
        elif line.startswith("N: "):
            found["name"] = line[3:].strip()
        elif line.startswith("I: "):
            found["bus"], found["vendor"], found["product"] = (int(word, 16) for word in words[1:4])
        elif line.startswith(("# vrbridge serial", "# vrbridge interface")):
            found[words[2]] = words[3]
        elif line.startswith("E: "):
            return found
    return found


def devices(recording, number):
    """Path below /sys, subsystem, properties and attributes, the outermost first."""
    it = identity(recording)
    it["serial"] += f"-{number}" if number else ""
    port = f"1-{number + 1}"
    usb = f"/devices/platform/rig/usb1/{port}"
    interface = f"{usb}/{port}:1.{it['interface']}"
    hid = f"{interface}/{it['bus']:04X}:{it['vendor']:04X}:{it['product']:04X}.{number + 1:04X}"
    node = f"hidraw{number}"
    return [
        (usb, "usb", {"DEVTYPE": "usb_device", "PRODUCT": f"{it['vendor']:x}/{it['product']:x}/100"},
         {"idVendor": f"{it['vendor']:04x}", "idProduct": f"{it['product']:04x}", "serial": it["serial"]}),
        (interface, "usb", {"DEVTYPE": "usb_interface"}, {"bInterfaceNumber": f"{int(it['interface']):02x}"}),
        (hid, "hid",
         {"HID_ID": f"{it['bus']:04X}:{it['vendor']:08X}:{it['product']:08X}", "HID_NAME": it["name"],
          "HID_UNIQ": it["serial"], "HID_PHYS": f"usb-rig-{number + 1}/input{it['interface']}"},
         {"report_descriptor": it["descriptor"]}),
        (f"{hid}/hidraw/{node}", "hidraw", {"MAJOR": "245", "MINOR": str(number), "DEVNAME": node},
         {"dev": f"245:{number}"}),
    ]


def write(path, content):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write(content if isinstance(content, bytes) else content.encode())


def tree(sys_folder, run_folder, recording, count):
    for folder in ("bus", "class", "devices"):
        os.makedirs(f"{sys_folder}/{folder}", exist_ok=True)
    write(f"{run_folder}/control", "")
    for number in range(int(count)):
        write(f"{run_folder}/data/c245:{number}", "I:1000\nG:uaccess\nV:1\n")
        branch(sys_folder, devices(recording, number))


def branch(sys_folder, chain):
    parent = None
    for path, subsystem, properties, attributes in chain:
        place = sys_folder + path
        write(f"{place}/uevent", "".join(f"{key}={value}\n" for key, value in properties.items()))
        for name, value in attributes.items():
            write(f"{place}/{name}", value if isinstance(value, bytes) else value + "\n")
        home = f"/class/{subsystem}" if subsystem == "hidraw" else f"/bus/{subsystem}"
        listing = sys_folder + home + ("" if subsystem == "hidraw" else "/devices")
        os.makedirs(listing, exist_ok=True)
        os.symlink(os.path.relpath(sys_folder + home, place), f"{place}/subsystem")
        if subsystem == "hidraw":
            os.symlink(os.path.relpath(parent, place), f"{place}/device")
        os.symlink(os.path.relpath(place, listing), f"{listing}/{os.path.basename(path)}")
        parent = place


def murmur(data):
    """MurmurHash2 with seed 0 (Austin Appleby, public domain)."""
    factor, mask = 0x5BD1E995, 0xFFFFFFFF
    result = len(data)
    whole = len(data) // 4 * 4
    for (word,) in struct.iter_unpack("<I", data[:whole]):
        word = word * factor & mask
        word = (word ^ word >> 24) * factor & mask
        result = (result * factor & mask) ^ word
    if data[whole:]:
        result = (result ^ int.from_bytes(data[whole:], "little")) * factor & mask
    result = (result ^ result >> 13) * factor & mask
    return result ^ result >> 15


def send(action, recording, count):
    for number in range(int(count)):
        tell(action, *devices(recording, number)[-1][:3])


def tell(action, path, subsystem, properties):
    message = {"ACTION": action, "DEVPATH": path, "SUBSYSTEM": subsystem, "SEQNUM": "4242", **properties,
               "DEVNAME": f"/dev/{properties['DEVNAME']}", "USEC_INITIALIZED": "1000"}
    body = b"".join(f"{key}={value}".encode() + b"\0" for key, value in message.items())
    head = struct.pack(">8sI", b"libudev\0", 0xFEEDCAFE) + struct.pack("=III", 40, 40, len(body))
    head += struct.pack(">IIII", murmur(subsystem.encode()), 0, 0, 0)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_KOBJECT_UEVENT
                       if hasattr(socket, "NETLINK_KOBJECT_UEVENT") else 15) as out:
        out.bind((0, 0))
        out.sendto(head + body, (0, 2))


if sys.argv[1] == "tree":
    tree(*sys.argv[2:6])
else:
    send(*sys.argv[2:5])
