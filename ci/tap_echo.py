#!/usr/bin/env python3
"""A host for a guest's network card: tap_echo.py COMMAND..., in a network namespace of its own.

Makes the tap `violet0` with the address 10.0.2.1/24, and echoes on TCP port 7 what comes until its end. Then runs
COMMAND and exits with its code. Call it through `unshare --net`, or `unshare --net --map-root-user` without root;
it refuses to touch a namespace that has any other interface than the loopback.
"""
import fcntl
import socket
import struct
import subprocess
import sys
import threading

import checkout

TAP = "violet0"
ADDRESS, NETMASK, ECHO = "10.0.2.1", "255.255.255.0", 7
# linux/if_tun.h, linux/sockios.h, linux/if.h
TUNSETIFF, TUNSETPERSIST, IFF_TAP, IFF_NO_PI = 0x400454CA, 0x400454CB, 0x0002, 0x1000
SIOCSIFFLAGS, SIOCSIFADDR, SIOCSIFNETMASK, IFF_UP = 0x8914, 0x8916, 0x891C, 1


def request(content):
    return struct.pack("16s24s", TAP.encode(), content)


def address(text):
    return struct.pack("=HH4s", socket.AF_INET, 0, socket.inet_aton(text))


def make_tap():
    try:
        with open("/dev/net/tun", "r+b", buffering=0) as tun:
            fcntl.ioctl(tun, TUNSETIFF, request(struct.pack("=H", IFF_TAP | IFF_NO_PI)))
            fcntl.ioctl(tun, TUNSETPERSIST, 1)
    except OSError as error:
        checkout.skip(f"no tap can be made here: {error}")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        fcntl.ioctl(control, SIOCSIFADDR, request(address(ADDRESS)))
        fcntl.ioctl(control, SIOCSIFNETMASK, request(address(NETMASK)))
        fcntl.ioctl(control, SIOCSIFFLAGS, request(struct.pack("=H", IFF_UP)))


def echo(connection):
    with connection:
        received = bytearray()
        while piece := connection.recv(1 << 16):
            received += piece
        connection.sendall(received)


def serve(listener):
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=echo, args=[connection], daemon=True).start()


def main(command):
    others = [name for _, name in socket.if_nameindex() if name != "lo"]
    if others:
        print(f"this namespace has {', '.join(others)}: call me through unshare --net", file=sys.stderr)
        return 2
    make_tap()
    listener = socket.create_server((ADDRESS, ECHO))
    threading.Thread(target=serve, args=[listener], daemon=True).start()
    return subprocess.run(command, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
