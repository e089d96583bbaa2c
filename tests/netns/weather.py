"""A link with latency and loss between two bridges, for kernels without `tc netem`.

Makes two taps with the given names and carries frames between them: each is lost with the given chance, or comes out at
the other end after the given time, in order.

usage: weather.py LEFT RIGHT DELAY_MS LOSS_PERCENT
"""

import fcntl
import os
import random
import select
import struct
import sys
import time
from collections import deque

TUNSETIFF = 0x400454CA
IFF_TAP, IFF_NO_PI = 0x0002, 0x1000
FRAMES_MAX = 10_000  # beyond it frames are lost, as in any queue


def tap(name):
    end = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(end, TUNSETIFF, struct.pack("16sH", name.encode(), IFF_TAP | IFF_NO_PI))
    return end


def main():
    left, right = tap(sys.argv[1]), tap(sys.argv[2])
    delay, loss = float(sys.argv[3]) / 1000, float(sys.argv[4]) / 100
    other = {left: right, right: left}
    waiting = deque()
    while True:
        wait = max(0.0, waiting[0][0] - time.monotonic()) if waiting else None
        ready, _, _ = select.select([left, right], [], [], wait)
        for end in ready:
            for _ in range(64):
                try:
                    frame = os.read(end, 65_536)
                except OSError:  # nothing more, or the link is down
                    break
                if random.random() >= loss and len(waiting) < FRAMES_MAX:
                    waiting.append((time.monotonic() + delay, other[end], frame))
        now = time.monotonic()
        while waiting and waiting[0][0] <= now:
            _, end, frame = waiting.popleft()
            try:
                os.write(end, frame)
            except OSError:
                pass


main()
