"""Another tracker: reads `vrbridge watch --json`, prints the poses of one role as lines for `vrbridge place`.

turned_tracker.py ROLE SECONDS   Its world has Z up, its body lies turned on the device by BODY (x, y, z, w), and its
times are LATE nanoseconds late.
"""

import json
import sys
import time

BODY = (0.5, -0.1, 0.7, 0.5)
LATE = 40_000_000
# Z up from Y up: a quarter turn about X.
WORLD = (0.5**0.5, 0.0, 0.0, 0.5**0.5)


def times(a, b):
    ax, ay, az, aw = a
    bx, by, bz, bw = b
    return (
        aw * bx + ax * bw + ay * bz - az * by,
        aw * by - ax * bz + ay * bw + az * bx,
        aw * bz + ax * by - ay * bx + az * bw,
        aw * bw - ax * bx - ay * by - az * bz,
    )


role, end = sys.argv[1], time.monotonic() + float(sys.argv[2])
last = 0
for line in sys.stdin:
    if time.monotonic() > end:
        break
    pose = json.loads(line)
    # As fast as cameras are.
    if pose["role"] != role or pose["captured_ns"] - last < 16_000_000:
        continue
    last = pose["captured_ns"]
    x, y, z = 3.0, 1.0, -2.0
    body = times(times(WORLD, pose["orientation"]), BODY)
    print(
        json.dumps(
            {"captured_ns": last + LATE, "position": [x, -z, y], "orientation": body, "sigma_position": 0.3}
        ),
        flush=True,
    )
