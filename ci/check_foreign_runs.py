#!/usr/bin/env python3
"""Run folders from elsewhere: check_foreign_runs.py PROGRAM GUI [--all] [--seed N]

One run is made; then copies of its folder are spoilt in some sixty ways: files that are pipes, folders, links, devices
or huge, bytes that changed, databases with views, names with escape sequences, files that are cut. Whatever reads such a
folder (report, show, export, compare, the window's pictures, the live view) ends soon, with a documented exit code and
without a signal, takes little memory, changes nothing in it or behind its links, sends no control characters to the
terminal, and where it fails says so. A sample of the ways is taken, or all.
"""
import argparse
import hashlib
import json
import os
import pathlib
import random
import resource
import shutil
import signal
import sqlite3
import stat
import subprocess
import sys
import tempfile

import checkout

SAMPLE = 8
SECONDS = 120
LACKS_SOMETHING = 5
MOST_MIB = 900        # Of the window, Qt's own included; the program stays far below.
SETTINGS = ["axes.strategy=strict", "axes.workload=net-rx", "axes.placement=samecore", "run.repetitions=1",
            "run.warmup_s=0", "run.duration_s=0.02"]
FILES = ["manifest.json", "resolved.json", "plan.toml", "results.sqlite", "results.json", "trace.events",
         "trace.pyramid", "log.txt", "lock", "live.json", "hlog"]


class Trouble(Exception):
    pass


# --- Ways to spoil a folder: way(run, rng) ---

def remove(path):
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def becomes_fifo(name):
    def spoil(run, _):
        remove(run / name)
        os.mkfifo(run / name)
    return spoil


def becomes_folder(name):
    def spoil(run, _):
        remove(run / name)
        (run / name).mkdir()
    return spoil


def becomes_link(name, target):
    def spoil(run, _):
        remove(run / name)
        (run / name).symlink_to(target or run.parent / "precious")
    return spoil


def goes(name):
    return lambda run, _: remove(run / name)


def grows(name):
    def spoil(run, _):
        with open(run / name, "r+b") as file:
            file.truncate(1 << 40)
    return spoil


def is_cut(name):
    def spoil(run, rng):
        path = run / name
        with open(path, "r+b") as file:
            file.truncate(rng.randrange(path.stat().st_size))
    return spoil


def is_damaged(name):
    def spoil(run, rng):
        data = bytearray((run / name).read_bytes())
        for _ in range(rng.randrange(1, 20)):
            at = rng.randrange(len(data))
            data[at:at + 8] = rng.randbytes(min(8, len(data) - at))
        (run / name).write_bytes(data)
    return spoil


def is_noise(name):
    return lambda run, rng: (run / name).write_bytes(rng.randbytes(100_000))


def database(*statements):
    def spoil(run, _):
        with sqlite3.connect(run / "results.sqlite") as connection:
            for statement in statements:
                connection.execute(statement)
        connection.close()
    return spoil


def manifest(**changes):
    def spoil(run, _):
        path = run / "manifest.json"
        text = json.loads(path.read_text(encoding="utf-8"))
        text.update(changes)
        path.write_text(json.dumps(text), encoding="utf-8")
    return spoil


def hlog(name, make):
    def spoil(run, _):
        make(run / "hlog" / name, run)
    return spoil


def deep_json(name):
    return lambda run, _: (run / name).write_text("[" * 200_000, encoding="ascii")


def is_live(pid):
    def spoil(run, _):
        (run / "live.json").write_text(json.dumps(
            {"schema": "violet.live", "version": 1, "pid": pid, "start_time": 1, "fd": 0}), encoding="ascii")
    return spoil


ENDLESS = ("CREATE VIEW cells AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) "
           "SELECT i AS id, i AS label, '{}' AS axes, i AS position FROM n")
ESCAPE = "\x1b]0;mine\x07\x1b[2J"
WAYS = {
    **{f"{name} is a pipe": becomes_fifo(name) for name in FILES},
    **{f"{name} is a folder": becomes_folder(name) for name in FILES if name != "hlog"},
    **{f"{name} leads elsewhere": becomes_link(name, None) for name in FILES},
    **{f"{name} is a device": becomes_link(name, "/dev/zero") for name in
       ("manifest.json", "resolved.json", "results.sqlite", "trace.events", "trace.pyramid", "live.json")},
    **{f"{name} is not there": goes(name) for name in ("manifest.json", "results.sqlite", "trace.events", "hlog")},
    **{f"{name} claims a terabyte": grows(name) for name in
       ("manifest.json", "resolved.json", "results.sqlite", "trace.events", "trace.pyramid")},
    **{f"{name} is cut": is_cut(name) for name in ("results.sqlite", "trace.events", "trace.pyramid")},
    **{f"{name} is damaged": is_damaged(name) for name in
       ("manifest.json", "results.sqlite", "trace.events", "trace.pyramid")},
    **{f"{name} is noise": is_noise(name) for name in
       ("manifest.json", "resolved.json", "results.sqlite", "trace.events", "trace.pyramid", "live.json")},
    **{f"{name} is deep": deep_json(name) for name in ("manifest.json", "resolved.json", "live.json")},
    "an endless view": database("ALTER TABLE cells RENAME TO kept", ENDLESS),
    "a trigger": database("CREATE TRIGGER t AFTER INSERT ON cells BEGIN DELETE FROM cells; END"),
    "a label with escape sequences": database(f"UPDATE cells SET label = '{ESCAPE}'"),
    "a metric with escape sequences": database(f"UPDATE metrics SET name = '{ESCAPE}' WHERE name = 'operations_per_s'"),
    "checksums are gone": database("DROP TABLE checks"),
    "a name with escape sequences": manifest(run_id=ESCAPE, command_line=ESCAPE),
    "numbers that are none": manifest(seed=-1, started_epoch_s="soon"),
    "a log that is a folder": hlog("x.hlog", lambda path, run: path.mkdir()),
    "a log that is a pipe": hlog("x.hlog", lambda path, run: os.mkfifo(path)),
    "a log that is a device": hlog("x.hlog", lambda path, run: path.symlink_to("/dev/zero")),
    "a log that leads elsewhere": hlog("x.hlog", lambda path, run: path.symlink_to(run.parent / "precious")),
    "a log with escape sequences": hlog(f"{ESCAPE}.hlog", lambda path, run: path.write_text("#x\n1,2,3,x\n")),
    "live of a process that is gone": is_live(2_000_000_000),
    "live of another process": is_live(1),
}


# --- Looking at it ---

def snapshot(folder):
    """Every file with what it is and holds; the database may be locked and unlocked."""
    seen = {}
    for path in sorted(folder.rglob("*")):
        about = path.lstat()
        content = ""
        if stat.S_ISREG(about.st_mode) and about.st_size < 1 << 30:
            content = hashlib.sha256(path.read_bytes()).hexdigest()
        if not path.name.endswith("-shm"):
            seen[str(path)] = (stat.S_IFMT(about.st_mode), about.st_size, content)
    return seen


def readers(program, gui, run, out):
    """Commands, and the exit codes that each may end in."""
    codes = {0, 1, 2}
    for words in (["report", run], ["show", run, "timeline"], ["export", "--json", run], ["export", "--csv", run],
                  ["export", "--hdr", run], ["compare", run, run], ["compare", run, "--baseline", "strategy=strict"]):
        yield [program, *words], codes | {3}
    if gui.exists():
        for view in ("churn", "compare", "latency", "experiment"):
            yield [str(gui), "--render", view, "--out", out, run], codes
        yield [str(gui), "--render", "churn", "--out", out, "--live", run], {1}


def look(command, codes, environment):
    process = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE)
    what = " ".join(pathlib.Path(word).name for word in command)
    try:
        out, err = process.communicate(timeout=SECONDS)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        process.communicate()
        raise Trouble(f"{what}: did not end within {SECONDS} s") from None
    said = err.decode(errors="replace")
    if process.returncode not in codes:
        raise Trouble(f"{what}: exit code {process.returncode}: {said[-500:]}")
    if process.returncode != 0 and not said.strip() and not out.strip():
        raise Trouble(f"{what}: exit code {process.returncode} without a word")
    if any(byte < 32 and byte not in (9, 10, 13) for byte in out + err):
        raise Trouble(f"{what}: control characters in what it says")
    if "root:" in out.decode(errors="replace"):
        raise Trouble(f"{what}: gives away what a link leads to")


def attack(spoil, arguments, original, scratch, rng):
    run = scratch / "runs" / original.name
    shutil.copytree(original, run, symlinks=True)
    precious = run.parent / "precious"
    precious.write_text("root: a secret\n", encoding="ascii")
    spoil(run, rng)
    before = snapshot(run.parent)
    environment = surroundings(run, scratch)
    for command, codes in readers(arguments.program, pathlib.Path(arguments.gui), str(run), str(scratch / "out.png")):
        look(command, codes, environment)
    if (after := snapshot(run.parent)) != before:
        changed = sorted(set(before.items()) ^ set(after.items()))
        raise Trouble(f"looking at it changed {changed}")


def surroundings(run, scratch):
    return dict(os.environ, VIOLET_RUNS=str(run.parent), QT_QPA_PLATFORM="offscreen", TMPDIR=str(scratch),
                XDG_CONFIG_HOME=str(scratch / "config"), VIOLET_ROOT=str(checkout_root()))


def check_truncated(gui, original, scratch):
    """A picture of a trace that ends within a block is drawn; exit code and stderr say that it is of a part."""
    run, out = scratch / original.name, scratch / "out.png"
    shutil.copytree(original, run, symlinks=True)
    with open(run / "trace.events", "r+b") as trace:
        trace.truncate((run / "trace.events").stat().st_size - 7)
    done = subprocess.run([gui, "--render", "churn", "--out", str(out), str(run)], env=surroundings(run, scratch),
                          capture_output=True, text=True, timeout=SECONDS, check=False)
    words = ["was drawn, but not of a whole run: ", "trace.events: the file ends in the middle of a block"]
    if done.returncode != 1 or not out.exists() or not all(word in done.stderr for word in words):
        raise Trouble(f"--render of a truncated trace: exit code {done.returncode}, "
                      f"{'a' if out.exists() else 'no'} picture: {done.stderr[-500:]}")


def checkout_root():
    return pathlib.Path(__file__).resolve().parent.parent


def make_run(program, folder):
    settings = [part for setting in SETTINGS for part in ("--set", setting)]
    done = subprocess.run([program, "run", "smoke", *settings], capture_output=True, timeout=SECONDS, check=False,
                          env=dict(os.environ, VIOLET_RUNS=str(folder), VIOLET_ROOT=str(checkout_root())))
    if done.returncode == LACKS_SOMETHING:
        checkout.skip(done.stderr.decode().strip().splitlines()[-1])
    if done.returncode != 0:
        sys.exit(f"the plan does not run: {done.stderr.decode()}")
    return next(path for path in folder.iterdir() if path.is_dir() and not path.is_symlink())


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("program")
    parser.add_argument("gui", help="where the application is; without it the rest is looked at")
    parser.add_argument("--all", action="store_true", help="every way, not a sample")
    parser.add_argument("--only", help="one way, by its name")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    arguments = parser.parse_args()
    ways = sorted(WAYS) if arguments.all else sorted(random.Random(arguments.seed).sample(sorted(WAYS), SAMPLE))
    if arguments.only:
        ways = [arguments.only]
    print(f"{len(ways)} of {len(WAYS)} ways; seed {arguments.seed}", flush=True)
    failures = 0
    with tempfile.TemporaryDirectory(prefix="violet-foreign-") as name:
        scratch = pathlib.Path(name)
        original = make_run(arguments.program, scratch)
        if pathlib.Path(arguments.gui).exists():
            (scratch / "truncated").mkdir()
            try:
                check_truncated(arguments.gui, original, scratch / "truncated")
            except Trouble as trouble:
                failures += 1
                print(trouble, flush=True)
        for way in ways:
            place = scratch / "place"
            (place / "runs").mkdir(parents=True)
            try:
                attack(WAYS[way], arguments, original, place, random.Random(f"{arguments.seed} {way}"))
            except Trouble as trouble:
                failures += 1
                print(f"{way}: {trouble}\n  again: --seed {arguments.seed} --only '{way}'", flush=True)
            shutil.rmtree(place)
    most_mib = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss >> 10
    if most_mib > MOST_MIB:
        failures += 1
        print(f"a reader took {most_mib} MiB of memory")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
