"""What no converter can beat: the input read and as many bytes as the output written, by the same number of threads.

    python floor.py RATIO THREADS SOURCE OUTPUT

RATIO is bytes of output for each byte of input. Prints {"seconds": …, "cpu": …}. Reads and writes of a megabyte release
the interpreter's lock, so Python costs nothing here.
"""
import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

BLOCK = 1 << 20


def read_and_write(source, output, ratio):
    block, pattern, owed = bytearray(BLOCK), memoryview(b"\x5a" * BLOCK), 0.0
    with open(source, "rb", buffering=0) as reader, open(output, "wb", buffering=0) as writer:
        while length := reader.readinto(block):
            owed += length * ratio
            while owed >= 1:
                owed -= writer.write(pattern[:min(BLOCK, int(owed))])


def main(ratio, threads, source, output):
    files = sorted(Path(source).glob("*.json"))
    begun, before = time.perf_counter(), time.process_time()
    with ThreadPoolExecutor(int(threads)) as pool:
        list(pool.map(lambda file: read_and_write(file, Path(output, file.name), float(ratio)), files))
    print(json.dumps({"seconds": time.perf_counter() - begun, "cpu": time.process_time() - before}))


if __name__ == "__main__":
    main(*sys.argv[1:])
