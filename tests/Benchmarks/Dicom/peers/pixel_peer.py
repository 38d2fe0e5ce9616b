#!/usr/bin/python3
"""pydicom's pixel_array with whatever handlers are installed: pixel_peer.py FILE COUNT. Parsing is not counted. Prints "seconds cpu-seconds frames pixels"."""
import sys
import time
import warnings

import pydicom

warnings.simplefilter("ignore")
count = int(sys.argv[2])
dataset = pydicom.dcmread(sys.argv[1])
start, cpu = time.perf_counter(), time.process_time()
for _ in range(count):
    dataset._pixel_array = None
    dataset._pixel_id = None
    dataset.pixel_array
print(f"{time.perf_counter() - start:.6f} {time.process_time() - cpu:.6f} {count} {count * dataset.Rows * dataset.Columns}")
