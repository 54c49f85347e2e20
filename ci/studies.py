#!/usr/bin/env python3
"""What verdicts are worth on this machine, measured: studies.py aa|detect [options].

aa      runs each plan several times, alone and beside a load, compares every pair of the equal runs, and counts
        verdicts that are false and exit codes that are 3.
detect  plants a difference, an exit that costs more, and counts how often it is found with its size: within one run
        (both costs side by side) and between two runs (held against equal runs of the baseline).

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
COSTS = ["--set", "axes.strategy=strict", "--set", "axes.placement=samecore"]
COST_METRICS = ["map.p50", "map.mean", "unmap.p50", "unmap.mean"]
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
            "inconclusive", "false")
    print("{:<11} {:>4} {:>4} {:>5} {:>12} {:>11} {:>6} {:>6} {:>13} {:>12} {:>5}".format(*head))
    for plan, loads in itertools.product(arguments.plans, (0, arguments.load)):
        violet = Violet(arguments, arguments.runs / f"aa-{plan}-{loads}")
        runs = equal_runs(violet, plan, arguments.count, loads, arguments.again)
        pairs = list(itertools.combinations(runs, 2))
        exits, false_pairs, tests, counts, names = 0, 0, 0, {}, []
        for a, b in pairs:
            code, rows, tested = violet.compare(a, b)
            wrong = [row for row in rows if is_different(row)]
            exits += code == 3
            false_pairs += bool(wrong)
            tests += tested
            names += [f"{row['metric']} of {row['cell']}: {row['verdict']}" for row in wrong]
            for row in rows:
                word = "false" if is_different(row) else row["verdict"]
                counts[word] = counts.get(word, 0) + 1
        print("{:<11} {:>4} {:>4} {:>5} {:>12.0f} {:>11} {:>6} {:>6} {:>13} {:>12} {:>5}".format(
            plan, loads, len(runs), len(pairs), tests / max(1, len(pairs)), false_pairs, exits,
            sum(counts.values()), counts.get("no difference", 0), counts.get("inconclusive", 0),
            counts.get("false", 0)))
        for name in names:
            print(f"            {name}")


def judge_rows(rows, planted):
    """Of one try, by metric: (found, whether the interval holds the planted size, measured ns, visible %)."""
    result = {}
    for row in rows:
        ratio, base = row["ratio"], row["baseline"]["value"]
        if ratio["value"] is None or "interval" not in ratio:
            result[row["metric"]] = (False, False, None, row["visible"]["value"])
            continue
        low, high = ((end - 1) * base for end in ratio["interval"])
        found = row["verdict"].startswith("worse")
        result[row["metric"]] = (found, low <= planted <= high, (ratio["value"] - 1) * base,
                                 row["visible"]["value"])
    return result


def tell(title, tries, planted):
    print(f"\n{title}\n{'metric':<12} {'found':>8} {'interval holds it':>18} {'measured, median':>17} {'visible from':>13}")
    for metric in COST_METRICS:
        one = [a_try[metric] for a_try in tries if metric in a_try]
        sizes = sorted(size for _, _, size, _ in one if size is not None)
        seen = sorted(visible for _, _, _, visible in one if visible is not None)
        size = f"{sizes[len(sizes) // 2]:.0f} ns" if sizes else "n/a"
        visible = f"{100 * seen[len(seen) // 2]:.1f} %" if seen else "n/a"
        print(f"{metric:<12} {sum(f for f, *_ in one):>3} of {len(one):<3} {sum(h for _, h, *_ in one):>9} of {len(one):<3}"
              f" {size:>17} {visible:>13}")
    print(f"planted: {planted} ns at each exit, of which a strict map and a strict unmap have one")


def study_detection(arguments):
    base, planted = arguments.exit_ns, arguments.plant_ns
    repetitions = ["--set", f"run.repetitions={arguments.repetitions}"]
    metrics = [word for metric in COST_METRICS for word in ("--metric", metric)]
    print(f"A planted difference, {host_text()}, {arguments.repetitions} repetitions")
    violet = Violet(arguments, arguments.runs / "detect-within")
    tries = []
    for _ in range(arguments.tries):
        run = violet.run("placements", *COSTS, *repetitions, "--set", "axes.workload=net-rx", "--set",
                         f"costs.exit_ns=[{base},{base + planted}]")
        _, rows, _ = violet.compare(run, "--baseline", f"costs.exit_ns={base}", *metrics)
        tries.append(judge_rows(rows, planted))
    tell("within one run", tries, planted)
    if arguments.within:
        return
    violet = Violet(arguments, arguments.runs / "detect-between")
    def cost(ns):
        return ["placements", *COSTS, *repetitions, "--set", f"costs.exit_ns={ns}"]
    for _ in range(arguments.count):
        baseline = violet.run(*cost(base))
    tries = []
    for _ in range(arguments.tries):
        contender = violet.run(*cost(base + planted))
        _, rows, _ = violet.compare(baseline, contender, "--ignore-axis", "costs.exit_ns", *metrics)
        tries.append(judge_rows(rows, planted))
    tell(f"between two runs, {arguments.count} equal runs of the baseline known", tries, planted)


def parsed():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("study", choices=("aa", "detect"))
    parser.add_argument("--violet", default=str(ROOT / "build/release/bin/violet"), help="the program")
    parser.add_argument("--runs", type=pathlib.Path, default=ROOT / "build/studies", help="where runs stay")
    parser.add_argument("--short", action="store_true", help="repetitions of 0.1 s")
    parser.add_argument("--again", action="store_true", help="aa: compare the runs that are there")
    parser.add_argument("--plans", nargs="+", default=["strategies", "placements"])
    parser.add_argument("--count", type=int, default=4, help="equal runs (4)")
    parser.add_argument("--load", type=int, default=1, help="aa: busy loops beside the loaded runs (1)")
    parser.add_argument("--tries", type=int, default=10)
    parser.add_argument("--repetitions", type=int, default=12)
    parser.add_argument("--exit-ns", type=int, default=1500)
    parser.add_argument("--plant-ns", type=int, default=150)
    parser.add_argument("--within", action="store_true", help="detect: only within one run")
    return parser.parse_args()


if __name__ == "__main__":
    CHOSEN = parsed()
    {"aa": study_equal_runs, "detect": study_detection}[CHOSEN.study](CHOSEN)
