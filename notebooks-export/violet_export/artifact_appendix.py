"""The skeleton of the appendix that artifact evaluation committees ask for: claims, how to reproduce each, time and disk.

What only an author knows stands in angle brackets.
"""
from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from violet_export.artifact_runs import Foreseen, Judged
from violet_export.command_line import counted
from violet_export.numbers_tex import escaped
from violet_export.packs import Claim, Pack

MARKDOWN, LATEX = "md", "tex"
_RESULTS_MIB = 8  # Of a run beside its trace: database, JSON, histogram logs.
_MIB_OF_BUILD = 3 * 1024


@dataclasses.dataclass(frozen=True)
class Block:
    """A heading (its level), a paragraph, a list or a command."""

    kind: str
    text: str = ""
    level: int = 0
    items: tuple[str, ...] = ()


def _head(level: int, text: str) -> Block:
    return Block("heading", text, level)


def _says(text: str) -> Block:
    return Block("paragraph", text)


def _runs(text: str) -> Block:
    return Block("command", text)


def _list(*items: str) -> Block:
    return Block("list", items=items)


def minutes(seconds: float) -> str:
    """Rounded up, for who waits."""
    whole = max(1, int(-(-seconds // 60)))
    return counted(whole, "compute-minute")


def _cost(pack: Pack, plans: dict[str, Foreseen]) -> tuple[str, str]:
    own = [plans[name] for name in pack.plans()]
    disk = sum(one.trace_mib + _RESULTS_MIB for one in own)
    return minutes(sum(one.seconds for one in own)), f"{disk} MiB of disk"


def _result(claim: Claim, plans: dict[str, Foreseen]) -> str:
    assert claim.expectation is not None
    judged = plans[claim.plan].judged.get(claim.expectation.claim, Judged("", "", "", ""))
    published = f" Published: {claim.published}." if claim.published else ""
    return f"{claim.identity} ({claim.expectation.importance}): {judged.expected}.{published}"


def _claims(packs: Sequence[Pack]) -> list[Block]:
    items = []
    for number, pack in enumerate(packs, 1):
        tried = [claim for claim in pack.claims if claim.expectation is not None]
        for claim in tried:
            published = f" ({claim.published})" if claim.published else ""
            items.append(
                f"({claim.identity}) {claim.claim}{published}. Of: {pack.source}. Put to the test by experiment E{number}."
            )
    return [_head(2, "Major claims"), _list(*items)]


def _experiments(packs: Sequence[Pack], plans: dict[str, Foreseen]) -> list[Block]:
    blocks = [_head(2, "Experiments")]
    for number, pack in enumerate(packs, 1):
        time, disk = _cost(pack, plans)
        blocks += [
            _head(3, f"E{number}: {pack.title} [1 human-minute + {time} + {disk}]"),
            _says(pack.shown),
            _runs(f"./violet artifact run {pack.name} --out artifact"),
            _says(f"The command ends with a table of verdicts; artifact/{pack.name}/page.md has it with figures. Expected:"),
            _list(*(_result(claim, plans) for claim in pack.claims if claim.expectation is not None)),
        ]
    return blocks


def _left_out(packs: Sequence[Pack]) -> list[Block]:
    items = [
        f"{claim.identity} ({pack.source}): {claim.claim}. Not attempted: {claim.not_attempted}."
        for pack in packs
        for claim in pack.claims
        if claim.expectation is None
    ]
    return [_head(2, "What is not reproduced"), _list(*items)] if items else []


def appendix(packs: Sequence[Pack], plans: dict[str, Foreseen], check_seconds: float, revision: str) -> list[Block]:
    """The document. `check_seconds` is what the plans of `artifact check` take."""
    everything = sum(one.seconds for one in plans.values())
    disk = sum(one.trace_mib + _RESULTS_MIB for one in plans.values())
    return [
        _head(1, "Artifact appendix"),
        _head(2, "Abstract"),
        _says("<What the artifact is, which claims of the paper it supports, and which badges you apply for.>"),
        _head(2, "Description and requirements"),
        _head(3, "How to access"),
        _says(f"<A permanent address.> Revision: {revision}."),
        _head(3, "Hardware dependencies"),
        _says(
            "An x86-64 machine with two processors or more and 4 GiB of free memory. No IOMMU, network card, KVM or "
            "performance counters. Numbers depend on the machine; verdicts are on ratios and orders measured on it. "
            "<The machine of the paper.>"
        ),
        _head(3, "Software dependencies"),
        _says("Debian 12 or 13; the launcher installs the packages that it lacks, and names them where it may not."),
        _head(3, "Data sets"),
        _says("Traces of real guests, bundled (./violet list datasets)."),
        _head(2, "Set-up"),
        _head(3, f"Installation [1 human-minute + {minutes(900)} + {_MIB_OF_BUILD // 1024} GiB of disk]"),
        _runs("./violet setup --figures\n./violet doctor"),
        _head(3, "Basic test [1 human-minute]"),
        _runs("./violet run smoke"),
        _says("It ends with a table of two strategies; its numbers mean nothing."),
        _head(2, "Evaluation in short"),
        _runs("./violet artifact check"),
        _says(
            f"{minutes(check_seconds).capitalize()}: claim, expected, measured and verdict of a part of the claims below. Exit "
            "code 3 where something fails that must hold."
        ),
        *_claims(packs),
        *_experiments(packs, plans),
        *_left_out(packs),
        _head(2, "All of it"),
        _says(f"{minutes(everything).capitalize()} and {disk} MiB of disk by the program's estimate; longer under load."),
        _runs("./violet artifact run --out artifact"),
        _head(2, "Reuse"),
        _says(
            "A plan (experiments/plans) is a text file with axes, costs and expectations; a pack (notebooks-export/packs) "
            "has a work's claims and the plans that judge them. Another strategy is one file: "
            "experiments/strategies/README.md."
        ),
    ]


def to_markdown(blocks: Sequence[Block]) -> str:
    """As it is read."""
    parts = []
    for block in blocks:
        if block.kind == "heading":
            parts.append(f"{'#' * block.level} {block.text}")
        elif block.kind == "command":
            parts.append("\n".join(f"    {line}" for line in block.text.splitlines()))
        else:
            texts = [f"- {one}" for one in block.items] or [block.text]
            parts.append("\n".join(texts))
    return "\n\n".join(parts) + "\n"


def to_latex(blocks: Sequence[Block]) -> str:
    """To be \\input{} behind \\appendix."""
    parts = ["% Made by ./violet artifact appendix; what only you know stands in angle brackets."]
    names = {1: "section", 2: "subsection", 3: "subsubsection"}
    for block in blocks:
        if block.kind == "heading":
            parts.append(f"\\{names[block.level]}{{{escaped(block.text)}}}")
        elif block.kind == "command":
            lines = "\\\\\n".join(f"\\texttt{{{escaped(line)}}}" for line in block.text.splitlines())
            parts.append(f"\\begin{{flushleft}}\n{lines}\n\\end{{flushleft}}")
        elif block.items:
            items = "\n".join(f"\\item {escaped(one)}" for one in block.items)
            parts.append(f"\\begin{{itemize}}\n{items}\n\\end{{itemize}}")
        else:
            parts.append(escaped(block.text))
    return "\n\n".join(parts) + "\n"
