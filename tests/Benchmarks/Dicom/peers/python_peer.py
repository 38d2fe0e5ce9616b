#!/usr/bin/python3
"""One round of pydicom over the listed files: python_peer.py LIST MODE, MODE = header | values | whole | json. Prints "seconds cpu-seconds elements bytes"."""
import os
import sys
import time
import warnings

import pydicom

warnings.simplefilter("ignore")
files = open(sys.argv[1]).read().split("\n")[:-1]
mode = sys.argv[2]
elements = size = 0
start, cpu = time.perf_counter(), time.process_time()
for path in files:
    dataset = pydicom.dcmread(path, stop_before_pixels=mode != "whole")
    if mode == "values":
        for element in dataset.iterall():
            elements += 1
            if element.VR != "SQ":
                size += len(str(element.value))
        continue
    elements += len(dataset)
    if mode == "json":
        size += len(dataset.to_json())
    elif mode == "whole":
        size += os.path.getsize(path)
print(f"{time.perf_counter() - start:.6f} {time.process_time() - cpu:.6f} {elements} {size}")
