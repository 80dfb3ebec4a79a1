"""Joins two network interfaces of its namespace, frame by frame, and makes the way between them a bad one.

    python3 frame-relay.py LEFT RIGHT        one line of JSON on stdin: {"delayMs": 20, "jitterMs": 30, "loss": 0.1, "duplicate": 0}
    python3 frame-relay.py --plain DEVICE    only: switches off what the kernel leaves to a network card

A frame that is delayed by more than a later one comes after it: jitter is disorder. Senders have to compute checksums
themselves and send no segments larger than a frame (--plain): nobody does it for them on this way.
"""
import array
import fcntl
import heapq
import json
import os
import random
import select
import socket
import struct
import sys
import time

SIOCETHTOOL = 0x8946
OFFLOADS = {"tx checksum": 0x17, "tso": 0x1F, "gso": 0x24, "gro": 0x2C}
ETH_P_ALL = 3
FRAME_MAX = 65536
ROOM = 4 << 20


def plain(device):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        for command in OFFLOADS.values():
            value = array.array("B", struct.pack("II", command, 0))
            request = struct.pack("16sP16x", device.encode(), value.buffer_info()[0])
            try:
                fcntl.ioctl(control, SIOCETHTOOL, request)
            except OSError:
                pass  # a device that has no such thing


def relay(left, right):
    ends = []
    for device in (left, right):
        plain(device)
        end = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
        end.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, ROOM)
        end.bind((device, 0))
        end.setblocking(False)
        ends.append(end)
    other = {ends[0]: ends[1], ends[1]: ends[0]}
    way = {"delayMs": 0, "jitterMs": 0, "loss": 0, "duplicate": 0}
    waiting = []
    number = 0
    orders = b""
    os.set_blocking(0, False)
    print("ready", flush=True)
    while True:
        now = time.monotonic()
        timeout = max(0, waiting[0][0] - now) if waiting else None
        ready, _, _ = select.select([0, *ends], [], [], timeout)
        for source in ready:
            if source == 0:
                more = os.read(0, 4096)
                if not more:
                    return  # who started this is gone
                orders += more
                *lines, orders = orders.split(b"\n")
                for line in lines:
                    way.update(json.loads(line))
                continue
            for _ in range(64):
                try:
                    frame, address = source.recvfrom(FRAME_MAX)
                except BlockingIOError:
                    break
                if address[2] == socket.PACKET_OUTGOING or random.random() < way["loss"]:
                    continue
                for _ in range(2 if random.random() < way["duplicate"] else 1):
                    number += 1
                    at = time.monotonic() + (way["delayMs"] + random.random() * way["jitterMs"]) / 1000
                    heapq.heappush(waiting, (at, number, other[source], frame))
        now = time.monotonic()
        while waiting and waiting[0][0] <= now:
            _, _, target, frame = heapq.heappop(waiting)
            try:
                target.send(frame)
            except OSError:
                pass  # as a full queue of a switch


if sys.argv[1] == "--plain":
    plain(sys.argv[2])
else:
    relay(sys.argv[1], sys.argv[2])
