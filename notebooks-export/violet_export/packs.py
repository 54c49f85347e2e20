"""Paper packs: what a work reported, claim by claim, and the plan of this testbed that puts each claim to the test.

A pack is one TOML file in packs/; its name is the pack's. A claim is judged by an [[expect]] of a bundled plan, which has the
tolerance and the source, or says why it is not attempted. A file is checked completely: errors name file and key.
"""
from __future__ import annotations

import dataclasses
import pathlib
import re
import tomllib
from collections.abc import Iterable

from violet_export.hostile_files import ExportError, UsageError, meant, printable, read_bounded
from violet_export.kind_list import KINDS
from violet_export.kinds import Options

_MOST_BYTES = 1 << 20
_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_SETTING = re.compile(r"[\w.*-]+=.+")
_PACK_KEYS = ("title", "source", "measured", "shown", "not_shown")
_CLAIM_KEYS = ("id", "claim", "published", "plan", "expectation", "not_attempted")
_FIGURE_KEYS = ("plan", "kind", "shows", *(field.name for field in dataclasses.fields(Options)))


@dataclasses.dataclass(frozen=True)
class Expected:
    """An [[expect]] of a plan, as far as a pack tells it."""

    claim: str
    importance: str
    source: str


@dataclasses.dataclass(frozen=True)
class Claim:
    """What a work claims; `published` are its numbers. An expectation judges it, or `not_attempted` says why none does."""

    identity: str
    claim: str
    published: str
    plan: str
    expectation: Expected | None
    not_attempted: str


@dataclasses.dataclass(frozen=True)
class PackFigure:
    """One figure of the run of a plan; `shows` stands below it."""

    plan: str
    kind: str
    shows: str
    options: Options


@dataclasses.dataclass(frozen=True)
class Pack:
    """A reproduced work. `check` holds the plans that `artifact check` runs, with what is set in them."""

    name: str
    title: str
    source: str
    measured: str
    shown: str
    not_shown: str
    claims: tuple[Claim, ...]
    figures: tuple[PackFigure, ...]
    check: dict[str, tuple[str, ...]]

    def plans(self) -> list[str]:
        """Those that judge its claims, each once."""
        return list(dict.fromkeys(claim.plan for claim in self.claims if claim.plan))


class _Reader:
    """One file; every problem is named with the key that it is at."""

    def __init__(self, path: pathlib.Path, plans: pathlib.Path) -> None:
        self._path, self._plans = path, plans
        self._expected: dict[str, list[Expected]] = {}

    def fail(self, key: str, words: str) -> ExportError:
        return ExportError(f"{self._path}: key '{printable(key, 80)}': {words}")

    def table(self, value: object, key: str, known: Iterable[str]) -> dict[str, object]:
        if not isinstance(value, dict):
            raise self.fail(key, "has to be a table")
        for name in value:
            if name not in known:
                where = f"{key}.{name}" if key else name
                raise self.fail(where, f"there is none of this name{meant(name, known)}; there are {', '.join(known)}")
        return value

    def text(self, table: dict[str, object], key: str, where: str, needed: bool = True) -> str:
        value = table.get(key, None if needed else "")
        if not isinstance(value, str) or (needed and not value.strip()):
            raise self.fail(f"{where}.{key}", "is missing" if key not in table else "has to be a text that says something")
        return " ".join(value.split())

    def paragraphs(self, table: dict[str, object], key: str, where: str) -> str:
        self.text(table, key, where)
        return "\n\n".join(" ".join(part.split()) for part in re.split(r"\n\s*\n", str(table[key]).strip()))

    def tables(self, document: dict[str, object], key: str) -> list[object]:
        value = document.get(key, [])
        if not isinstance(value, list):
            raise self.fail(key, f"has to be a list of tables: [[{key}]]")
        return value

    def expectations(self, plan: str, where: str) -> list[Expected]:
        if plan not in self._expected:
            path = self._plans / f"{plan}.toml"
            if not _NAME.fullmatch(plan) or not path.is_file():
                names = sorted(one.stem for one in self._plans.glob("*.toml"))
                raise self.fail(where, f"no bundled plan is called '{printable(plan, 60)}'{meant(plan, names)}")
            self._expected[plan] = expectations_of(path)
        return self._expected[plan]

    def claim(self, value: object, where: str) -> Claim:
        table = self.table(value, where, _CLAIM_KEYS)
        identity, claim = (self.text(table, key, where) for key in ("id", "claim"))
        published = self.text(table, "published", where, needed=False)
        plan, expectation, reason = (
            self.text(table, key, where, needed=False) for key in ("plan", "expectation", "not_attempted")
        )
        if bool(plan) == bool(reason):
            raise self.fail(where, f"claim {identity} needs either plan and expectation, or not_attempted with the reason")
        if bool(plan) != bool(expectation):
            raise self.fail(f"{where}.expectation", "plan and expectation go together")
        if not plan:
            return Claim(identity, claim, published, "", None, reason)
        there = self.expectations(plan, f"{where}.plan")
        found = [one for one in there if one.claim == expectation]
        if len(found) != 1:
            near = meant(expectation, [one.claim for one in there])
            raise self.fail(f"{where}.expectation", f"the plan {plan} has no [[expect]] whose claim is this{near}")
        return Claim(identity, claim, published, plan, found[0], "")

    def figure(self, value: object, where: str, plans: list[str]) -> PackFigure:
        table = self.table(value, where, _FIGURE_KEYS)
        plan, kind, shows = (self.text(table, key, where) for key in ("plan", "kind", "shows"))
        if plan not in plans:
            raise self.fail(f"{where}.plan", f"no claim of this pack is judged by '{plan}'{meant(plan, plans)}")
        kinds = [one.name for one in KINDS]
        if kind not in kinds:
            raise self.fail(f"{where}.kind", f"there is none of this name{meant(kind, kinds)}; there are {', '.join(kinds)}")
        chosen = {}
        for field in dataclasses.fields(Options):
            if field.name in table:
                if not isinstance(table[field.name], type(field.default)):
                    raise self.fail(f"{where}.{field.name}", f"has to be a {type(field.default).__name__}")
                chosen[field.name] = table[field.name]
        return PackFigure(plan, kind, shows, Options(**chosen))  # type: ignore[arg-type]

    def check(self, value: object, plans: list[str]) -> dict[str, tuple[str, ...]]:
        kept = {}
        for plan, settings in self.table(value, "check", plans).items():
            texts = settings if isinstance(settings, list) else [None]
            if not all(isinstance(one, str) and _SETTING.fullmatch(one) for one in texts):
                raise self.fail(f"check.{plan}", "has to be a list of texts KEY=VALUE, as --set takes them")
            kept[plan] = tuple(map(str, texts))
        return kept

    def pack(self) -> Pack:
        if not _NAME.fullmatch(self._path.stem):
            raise ExportError(f"{self._path}: a pack is called with a-z, 0-9 and '-'")
        try:
            document: dict[str, object] = tomllib.loads(read_bounded(self._path, _MOST_BYTES).decode("utf-8"))
        except (ValueError, RecursionError) as error:
            raise ExportError(f"{self._path}: no TOML: {error}") from error
        self.table(document, "", ("pack", "claim", "figure", "check"))
        head = self.table(document.get("pack", {}), "pack", _PACK_KEYS)
        title, source = (self.text(head, key, "pack") for key in ("title", "source"))
        measured, shown, not_shown = (self.paragraphs(head, key, "pack") for key in ("measured", "shown", "not_shown"))
        claims = [self.claim(one, f"claim[{at}]") for at, one in enumerate(self.tables(document, "claim"), 1)]
        if not claims:
            raise self.fail("claim", "a pack has one [[claim]] at least")
        names = [one.identity for one in claims]
        twice = next((one for one in names if names.count(one) > 1), "")
        if twice:
            raise self.fail("claim.id", f"'{twice}' is the name of two claims")
        plans = list(dict.fromkeys(one.plan for one in claims if one.plan))
        figures = [self.figure(one, f"figure[{at}]", plans) for at, one in enumerate(self.tables(document, "figure"), 1)]
        if plans and not figures:
            raise self.fail("figure", "a pack with a run has one [[figure]] at least")
        check = self.check(document.get("check", {}), plans)
        return Pack(self._path.stem, title, source, measured, shown, not_shown, tuple(claims), tuple(figures), check)


def expectations_of(plan: pathlib.Path) -> list[Expected]:
    """What a bundled plan expects. The plan itself is checked by the program."""
    try:
        expects = tomllib.loads(read_bounded(plan, _MOST_BYTES).decode("utf-8")).get("expect", [])
        return [Expected(str(one["claim"]), str(one["class"]), str(one["source"])) for one in expects]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ExportError(f"{plan}: its [[expect]] cannot be read: {error}") from error


def read_pack(path: pathlib.Path, plans: pathlib.Path) -> Pack:
    """The pack in a file; `plans` is the folder of the bundled plans."""
    return _Reader(path, plans).pack()


def read_packs(folder: pathlib.Path, plans: pathlib.Path) -> list[Pack]:
    """All packs of a folder, by name."""
    return [read_pack(path, plans) for path in sorted(folder.glob("*.toml"))]


def packs_called(names: Iterable[str], packs: list[Pack]) -> list[Pack]:
    """Those of these names; all, when none is named."""
    by_name = {one.name: one for one in packs}
    for name in names:
        if name not in by_name:
            raise UsageError(f"no pack is called '{name}'{meant(name, by_name)}; there are {', '.join(by_name)}")
    return [by_name[name] for name in names] or packs
