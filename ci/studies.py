#!/usr/bin/env python3
"""What verdicts are worth on this machine, measured: studies.py aa|within|detect [options].

aa      runs each plan several times, alone and beside a load, compares every pair of the equal runs, and counts
        verdicts that are false and exit codes that are 3.
within  runs one plan of six equal cells, which differ by a cost that none of them pays, and counts the same between cells
        of one run.
detect  plants a difference and counts how often it is found: within one run (both sides in turns) and between two
        runs (held against equal runs of the baseline). --plant says which: an exit that costs --plant-ns more, whose
        size is known and looked for as well; an IOTLB of 64 entries in the place of 65,536 under a device that reads
        in 1,024 pages; a packed virtqueue in the place of a split one. What the last two cost nobody knows: it is told
        how often there is a verdict, and whether the tries agree on its direction and size.

Runs stay in --runs (default build/studies) and are used again by --again. Simulated tables: build/release/bin/verdict_study.
A load of other programs moves every number here; a quiet machine is for figures, --short for trying.
"""
import argparse
import itertools
import json
import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
SHORT = ["--set", "run.duration_s=0.1", "--set", "run.warmup_s=0.05"]
SAMECORE = ["--set", "axes.strategy=strict", "--set", "axes.placement=samecore"]
COST_METRICS = ["map.p50", "map.mean", "unmap.p50", "unmap.mean"]
WORKING_SET = ["--set", "axes.workload=working-set", "--set", "workload.working-set.buffers=1024",
               "--set", "workload.working-set.touches=64", "--set", "costs.exit_ns=0"]
LOAD = "while True: pass"


class Violet:
    def __init__(self, arguments, runs):
        self.program = arguments.violet
        self.short = SHORT if arguments.short else []
        self.runs = runs
        runs.mkdir(parents=True, exist_ok=True)

    def call(self, *arguments):
        environment = {**os.environ, "VIOLET_RUNS": str(self.runs), "VIOLET_ROOT": str(ROOT)}
        return subprocess.run([self.program, *arguments], env=environment, capture_output=True, text=True)

    def known(self):
        return sorted(path for path in self.runs.iterdir() if path.is_dir() and not path.is_symlink())

    def run(self, *arguments):
        before = set(self.known())
        done = self.call("run", *arguments, *self.short, "--progress", "never", "--format", "json")
        if done.returncode not in (0, 1):
            sys.exit(f"studies: violet run {' '.join(arguments)}: {done.stderr.strip()}")
        return (set(self.known()) - before).pop()

    def compare(self, *arguments):
        """Exit code, rows and the number of tests."""
        done = self.call("compare", *map(str, arguments), "--format", "json")
        if done.returncode not in (0, 1, 3):
            sys.exit(f"studies: violet compare {arguments}: {done.stderr.strip()}")
        comparison = json.loads(done.stdout)
        rows = [row for contrast in comparison["contrasts"] for row in contrast["table"]["rows"]]
        return done.returncode, rows, comparison["tests"]


def is_different(row):
    return row["verdict"].startswith(("better", "worse"))


def host_text():
    load = os.getloadavg()[0]
    return f"{os.cpu_count()} CPUs, load of other programs {load:.1f} in the last minute"


def is_beyond(row):
    """The interval of the ratio excludes 1, whatever the verdict: of equal ones 5 % should."""
    interval = row["ratio"].get("interval")
    return interval is not None and not interval[0] <= 1 <= interval[1]


def equal_runs(violet, plan, count, loads, again):
    runs = violet.known() if again else []
    neighbours = [subprocess.Popen([sys.executable, "-c", LOAD]) for _ in range(loads)]
    try:
        while len(runs) < count:
            runs.append(violet.run(plan))
    finally:
        for neighbour in neighbours:
            neighbour.kill()
            neighbour.wait()
    return runs


def study_equal_runs(arguments):
    print(f"Equal runs compared, {host_text()}; false: better or worse although nothing differs\n")
    head = ("plan", "load", "runs", "pairs", "tests a pair", "pairs false", "exit 3", "rows", "no difference",
            "inconclusive", "false", "intervals", "without 1")
    form = "{:<11} {:>4} {:>4} {:>5} {:>12} {:>11} {:>6} {:>6} {:>13} {:>12} {:>5} {:>9} {:>9}"
    print(form.format(*head), flush=True)
    for plan, loads in itertools.product(arguments.plans, arguments.loads):
        violet = Violet(arguments, arguments.runs / f"aa-{plan}-{loads}")
        runs = equal_runs(violet, plan, arguments.count, loads, arguments.again)
        pairs = list(itertools.combinations(runs, 2))
        exits, false_pairs, tests, intervals, beyond, counts, names = 0, 0, 0, 0, 0, {}, []
        for a, b in pairs:
            code, rows, tested = violet.compare(a, b)
            wrong = [row for row in rows if is_different(row)]
            exits += code == 3
            false_pairs += bool(wrong)
            tests += tested
            intervals += sum("interval" in row["ratio"] for row in rows)
            beyond += sum(map(is_beyond, rows))
            names += [f"{row['metric']} of {row['cell']}: {row['verdict']}" for row in wrong]
            for row in rows:
                word = "false" if is_different(row) else row["verdict"]
                counts[word] = counts.get(word, 0) + 1
        print(form.format(
            plan, loads, len(runs), len(pairs), round(tests / max(1, len(pairs))), false_pairs, exits,
            sum(counts.values()), counts.get("no difference", 0), counts.get("inconclusive", 0),
            counts.get("false", 0), intervals, beyond), flush=True)
        for name in names:
            print(f"            {name}")
    print("Pairs share their runs: of n runs n (n - 1) / 2 pairs are n - 1 that know nothing of one another.")


def study_within(arguments):
    print(f"Equal cells of one run, {host_text()}; false: better or worse although nothing differs\n")
    form = "{:>4} {:>5} {:>6} {:>13} {:>12} {:>5} {:>9} {:>9}"
    print(form.format("load", "runs", "rows", "no difference", "inconclusive", "false", "intervals", "without 1"))
    settings = [*SAMECORE, "--set", "axes.workload=net-rx", "--set", "costs.exit_ns=0",
                "--set", "costs.wake_ns=[0, 1, 2, 3, 4, 5]"]  # A cost of the placement that sleeps.
    for loads in arguments.loads:
        violet = Violet(arguments, arguments.runs / f"within-{loads}")
        neighbours = [subprocess.Popen([sys.executable, "-c", LOAD]) for _ in range(loads)]
        try:
            runs = [violet.run("placements", *settings) for _ in range(arguments.count)]
        finally:
            for neighbour in neighbours:
                neighbour.kill()
                neighbour.wait()
        rows = [row for run in runs for row in violet.compare(run, "--baseline", "costs.wake_ns=0")[1]]
        words = ["false" if is_different(row) else row["verdict"] for row in rows]
        print(form.format(loads, len(runs), len(rows), words.count("no difference"), words.count("inconclusive"),
                          words.count("false"), sum("interval" in row["ratio"] for row in rows),
                          sum(map(is_beyond, rows))), flush=True)


class Planted:
    """A difference: the two values of a plan's key, what else is set, where it should show, and its size in ns."""

    def __init__(self, arguments):
        self.ns = None
        if arguments.plant == "exit":
            self.key, self.values = "costs.exit_ns", (arguments.exit_ns, arguments.exit_ns + arguments.plant_ns)
            self.settings, self.metrics, self.ns = ["--set", "axes.workload=net-rx"], COST_METRICS, arguments.plant_ns
            self.words = f"{arguments.plant_ns} ns more at each exit, of which a strict map and a strict unmap have one"
        elif arguments.plant == "iotlb":
            self.key, self.values = "axes.iotlb_entries", (65536, 64)
            self.settings, self.metrics = WORKING_SET, ["operations_per_s", "iotlb_hit_rate", "map.mean"]
            self.words = "an IOTLB of 64 entries in the place of 65,536, under reads in 1,024 pages"
        else:
            self.key, self.values = "axes.queue", ("split", "packed")
            self.settings = ["--set", "axes.workload=net-rx", "--set", "costs.exit_ns=0"]
            self.metrics = ["operations_per_s", *COST_METRICS]
            self.words = "a packed request queue in the place of a split one"

    def both(self):
        first, second = (f'"{value}"' if isinstance(value, str) else value for value in self.values)
        return ["--set", f"{self.key}=[{first},{second}]"]

    def one(self, index):
        return ["--set", f"{self.key}={self.values[index]}"]

    @property
    def axis(self):
        """As cells are named: an axis without its table, anything else with it."""
        return self.key.removeprefix("axes.")


def judge_rows(rows, planted):
    """Of one try, by metric: its verdict in a word, the ends and the middle of its ratio, its unit's own baseline."""
    result = {}
    for row in rows:
        ratio = row["ratio"]
        known = ratio["value"] is not None and "interval" in ratio
        result[row["metric"]] = {
            "verdict": row["verdict"].split()[0].rstrip(","), "visible": row["visible"]["value"],
            "ratio": ratio["value"] if known else None, "interval": ratio["interval"] if known else None,
            "baseline": row["baseline"]["value"]}
    return {metric: result[metric] for metric in planted.metrics if metric in result}


def median(values):
    return sorted(values)[len(values) // 2] if values else None


def text(value, form):
    return "n/a" if value is None else form.format(value)


def tell(title, tries, planted):
    head = ("metric", "verdicts", "ratio, median", "intervals with it", "visible from")
    print(f"\n{title}\n{head[0]:<17} {head[1]:<28} {head[2]:>13} {head[3]:>18} {head[4]:>13}"
          + ("" if planted.ns is None else f" {'measured, median':>17} {'intervals with it':>18}"))
    for metric in planted.metrics:
        one = [a_try[metric] for a_try in tries if metric in a_try]
        sized = [a_try for a_try in one if a_try["interval"]]
        words = {}
        for a_try in one:
            words[a_try["verdict"]] = words.get(a_try["verdict"], 0) + 1
        verdicts = ", ".join(f"{count} {word}" for word, count in sorted(words.items()))
        ratio = median([a_try["ratio"] for a_try in sized])
        agree = sum(a_try["interval"][0] <= ratio <= a_try["interval"][1] for a_try in sized)
        visible = median([a_try["visible"] for a_try in one if a_try["visible"] is not None])
        line = (f"{metric:<17} {verdicts:<28} {text(ratio, '{:.4g}'):>13} {f'{agree} of {len(sized)}':>18}"
                f" {text(visible, '{:.1%}'):>13}")
        if planted.ns is not None:
            sizes = [(a_try["ratio"] - 1) * a_try["baseline"] for a_try in sized]
            held = sum((a_try["interval"][0] - 1) * a_try["baseline"] <= planted.ns <=
                       (a_try["interval"][1] - 1) * a_try["baseline"] for a_try in sized)
            line += f" {text(median(sizes), '{:.0f} ns'):>17} {f'{held} of {len(sized)}':>18}"
        print(line, flush=True)
    print(f"planted: {planted.words}")


def study_detection(arguments):
    planted = Planted(arguments)
    common = ["placements", *SAMECORE, *planted.settings, "--set", f"run.repetitions={arguments.repetitions}"]
    metrics = [word for metric in planted.metrics for word in ("--metric", metric)]
    print(f"A planted difference, {host_text()}, {arguments.repetitions} repetitions")
    violet = Violet(arguments, arguments.runs / f"detect-within-{planted.axis}")
    tries = []
    for _ in range(arguments.tries):
        run = violet.run(*common, *planted.both())
        _, rows, _ = violet.compare(run, "--baseline", f"{planted.axis}={planted.values[0]}", *metrics)
        tries.append(judge_rows(rows, planted))
    tell("within one run", tries, planted)
    if arguments.within:
        return
    violet = Violet(arguments, arguments.runs / f"detect-between-{planted.axis}")
    for _ in range(arguments.count):
        baseline = violet.run(*common, *planted.one(0))
    tries = []
    for _ in range(arguments.tries):
        contender = violet.run(*common, *planted.one(1))
        _, rows, _ = violet.compare(baseline, contender, "--ignore-axis", planted.axis, *metrics)
        tries.append(judge_rows(rows, planted))
    tell(f"between two runs, {arguments.count} equal runs of the baseline known; all tries are held against one run",
         tries, planted)


def parsed():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("study", choices=("aa", "within", "detect"))
    parser.add_argument("--violet", default=str(ROOT / "build/release/bin/violet"), help="the program")
    parser.add_argument("--runs", type=pathlib.Path, default=ROOT / "build/studies", help="where runs stay")
    parser.add_argument("--short", action="store_true", help="repetitions of 0.1 s")
    parser.add_argument("--again", action="store_true", help="aa: compare the runs that are there")
    parser.add_argument("--plans", nargs="+", default=["strategies", "placements"])
    parser.add_argument("--count", type=int, default=4, help="equal runs (4)")
    parser.add_argument("--loads", type=int, nargs="+", default=[0, 1], help="aa, within: busy loops beside the runs (0 1)")
    parser.add_argument("--tries", type=int, default=10)
    parser.add_argument("--repetitions", type=int, default=12)
    parser.add_argument("--plant", choices=("exit", "iotlb", "queue"), default="exit", help="detect: what (exit)")
    parser.add_argument("--exit-ns", type=int, default=1500)
    parser.add_argument("--plant-ns", type=int, default=150)
    parser.add_argument("--within", action="store_true", help="detect: only within one run")
    return parser.parse_args()


if __name__ == "__main__":
    CHOSEN = parsed()
    {"aa": study_equal_runs, "within": study_within, "detect": study_detection}[CHOSEN.study](CHOSEN)
