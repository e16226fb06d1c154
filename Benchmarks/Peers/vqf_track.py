#!/usr/bin/env python3
"""VQF (pip install vqf==2.1.2 numpy) as a peer of `vrbridge bench tracking`:

  vrbridge bench tracking --data FOLDER --peer 'VQF=python3 Benchmarks/Peers/vqf_track.py {in} {out} {mag}' \
    --peer 'VQF offline=python3 Benchmarks/Peers/vqf_track.py --offline {in} {out} {mag}'
"""
import argparse

import numpy as np
import vqf

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("input")
parser.add_argument("output")
parser.add_argument("--no-mag", action="store_true")
parser.add_argument("--offline", action="store_true")
arguments = parser.parse_args()

data = np.genfromtxt(arguments.input, delimiter=",", skip_header=1)
time, gyr, acc, mag = data[:, 0], *(np.ascontiguousarray(data[:, i : i + 3]) for i in (1, 4, 7))
# Its interface has one constant sampling time.
step = float(np.median(np.diff(time)))
if arguments.offline:
    result = vqf.offlineVQF(gyr, acc, mag, step)
else:
    result = vqf.VQF(step).updateBatch(gyr, acc, mag)
w, x, y, z = result["quat6D" if arguments.no_mag else "quat9D"].T
# From VQF's earth (Z up, Y north) to Y up, -Z north: a quarter turn about X from the left.
c = np.sqrt(0.5)
out = np.column_stack([time, c * (x - w), c * (y + z), c * (z - y), c * (w + x)])
np.savetxt(arguments.output, out, delimiter=",", header="t_s,qx,qy,qz,qw", comments="", fmt="%.9g")
