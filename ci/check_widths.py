#!/usr/bin/env python3
"""Texts fit their reader's window: check_widths.py SOURCE_ROOT VIOLET [SYNTHETIC_TRACE]

Every verb that is cheap is run at 80, 100 and 160 columns (COLUMNS), in a pipe without it, and in a pseudo-terminal of 80
columns; no line of its standard output may be wider. A line is let off where one word is too wide by itself and is a path.
The runs are those that the sources keep (experiments/results/old_runs) and, for `show`, a made-up recording.
"""
import fcntl
import os
import pathlib
import pty
import shutil
import struct
import subprocess
import sys
import tempfile
import termios
import unicodedata

PIPE = 100
WIDTHS = (80, 100, 160)
NARROW = 80
SECONDS = 120


def width_of(line):
    wide = sum(2 if unicodedata.east_asian_width(one) in "WF" else 1 for one in line)
    return wide - sum(1 for one in line if unicodedata.combining(one))


def too_wide(text, width):
    for line in text.splitlines():
        if width_of(line) <= width:
            continue
        if any("/" in word and width_of(word) + 8 > width for word in line.split()):
            continue
        yield line


def in_pipe(command, environment):
    done = subprocess.run(command, capture_output=True, env=environment, timeout=SECONDS, check=False)
    return done.returncode, done.stdout.decode("utf-8", "replace"), done.stderr.decode("utf-8", "replace")


def in_terminal(command, environment, columns):
    """What the command writes to a terminal of so many columns, without colours."""
    leader, follower = pty.openpty()
    fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    environment = dict(environment, NO_COLOR="1")
    environment.pop("COLUMNS", None)
    with subprocess.Popen(command, stdout=follower, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL,
                          env=environment) as process:
        os.close(follower)
        pieces = []
        while True:
            try:
                piece = os.read(leader, 1 << 16)
            except OSError:  # The other end is closed.
                break
            if not piece:
                break
            pieces.append(piece)
        process.wait(SECONDS)
    os.close(leader)
    return b"".join(pieces).decode("utf-8", "replace").replace("\r\n", "\n")


def commands(runs, recording):
    first = "smoke"
    yield from (["list", what] for what in ("strategies", "workloads", "iotlbs", "metrics", "plans", "datasets", "costs"))
    yield ["doctor"]
    yield ["runs"]
    yield ["report", first]
    yield ["report", first, "--metrics", "all", "--notes"]
    yield ["report", "--metrics", "map.p50,map.mean", first, "--transpose"]
    yield ["compare", first, "other", "--noise", "3"]
    yield ["compare", first, "--baseline", "strict"]
    yield ["run", "strategies", "--dry-run"]
    yield ["run", "placements", "--dry-run"]
    for view in ("cells", "timeline", "churn", "latency", "exposure", "events", "topology") if recording else ():
        yield ["show", str(recording), view]
    yield from ([*verb, "--help"] for verb in (["demo"], ["run"], ["reproduce"], ["list"], ["compare"], ["report"], ["show"],
                                               ["export"], ["import"], ["guest"], ["guest", "run"], ["guest", "bench"],
                                               ["runs"], ["runs", "prune"], ["runs", "remove"], ["scorecard"], ["doctor"]))
    assert (runs / first).is_dir()


def check(program, command, environment):
    for columns in (*WIDTHS, None):
        given = dict(environment)
        if columns is not None:
            given["COLUMNS"] = str(columns)
        code, out, said = in_pipe([program, *command], given)
        if code not in (0, 3) or not out:
            yield f"violet {' '.join(command)}: ends with {code}: {said.strip()}"
            return
        for line in too_wide(out, columns or PIPE):
            yield f"violet {' '.join(command)}: wider than {columns or PIPE}: {line}"
    for line in too_wide(in_terminal([program, *command], environment, NARROW), NARROW):
        yield f"violet {' '.join(command)}: wider than a terminal of {NARROW}: {line}"


def main(root, program, synthetic=None):
    with tempfile.TemporaryDirectory() as folder:
        runs = pathlib.Path(folder) / "runs"
        for name in ("smoke", "other"):
            shutil.copytree(root / "experiments/results/old_runs/smoke", runs / name)
        recording = None
        if synthetic is not None and os.access(synthetic, os.X_OK):
            recording = pathlib.Path(folder) / "recording"
            subprocess.run([synthetic, "--out", recording, "--events", "60000"], check=True, capture_output=True)
        environment = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES")}
        environment.update(VIOLET_RUNS=str(runs), VIOLET_ROOT=str(root), LC_ALL="C.UTF-8")
        problems = [problem for command in commands(runs, recording)
                    for problem in check(program, command, environment)]
        problems += [f"./violet --help: wider than {NARROW}: {line}"
                     for line in too_wide(in_pipe([root / "violet", "--help"], environment)[1], NARROW)]
    for problem in problems:
        print(problem)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(pathlib.Path(sys.argv[1]).resolve(), *sys.argv[2:]))
