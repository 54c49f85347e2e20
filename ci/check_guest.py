#!/usr/bin/env python3
"""A real Linux on the engine: check_guest.py PROGRAM CASE, with the options of one case below.

Boots the guest, lets it verify its disk, and checks what it said and what was counted. Exits with 77 when
QEMU, busybox or a kernel is absent.
"""
import json
import os
import pathlib
import subprocess
import sys
import tempfile

import checkout

# case -> (options, what the guest must say of its domain)
CASES = {
    "strict": ([], "DMA"),
    "packed": (["--packed", "--topology"], "DMA"),
    "lazy": (["--mode", "lazy"], "DMA-FQ"),
    "passthrough": (["--mode", "passthrough"], "identity"),
    "high": (["--memory", "3072", "--rounds", "1"], "DMA"),
    "tap": (["--net", "tap:violet0"], "DMA"),
    "own_lcore": (["--endpoints", "own", "--rounds", "1", "--mib", "4"], "DMA"),
    "two_vcpus": (["--vcpus", "2"], "DMA"),
    "rebind": (["--job", "rebind", "--rounds", "1"], "DMA"),
    "reboot": (["--job", "reboot", "--rounds", "1"], "DMA"),
    "kernel_6_1": (["--kernel", "6.1", "--rounds", "1"], "DMA"),
    "kicks": (["--placement", "samecore", "--rounds", "1", "--mib", "4"], "DMA"),
    "isolate": (["--job", "isolate", "--rounds", "1"], "DMA"),
    "soak": (["--job", "soak", "--rounds", "1", "--mode", "lazy"], "DMA-FQ"),
    "capture": (["--mode", "lazy", "--rounds", "1"], "DMA-FQ"),
}
# Count 2 and offset 48; then for disk and card a PCI range of 16 bytes: first endpoint, segment and first function,
# last function.
TOPOLOGY = [48 << 16 | 2, 0, 16 << 16 | 1, 0x28, 0x28 << 16, 0x2F, 16 << 16 | 1, 0x30, 0x30 << 16, 0x37]
LACKS_SOMETHING = 5
SECONDS = 540


def intrusion_problems(told, counts):
    """What either endpoint must not reach, it did not, and the kernel heard of it."""
    for name in ("disk", "nic"):
        if not counts[f"{name}_intrusions"] or counts[f"{name}_intrusions_denied"] != counts[f"{name}_intrusions"]:
            yield f"the {name} reached what is not its own: {counts}"
    if counts["disk_intrusions"] < 5:
        yield "the disk has tried too few of the card's pages"
    if not told.get("kernel_says", "").startswith("page fault from EP"):
        yield f"the kernel's log says {told.get('kernel_says')}"
    if counts["faults"] < counts["disk_intrusions"] + counts["nic_intrusions"]:
        yield f"{counts['faults']} faults are too few"


def replay_problems(program, run, environment):
    """The trace of a captured guest replays, and what it left exposed was measured."""
    trace = pathlib.Path(run) / "guest.vtrace"
    if not trace.exists():
        yield f"there is no {trace}"
        return
    sets = [f"axes.workload=trace:{trace}", "axes.strategy=lazy-percpu", "run.repetitions=1", "run.duration_s=0.2"]
    command = [program, "run", "strategies", *(word for one in sets for word in ("--set", one))]
    done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False, env=environment)
    if done.returncode:
        yield f"the replay ended with {done.returncode}: {done.stderr}"


def problems(case, report):
    _, domain = CASES[case]
    told, counts = report["guest"], report["counts"]
    if report["ending"] != "finished":
        yield f"the guest ended with {report['ending']}"
    if told.get("domain") != domain:
        yield f"the disk's domain is {told.get('domain')} and not {domain}"
    if "0x00000000fee00000 0x00000000feefffff msi" not in told.get("reserved", ""):
        yield f"the MSI window is not reserved: {told.get('reserved')}"
    if told.get("rings") != ("packed" if case == "packed" else "split"):
        yield f"the IOMMU's rings are {told.get('rings')}"
    if case == "reboot" and told.get("lives") != "2":
        yield "the guest did not come back from its reboot"
    if told.get("verified") != "yes":
        yield "the disk was not verified"
    if counts["disk_bytes"] < 2 << 20 or counts["disk_errors"]:
        yield f"{counts['disk_bytes']} bytes and {counts['disk_errors']} errors on the disk"
    kicks = counts["iommu_kicks"] + counts["disk_kicks"] + counts["nic_kicks"]
    if case == "kicks" and counts["iommu_kicks"] < counts["map"]:
        yield f"{counts['iommu_kicks']} kicks for {counts['map']} MAP requests that were waited for"
    if case != "kicks" and kicks:
        yield f"kicks although the engine polls: {counts}"
    if case == "kernel_6_1" and not told.get("kernel", "").startswith("6.1."):
        yield f"the kernel is {told.get('kernel')}"
    if case == "own_lcore" and not report["endpoints"].startswith("own lcore"):
        yield f"the endpoints were polled {report['endpoints']}"
    if case == "packed" and [int(word) for word in told.get("topology", "").split()] != TOPOLOGY:
        yield f"the configuration space says of the topology {told.get('topology')}"
    if case == "isolate":
        yield from intrusion_problems(told, counts)
    if told.get("nic_domain") != domain or told.get("groups") != "own":
        yield f"the card's domain is {told.get('nic_domain')}, groups {told.get('groups')}"
    if case != "reboot" and (counts["nic_bytes"] < 2 << 20 or counts["nic_errors"]):
        yield f"{counts['nic_bytes']} bytes and {counts['nic_errors']} errors on the network card"
    if domain != "identity" and not counts["map"] > counts["disk_writes"]:
        yield f"{counts['map']} MAP requests for {counts['disk_writes']} writes"
    if domain == "DMA" and counts["unmap"] < counts["disk_writes"]:
        yield f"{counts['unmap']} UNMAP requests in strict mode"


def own_namespace():
    """What makes a network namespace for a command, as root or as anybody."""
    command = ["unshare", "--net", *([] if os.geteuid() == 0 else ["--map-root-user"])]
    allowed = subprocess.run([*command, "true"], capture_output=True, text=True, check=False)
    if allowed.returncode:
        checkout.skip(f"no network namespace: {allowed.stderr.strip()}")
    return command


def main(program, case):
    options, _ = CASES[case]
    with tempfile.TemporaryDirectory() as runs:
        return boot(program, case, options, dict(os.environ, VIOLET_RUNS=runs))


def boot(program, case, options, environment):
    verb = "capture" if case == "capture" else "run"
    command = [program, "guest", verb, "--format", "json", "--timeout", str(SECONDS - 60), *options]
    if case == "tap":
        command = [*own_namespace(), sys.executable, str(pathlib.Path(__file__).with_name("tap_echo.py")), *command]
    done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False,
                          stdin=subprocess.DEVNULL, env=environment)
    if done.returncode == checkout.SKIPPED:
        checkout.skip(done.stdout.strip())
    if done.returncode == LACKS_SOMETHING:
        checkout.skip(done.stderr.strip().splitlines()[-1])
    print(done.stdout, done.stderr)
    if not done.stdout:
        return 1
    report = json.loads(done.stdout)
    found = list(problems(case, report))
    if case == "capture":
        found += replay_problems(program, report["run"], environment)
        if not 0 < report["metrics"].get("exposure_window.p50", 0) < 1e9 or report["metrics"]["lost_events"]:
            found.append(f"the exposure is {report['metrics']}")
    for problem in found:
        print(problem)
    return 1 if found or done.returncode else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2]))
