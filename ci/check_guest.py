#!/usr/bin/env python3
"""A real Linux on the engine: check_guest.py PROGRAM CASE, with the options of one case below.

Boots the guest, lets it verify its disk, and checks what it said and what was counted. Exits with 77 when
QEMU, busybox or a kernel is absent.
"""
import json
import subprocess
import sys

import checkout

# case -> (options, what the guest must say of its domain)
CASES = {
    "strict": ([], "DMA"),
    "packed": (["--packed"], "DMA"),
    "lazy": (["--mode", "lazy"], "DMA-FQ"),
    "passthrough": (["--mode", "passthrough"], "identity"),
    "high": (["--memory", "3072", "--rounds", "1"], "DMA"),
    "two_vcpus": (["--vcpus", "2"], "DMA"),
    "rebind": (["--job", "rebind", "--rounds", "1"], "DMA"),
    "reboot": (["--job", "reboot", "--rounds", "1"], "DMA"),
}
LACKS_SOMETHING = 5
SECONDS = 540


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
    if counts["iommu_kicks"] or counts["disk_kicks"] or counts["nic_kicks"]:
        yield f"kicks although the engine polls: {counts}"
    if told.get("nic_domain") != domain or told.get("groups") != "own":
        yield f"the card's domain is {told.get('nic_domain')}, groups {told.get('groups')}"
    if case != "reboot" and (counts["nic_bytes"] < 2 << 20 or counts["nic_errors"]):
        yield f"{counts['nic_bytes']} bytes and {counts['nic_errors']} errors on the network card"
    if domain != "identity" and not counts["map"] > counts["disk_writes"]:
        yield f"{counts['map']} MAP requests for {counts['disk_writes']} writes"
    if domain == "DMA" and counts["unmap"] < counts["disk_writes"]:
        yield f"{counts['unmap']} UNMAP requests in strict mode"


def main(program, case):
    options, _ = CASES[case]
    command = [program, "guest", "run", "--format", "json", "--timeout", str(SECONDS - 60), *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False,
                          stdin=subprocess.DEVNULL)
    if done.returncode == LACKS_SOMETHING:
        checkout.skip(done.stderr.strip().splitlines()[-1])
    print(done.stdout, done.stderr)
    if not done.stdout:
        return 1
    found = list(problems(case, json.loads(done.stdout)))
    for problem in found:
        print(problem)
    return 1 if found or done.returncode else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2]))
