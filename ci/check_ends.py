#!/usr/bin/env python3
"""Everything ends: check_ends.py PROGRAM [--cases N] [--seed S] [--only CASE]

Throws mutated logs, odd plans, extreme settings, and signals at any time at `import` and `run`, stops a run in the middle,
takes its folder away and changes its terminal. Each case must end within its deadline, with one of the documented
exit codes, and without a stack trace; one that was asked to end by two signals within a few seconds. What a plan
refuses proves nothing of what ends: a case is drawn again until --dry-run takes it, and a kind of case of which none
was taken is a failure of the check. Everything follows from the seed: a failure prints the command that repeats it.
Before all that, plans and --set that are nested too deep must be refused (exit code 2) with their place.
"""
import argparse
import collections
import fcntl
import os
import pathlib
import pty
import random
import shlex
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
LOGS = sorted((ROOT / "datasets/golden").glob("*.log"))

DEADLINE_S = 90      # Of a run of a tenth of a second on a machine that does much else.
SIGNALS_S = 20       # The promise is two seconds; the rest is for that machine.
EXIT_CODES = {0, 1, 2, 4, 130}
REFUSED = 2
DRAWS = 40           # Of one case, until it is taken.
ENOUGH = 3           # Cases of a kind of which one has to be taken.
STRATEGIES = ["strict", "lazy-percpu", "lazy-single", "bounce-dynamic", "optimistic", "direct", "off", "strict-batch", "async",
              "lazy-global", "lazy-wrap", "ring", "contiguous", "link", "link-kept", "shared", "persistent", "pool", "registered",
              "dma-tracking", "swiotlb", "shadow", "forgotten"]
PLACEMENTS = ["samecore", "kick-thread", "sidecore"]
SHORT = ["run.repetitions=1", "run.warmup_s=0.01", "run.duration_s=0.1", "cores.allow_oversubscribed=true"]

# Ends of ranges and what lies between; a plan takes one value of some of them.
SETTINGS = {
    "workload": ["net-rx", "net-tx", "nvme-4k", "mapbench", "stray"],
    "strategy": STRATEGIES, "placement": PLACEMENTS,
    "iova": ["rcache", "rbtree", "rcache-bounded", "free-list", "identity", "chunk", "ring"],
    "iotlb_entries": [1, 2, 1024, 1 << 20], "iotlb_ways": [1, 2, 16],
    "queue": ["split", "packed"], "queue_size": [2, 4, 3, 1000, 32768],
    "indirect": ["true", "false"], "event_idx": ["true", "false"], "cpus": [1, 3, 64],
    "costs.exit_ns": [0, 1, 10**6, 10**9], "costs.wake_ns": [0, 10**6, 10**9],
    "costs.iotlb_miss_ns": [0, 10**6, 10**9], "costs.entry_ns": [0, 10**6, 10**9],
    "costs.exit_pollution_kib": [0, 1, 1 << 16], "costs.host_map_ns": [0, 10**6, 10**9],
    "costs.host_unmap_ns": [0, 10**6, 10**9], "costs.packet_ns": [0, 10**6, 10**9], "costs.io_ns": [0, 10**6, 10**9],
    "run.seed": [0, 9 * 10**18], "limits.domains": [1, 1 << 20], "limits.mappings": [1, 2, 100, 10**9],
    "limits.memory_mib": [1, 2, 1 << 20], "limits.guest_memory_mib": [16, 17, 300],
    "workload.net-rx.ring": [32, 33, 4096], "workload.net-rx.batch": [1, 64],
    "workload.net-rx.budget": [1, 64], "workload.net-rx.burst": [1, 64], "workload.net-tx.burst": [1, 64],
    "workload.nvme-4k.burst": [1, 64], "workload.nvme-4k.completion_cpu": ["submitter", "first"],
    "timers": ["real", "workload"],
    "workload.net-rx.buffer_bytes": [64, 65536], "workload.net-rx.packet_bytes": [64, 9216],
    "workload.net-tx.ring": [32, 4096], "workload.net-tx.fragments": [1, 17], "workload.net-tx.window": [1, 2048],
    "workload.net-tx.fragment_bytes": [64, 9216],
    "workload.nvme-4k.depth": [1, 1024], "workload.nvme-4k.io_bytes": [512, 1000, 131072, 1048576],
    "workload.nvme-4k.read_percent": [0, 100],
    "workload.mapbench.granules": [1, 1024], "workload.mapbench.delay_ns": [0, 10**7],
    "strategy.lazy-percpu.entries": [2, 65536], "strategy.lazy-percpu.timer_ms": [0.01, 100000],
    "strategy.bounce-dynamic.slots": [1, 65536], "strategy.optimistic.quota": [1, 65536],
    "strategy.lazy-wrap.aperture_mib": [1, 1 << 20], "strategy.ring.table_pages": [16, 1 << 20],
    "strategy.ring.burst": [1, 65536], "strategy.contiguous.chunk_pages": [2, 65536],
    "strategy.persistent.cap_mib": [1, 1 << 20], "strategy.registered.block_kib": [4, 1 << 20],
    "strategy.registered.revoke_per_s": [0, 10**6], "strategy.dma-tracking.interval_s": [0.001],
    "strategy.swiotlb.pool_kib": [256, 1 << 20], "strategy.shadow.hybrid_above_bytes": [4096, 65536],
    "strategy.forgotten.most": [1, 16777216],
}


def mutated(rng, lines):
    """Lines that went missing, came twice, changed places, stand elsewhere in time or belong to another device."""
    out = list(lines)
    for _ in range(rng.choice([0, 1, 1, 2, 5, 20])):
        if not out:
            break
        at = rng.randrange(len(out))
        kind = rng.randrange(8)
        if kind == 0:
            del out[at]
        elif kind == 1:
            out.insert(at, out[rng.randrange(len(out))])
        elif kind == 2:
            other = rng.randrange(len(out))
            out[at], out[other] = out[other], out[at]
        elif kind == 3:
            del out[at:]
        elif kind == 4:  # Without its unmaps.
            out = [line for line in out if "unmap" not in line]
        elif kind == 5:
            out[at] = out[at].replace("endpoint=8", "endpoint=9").replace("rid=8", "rid=9").replace("sid=8", "sid=9")
        elif kind == 6:
            digits = [i for i, c in enumerate(out[at]) if c.isdigit()]
            if digits:
                i = rng.choice(digits)
                out[at] = out[at][:i] + rng.choice("0123456789") + out[at][i + 1:]
        else:
            i = rng.randrange(len(out[at]) + 1)
            out[at] = out[at][:i] + rng.choice(["", "\0", "\xff", "=", "x" * 300]) + out[at][i + rng.randrange(3):]
    return out


def small_log(rng):
    """Devices of one or several domains that map, access and unmap in any order, with pauses."""
    devices = rng.randrange(1, 5)
    at, lines, live = 10_000_000, [], []

    def say(text):
        nonlocal at
        at += rng.choice([0, 1, 5, 1000, 60_000_000, 0, 1])
        lines.append(f"7@{at // 10**6}.{at % 10**6:06d}:virtio_iommu_{text}")

    for device in range(devices):
        say(f"attach domain={rng.randrange(1, 3)} endpoint={8 + device}")
    for _ in range(rng.randrange(1, 60)):
        page = 0x1000 * rng.randrange(1, 20)
        kind = rng.randrange(4)
        if kind < 2 or not live:
            say(f"map domain={rng.randrange(1, 3)} virt_start={page:#x} virt_end={page + 0xfff:#x} "
                f"phys_start={0x100000 + page:#x} flags={rng.randrange(1, 4)}")
            live.append(page)
        elif kind == 2:
            page, device = rng.choice(live), 8 + rng.randrange(devices)
            say(f"translate mr=b rid={device} addr={page:#x} flag={rng.randrange(1, 3)}")
            say(f"translate_out {page:#x} -> {0x100000 + page:#x} for sid={device}")
        else:
            page = live.pop(rng.randrange(len(live)))
            say(f"unmap domain={rng.randrange(1, 3)} virt_start={page:#x} virt_end={page + 0xfff:#x}")
    return lines


class Failure(Exception):
    pass


class Case:
    def __init__(self, program, folder, rng):
        self.program, self.folder, self.rng = program, folder, rng
        self.runs = folder / "runs"
        self.environment = dict(os.environ, VIOLET_RUNS=str(self.runs))

    def start(self, *arguments, stderr=subprocess.PIPE):
        self.command = [str(self.program), *arguments]
        return subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=stderr,
                                env=self.environment)

    def end(self, process, seconds):
        """The exit code, which must be one of the documented ones."""
        try:
            said = (process.communicate(timeout=seconds)[1] or b"").decode(errors="replace")
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            raise Failure(f"did not end within {seconds} s") from None
        self.said = (said.strip().splitlines() or [""])[-1]
        if process.returncode not in EXIT_CODES:
            raise Failure(f"exit code {process.returncode}: {said[-500:]}")
        if process.returncode == 1 and process.stderr is not None and not said.strip():
            raise Failure("exit code 1 without a word")
        return process.returncode

    def settings(self, *pairs):
        return [word for pair in pairs for word in ("--set", pair)]

    def log(self):
        if self.rng.random() < 0.6:
            return mutated(self.rng, small_log(self.rng))
        return mutated(self.rng, self.rng.choice(LOGS).read_text(encoding="latin-1").splitlines())

    def accepted(self, draw):
        """Pairs of settings that a dry run takes, or the last ones that it did not; None where there are none."""
        for _ in range(DRAWS):
            pairs = draw()
            if pairs is None:
                continue
            if self.end(self.start("run", "smoke", "--dry-run", *self.settings(*pairs)), DEADLINE_S) != REFUSED:
                break
        return pairs

    def imported(self):
        """The settings of a replay of some log; None: it is no log of mappings."""
        path = self.folder / "a.log"
        path.write_text("\n".join(self.log()) + "\n", encoding="latin-1")
        if self.end(self.start("import", str(path), "--out", str(self.folder), "--name", "t", "--max-broken", "100%"),
                    DEADLINE_S) != 0:
            return None
        pairs = [f"workload=trace:{self.folder}/t.vtrace", f"strategy={self.rng.choice(STRATEGIES)}",
                 f"placement={self.rng.choice(PLACEMENTS)}", *SHORT]
        if self.rng.random() < 0.4:
            pairs += ["pace=paced", f"pace_scale={self.rng.choice([0.001, 1, 1000])}"]
        pairs.append(f"timers={self.rng.choice(SETTINGS['timers'])}")
        return pairs

    def extremes(self):
        keys = self.rng.sample(sorted(SETTINGS), self.rng.randrange(1, 9))
        return [f"{key}={self.rng.choice(SETTINGS[key])}" for key in keys]

    def replayed(self):
        pairs = self.accepted(self.imported)
        return REFUSED if pairs is None else self.end(self.start("run", "smoke", *self.settings(*pairs)), DEADLINE_S)

    def ran(self):
        pairs = self.accepted(lambda: self.extremes() + SHORT)
        return self.end(self.start("run", "smoke", *self.settings(*pairs)), DEADLINE_S)

    def signalled(self):
        endless = self.rng.choice(["run.operations=1000000000", "run.duration_s=600"])
        pairs = self.accepted(lambda: [*self.extremes(), "run.repetitions=3", "run.warmup_s=0",
                                       "cores.allow_oversubscribed=true", endless])
        process = self.start("run", "smoke", *self.settings(*pairs))
        time.sleep(self.rng.random() * 1.5)
        first, second = self.rng.choice([(signal.SIGINT, signal.SIGINT), (signal.SIGINT, signal.SIGTERM),
                                         (signal.SIGTERM, None), (signal.SIGHUP, None)])
        process.send_signal(first)
        if second is not None:
            time.sleep(0.1)
            process.send_signal(second)
        try:
            return self.end(process, SIGNALS_S)
        except Failure:
            # Before there is anything to end signals do what they always do.
            begun = self.runs.exists() and any(self.runs.iterdir())
            if not begun and process.returncode in (-first, -(second or first)):
                return 130
            raise

    def disturbed(self):
        """Nothing is wrong with the run: what happens around it is."""
        return self.rng.choice([self.stopped, self.without_its_folder, self.on_a_terminal])()

    def wait_for_run(self, process):
        while process.poll() is None and not list(self.runs.glob("*/live.json")):
            time.sleep(0.01)

    def expect_whole(self, code):
        if code != 0:
            raise Failure(f"exit code {code} of a run with which nothing was wrong")
        return code

    def stopped(self):
        process = self.start("run", "smoke", *self.settings(*SHORT))
        self.wait_for_run(process)
        process.send_signal(signal.SIGSTOP)
        time.sleep(0.5)
        process.send_signal(signal.SIGCONT)
        return self.expect_whole(self.end(process, DEADLINE_S))

    def without_its_folder(self):
        process = self.start("run", "smoke", *self.settings(*SHORT))
        self.wait_for_run(process)
        for run in self.runs.iterdir():
            if run.is_dir() and not run.is_symlink():
                shutil.rmtree(run, ignore_errors=True)
        code = self.end(process, DEADLINE_S)
        if code == 0 and not (self.runs / "latest" / "results.sqlite").exists():
            raise Failure("success was said, and there are no results")
        return code

    def on_a_terminal(self):
        """Of any size, which changes all the time."""
        ours, theirs = pty.openpty()
        shown = threading.Thread(target=drain, args=(ours,))
        process = self.start("run", "smoke", "--progress", "always", *self.settings(*SHORT), stderr=theirs)
        os.close(theirs)
        shown.start()
        for _ in range(50):
            rows, columns = self.rng.choice([0, 1, 24, 65535]), self.rng.choice([0, 1, 2, 80, 65535])
            fcntl.ioctl(ours, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
            process.send_signal(signal.SIGWINCH)
            time.sleep(0.01)
        code = self.end(process, DEADLINE_S)
        shown.join()
        os.close(ours)
        return self.expect_whole(code)

    def planned(self):
        """A bundled plan with some of its bytes changed, or one of nothing but keys."""
        text = bytearray(self.rng.choice(sorted((ROOT / "experiments/plans").glob("*.toml"))).read_bytes())
        for _ in range(self.rng.randrange(1, 6)):
            at = self.rng.randrange(len(text))
            text[at:at + self.rng.randrange(4)] = self.rng.choice([b"", b"[", b".", b"=", b"\n", b"9", b"\"", b"a.b."])
        if self.rng.random() < 0.3:
            depth = self.rng.choice([10, 17, 1000, 100_000])
            text = bytearray(self.rng.choice(["[" + "a." * depth + "a]", "a." * depth + "a = 1", "v = " + "[" * depth,
                                              "v = " + "{a=" * depth]).encode())
        path = self.folder / "odd plan.toml"
        path.write_bytes(text)
        return self.end(self.start("run", str(path), "--dry-run"), DEADLINE_S)

    def deep(self):
        """What is nested too deep is refused, with its place: exit code 2 and no other."""
        for depth in (17, 300, 100_000):
            for text in ("a." * depth + "a = 1", "[" + "a." * depth + "a]", "[[" + "a." * depth + "a]]", "v = " + "[" * depth,
                         "v = " + "[" * depth + "]" * depth, "v = " + "{a=" * depth):
                path = self.folder / "deep.toml"
                path.write_text(f"[plan]\nname = 'deep'\n{text}\n", encoding="ascii")
                self.expect_refused("deep.toml:3:", "run", str(path), "--dry-run")
        for depth in (17, 300, 40_000):
            for pair in ("a." * depth + "a=1", "run.operations=" + "[" * depth, "run.operations=" + "{a=" * depth):
                self.expect_refused("--set ", "run", "smoke", "--dry-run", "--set", pair)

    def expect_refused(self, place, *arguments):
        process = self.start(*arguments)
        said = process.communicate(timeout=DEADLINE_S)[1].decode(errors="replace")
        if process.returncode != REFUSED or place not in said:
            raise Failure(f"exit code {process.returncode} and not {REFUSED} with '{place}': {said[-500:]}")

    KINDS = {"replayed": 4, "ran": 3, "signalled": 2, "planned": 2, "disturbed": 1}

    def run(self):
        """The kind of case, and its exit code."""
        kind = self.rng.choices(list(self.KINDS), list(self.KINDS.values()))[0]
        return kind, getattr(self, kind)()


def drain(terminal):
    """Reads until nobody has it open for writing."""
    try:
        while os.read(terminal, 4096):
            pass
    except OSError:
        pass


def idle_kinds(codes):
    """Kinds of which nothing ran, in enough cases: what they throw is refused, and holds nothing."""
    return sorted(kind for kind, seen in codes.items()
                  if kind != "planned" and len(seen) >= ENOUGH and set(seen) == {REFUSED})


def deep_failures(program):
    """How many, told."""
    with tempfile.TemporaryDirectory(prefix="violet-ends-") as folder:
        case = Case(program, pathlib.Path(folder), random.Random(0))
        try:
            case.deep()
        except Failure as failure:
            print(f"nested too deep: {failure}\n  {shlex.join(case.command)[:300]}", flush=True)
            return 1
    print("nested too deep: refused", flush=True)
    return 0


def hear_signals():
    """What runs here inherits what is ignored, from nohup or a shell's '&': it would go on as it was told to."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


def main():
    hear_signals()
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("program", type=pathlib.Path)
    parser.add_argument("--cases", type=int, default=12)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", type=int, help="one case, by its number")
    arguments = parser.parse_args()
    failures = deep_failures(arguments.program.resolve()) if arguments.only is None else 0
    codes = collections.defaultdict(list)
    for number in range(arguments.cases) if arguments.only is None else [arguments.only]:
        with tempfile.TemporaryDirectory(prefix="violet-ends-") as folder:
            case = Case(arguments.program.resolve(), pathlib.Path(folder),
                        random.Random(arguments.seed * 1_000_003 + number))
            began = time.monotonic()
            try:
                kind, code = case.run()
            except Failure as failure:
                failures += 1
                print(f"case {number}: {failure}\n  {shlex.join(case.command)}\n  again: {shlex.join(sys.argv[:2])} "
                      f"--seed {arguments.seed} --only {number}", flush=True)
            else:
                codes[kind].append(code)
                why = f": {case.said}" if code == 1 else ""
                print(f"case {number}: {kind}, {code} ({time.monotonic() - began:.1f} s){why}", flush=True)
    for kind, seen in sorted(codes.items()):
        print(f"{kind}: " + ", ".join(f"{count} ended with {code}"
                                      for code, count in sorted(collections.Counter(seen).items())))
    for kind in idle_kinds(codes):
        failures += 1
        print(f"every case that was {kind} was refused: nothing of it ran, and nothing is shown")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
