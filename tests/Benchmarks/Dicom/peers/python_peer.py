#!/usr/bin/python3
"""One round of a Python reader over the listed files: python_peer.py LIST MODE, MODE = parse | read | json | gdcm. Prints "seconds cpu-seconds elements bytes"."""
import sys
import time
import warnings

warnings.simplefilter("ignore")
files = open(sys.argv[1]).read().split("\n")[:-1]
mode = sys.argv[2]
if mode == "gdcm":
    import gdcm

    pixels = gdcm.Tag(0x7FE0, 0x0010)
else:
    import pydicom
elements = size = 0
start, cpu = time.perf_counter(), time.process_time()
for path in files:
    if mode == "gdcm":
        reader = gdcm.Reader()
        reader.SetFileName(path)
        if not reader.ReadUpToTag(pixels):
            sys.exit("cannot read " + path)
        elements += 1
        continue
    dataset = pydicom.dcmread(path, stop_before_pixels=True)
    if mode == "parse":
        elements += len(dataset)
    elif mode == "read":
        for element in dataset.iterall():
            elements += 1
            if element.VR != "SQ":
                size += len(str(element.value))
    else:
        size += len(dataset.to_json())
print(f"{time.perf_counter() - start:.6f} {time.process_time() - cpu:.6f} {elements} {size}")
