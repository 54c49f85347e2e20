#!/usr/bin/env python3
"""The program in a real window: xvfb_window_test.py VIOLET_GUI SYNTHETIC_TRACE [PICTURE.png]

Starts an X server of its own, opens a run, sends keys with xdotool, and checks their effect on the screen. Exits
with 77 and the reason when this machine has no Xvfb or xdotool, or the programs were not built.
"""
import os
import pathlib
import select
import shutil
import struct
import subprocess
import sys
import tempfile
import time
import zlib

SIZE = (1280, 720)
PATIENCE_S = 60


def skip(reason):
    print(f"skipped: {reason}")
    sys.exit(77)


def pause():
    """A moment for the other process, which says only on the screen how far it is."""
    select.select([], [], [], 0.05)


class Screen:
    """An X server whose frame buffer is a file (XWD format) that can be read at any time."""

    def __init__(self, folder):
        self.file = pathlib.Path(folder) / "Xvfb_screen0"
        reader, writer = os.pipe()
        self.server = subprocess.Popen(
            ["Xvfb", "-displayfd", str(writer), "-screen", "0", f"{SIZE[0]}x{SIZE[1]}x24", "-fbdir", str(folder),
             "-nolisten", "tcp"],
            pass_fds=[writer], stderr=subprocess.DEVNULL)
        os.close(writer)
        # To the end of the line: the server would die of a pipe that is closed before it has written that.
        number = ""
        while not number.endswith("\n") and select.select([reader], [], [], PATIENCE_S)[0]:
            piece = os.read(reader, 16).decode()
            if not piece:
                break
            number += piece
        os.close(reader)
        number = number.strip()
        if not number:
            self.stop()
            skip("Xvfb did not start")
        self.display = f":{number}"

    def stop(self):
        self.server.terminate()
        self.server.wait()

    def pixels(self):
        """Rows of blue, green, red, unused."""
        data = self.file.read_bytes()
        header = struct.unpack(">25I", data[:100])
        header_size, colours, line = header[0], header[19], header[12]
        start = header_size + colours * 12
        return [data[start + y * line:start + y * line + SIZE[0] * 4] for y in range(SIZE[1])]

    def brightness(self):
        rows = self.pixels()[::8]
        return sum(sum(row[1::4]) for row in rows) / sum(len(row) // 4 for row in rows)

    def save(self, name):
        def chunk(kind, body):
            return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

        rows = b""
        for row in self.pixels():
            rgb = bytearray(SIZE[0] * 3)
            rgb[0::3], rgb[1::3], rgb[2::3] = row[2::4], row[1::4], row[0::4]
            rows += b"\0" + bytes(rgb)
        head = struct.pack(">IIBBBBB", *SIZE, 8, 2, 0, 0, 0)
        pathlib.Path(name).write_bytes(
            b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


class Window:
    def __init__(self, program, run, screen, home):
        self.screen = screen
        self.environment = dict(os.environ, DISPLAY=screen.display, HOME=home, XDG_CONFIG_HOME=home,
                                LC_ALL="C.UTF-8", QT_QPA_PLATFORM="xcb")
        self.process = subprocess.Popen(
            [program, "--theme", "dark", "--size", f"{SIZE[0]}x{SIZE[1]}", run], env=self.environment)
        self.id = self.wait(lambda: self.search("Violet"), "the window")

    def xdotool(self, *arguments):
        done = subprocess.run(["xdotool", *arguments], env=self.environment, capture_output=True, text=True)
        return done.stdout.strip()

    def search(self, name):
        return self.xdotool("search", "--onlyvisible", "--name", name).split("\n")[0]

    def wait(self, condition, what):
        end = time.monotonic() + PATIENCE_S
        while time.monotonic() < end:
            if self.process.poll() is not None:
                sys.exit(f"the program ended with {self.process.returncode} before: {what}")
            value = condition()
            if value:
                return value
            pause()
        sys.exit(f"not seen within {PATIENCE_S} s: {what}")

    def key(self, *keys):
        # There is no window manager that would give the focus.
        self.xdotool("windowfocus", "--sync", self.id)
        self.xdotool("key", *keys)

    def still(self):
        """The screen once it stays as it is for a while."""
        last = [self.screen.pixels(), 0]

        def rests():
            now = self.screen.pixels()
            last[1] = last[1] + 1 if now == last[0] else 0
            last[0] = now
            return last[1] >= 6

        self.wait(rests, "a screen that rests")
        return last[0]

    def changed(self, key, before):
        self.key(key)
        self.wait(lambda: self.screen.pixels() != before, f"another picture after {key}")
        return self.still()

    def stop(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()


def check(window):
    screen = window.screen
    window.wait(lambda: " - Violet" in window.xdotool("getwindowname", window.id), "the run's name in the title")
    check_time(window)
    check_find(window)
    check_selection(window)
    dark = screen.brightness()
    window.key("ctrl+t")
    window.wait(lambda: screen.brightness() > dark + 80, "the light theme after Ctrl+T")
    window.key("ctrl+t")
    window.wait(lambda: screen.brightness() < dark + 20, "the dark theme again")
    for key, title in (("ctrl+k", "^Command$"), ("question", "^Keys$")):
        window.key(key)
        dialog = window.wait(lambda: window.search(title), f"{title} after {key}")
        window.xdotool("windowfocus", "--sync", dialog, "key", "Escape")
        window.wait(lambda: not window.search(title), f"no {title} after Escape")


def check_time(window):
    """Zoom, pan and fit; the cursor runs and stops."""
    window.xdotool("windowfocus", "--sync", window.id)  # The front tab shows it.
    whole = window.still()
    zoomed = window.changed("w", whole)
    moved = window.changed("d", zoomed)
    window.key("a")
    window.wait(lambda: window.screen.pixels() == zoomed, "the picture before D again after A")
    window.changed("s", moved)
    window.key("f")
    window.wait(lambda: window.screen.pixels() == whole, "the whole picture again after F")
    window.key("space")
    seen = [window.screen.pixels()]

    def runs():
        if window.screen.pixels() != seen[-1]:
            seen.append(window.screen.pixels())
        return len(seen) > 3

    window.wait(runs, "a cursor that moves by itself after Space")
    window.key("space")
    window.still()


def check_find(window):
    before = window.still()
    window.key("ctrl+f")
    window.xdotool("type", "100 ms")
    window.changed("Return", before)
    found = window.changed("Escape", window.still())
    window.changed("w", found)
    window.key("f")


def check_selection(window):
    before = window.still()
    x, y = SIZE[0] // 2, SIZE[1] // 3
    window.xdotool("keydown", "shift", "mousemove", str(x), str(y), "mousedown", "1")
    window.xdotool("mousemove", str(x + 60), str(y), "mouseup", "1", "keyup", "shift")
    window.wait(lambda: window.screen.pixels() != before, "a selection after dragging with Shift")
    selected = window.still()
    window.changed("Escape", selected)


def close(window):
    window.key("ctrl+q")
    end = time.monotonic() + PATIENCE_S
    while window.process.poll() is None and time.monotonic() < end:
        pause()
    if window.process.poll() != 0:
        sys.exit(f"Ctrl+Q: the program should have ended with 0, and not with {window.process.poll()}")


def main(arguments):
    if len(arguments) not in (2, 3):
        print(__doc__.splitlines()[0], file=sys.stderr)
        return 2
    for tool in ("Xvfb", "xdotool"):
        if shutil.which(tool) is None:
            skip(f"{tool} is not installed")
    for program in arguments[:2]:
        if not os.access(program, os.X_OK):
            skip(f"{program} was not built")
    with tempfile.TemporaryDirectory() as folder:
        run = os.path.join(folder, "synthetic")
        subprocess.run([arguments[1], "--out", run, "--events", "200000", "--seed", "1"], check=True,
                       stdout=subprocess.DEVNULL)
        screen = Screen(folder)
        window = None
        try:
            window = Window(arguments[0], run, screen, folder)
            check(window)
            if len(arguments) == 3:
                screen.save(arguments[2])
            close(window)
        finally:
            if window is not None:
                window.stop()
            screen.stop()
    print("the window opened a run; zoomed, panned, fitted, played, found, selected and cleared; changed its theme; "
          "showed palette and keys; and closed")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
