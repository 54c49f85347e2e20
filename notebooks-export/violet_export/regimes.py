"""States of the host in which repetitions are alike, as experiments/results/host_regime.cpp tells them apart: how far the
cores of guest and engine are from one another, and how fast the slowest of them computes."""

from __future__ import annotations

import math
from collections.abc import Sequence

from violet_export.run import Cell, Repetition, Run

PING_PONG_GAP, SPIN_GAP = 1.5, 1.25
_CHANGED = (-1, 0)


def _moments(one: Repetition, stem: str) -> tuple[float, float] | None:
    known = [value for end in ("before", "after") if (value := one.value(f"{stem}_{end}")) is not None and value > 0]
    return (known[0], known[-1]) if known else None


def _state(one: Repetition) -> tuple[float, float, bool] | None:
    """Distance, slowest spin (0: not known), and whether either changed meanwhile."""
    distance = _moments(one, "ping_pong")
    if distance is None:
        return None
    spins = [pair for stem in ("spin_guest", "spin_engine", "spin_endpoint") if (pair := _moments(one, stem)) is not None]
    changed = max(distance) > min(distance) * PING_PONG_GAP or any(max(pair) > min(pair) * SPIN_GAP for pair in spins)
    return math.sqrt(distance[0] * distance[1]), max((math.sqrt(a * b) for a, b in spins), default=0.0), changed


def _borders(values: Sequence[float], factor: float) -> list[float]:
    """The largest value of each group without a gap of `factor`."""
    ordered = sorted(value for value in values if value > 0)
    return [one for one, after in zip(ordered, [*ordered[1:], math.inf]) if after > one * factor]


def _place(borders: Sequence[float], value: float) -> int:
    return sum(1 for border in borders if border < value)


def _spans_a_gap(states: Sequence[tuple[float, float, bool]]) -> bool:
    distances = [one[0] for one in states]
    return bool(distances) and max(distances) > min(distances) * PING_PONG_GAP


def mixed_cells(run: Run) -> list[Cell]:
    """Cells whose repetitions are of several regimes: a median over them says nothing of either."""
    states = {cell.identity: [state for _, one in cell.slots if (state := _state(one))] for cell in run.cells}
    everything = [state for some in states.values() for state in some]
    distances = _borders([one[0] for one in everything], PING_PONG_GAP)
    speeds = _borders([one[1] for one in everything], SPIN_GAP)
    found = []
    for cell in run.cells:
        mine = states[cell.identity]
        keys = {_CHANGED if changed else (_place(distances, a), _place(speeds, b) if b > 0 else 0) for a, b, changed in mine}
        if len(keys) > 1 or _spans_a_gap(mine):
            found.append(cell)
    return found
