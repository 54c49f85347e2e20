"""Medians and ratios with their intervals, by the methods of experiments/results (statistics.hpp, rank_tests.hpp).

A median's interval lies between two of the values (order statistics), a ratio is Hodges and Lehmann's and its interval
inverts the rank test. Where values are too few for 95 % the range of the values stands in, and says that it is one.
"""
from __future__ import annotations

import dataclasses
import enum
import math
import statistics
from collections.abc import Sequence

CONFIDENCE = 0.95
FEWEST_PAIRS = 6
EXACT_SAMPLES = 30
EXACT_PAIRS = 100
_MOST_COUNTED = 1000  # Values whose binomial tails are summed.
_NORMAL_QUANTILE = statistics.NormalDist().inv_cdf((1 + CONFIDENCE) / 2)
_LARGEST_LOGARITHM = 600.0


class Spread(enum.Enum):
    """What low and high of an estimate are."""

    INTERVAL = "95 % interval"
    RANGE = "range"
    NONE = "one value"


@dataclasses.dataclass(frozen=True)
class Estimate:
    """A value between low and high, from `count` repetitions."""

    value: float
    low: float
    high: float
    spread: Spread
    count: int


@dataclasses.dataclass(frozen=True)
class Absent:
    """That there is no number, and why."""

    because: str


Known = Estimate | Absent


def three_digits(value: float, space: str) -> str:
    """With the prefix that fits once it is rounded (999.7 is 1.00 k); empty: it is below a thousandth."""
    size = abs(float(f"{value:.2e}"))
    for factor, prefix in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if size >= factor:
            return f"{_digits(value / factor, size / factor)}{space}{prefix}"
    return _digits(value, size) if size >= 0.001 else ""


def _digits(value: float, size: float) -> str:
    """Rounded up to a power of ten all three digits are told."""
    return f"{value:#.3g}".rstrip(".") if size in (1.0, 10.0, 100.0) and abs(value) < size else f"{value:.3g}"


def median(values: Sequence[float]) -> float:
    """Of at least one value."""
    ordered = sorted(values)
    middle = (len(ordered) - 1) // 2
    below, above = ordered[middle], ordered[len(ordered) // 2]
    return below + 0.5 * (above - below)


def ranks_in_tail(weights: Sequence[int], tail: float) -> int:
    """How many of the weights, from the first, hold at most `tail` of all."""
    everything, so_far = sum(weights), 0
    for count, weight in enumerate(weights):
        so_far += weight
        if so_far / everything > tail:
            return count
    return len(weights)


def median_estimate(values: Sequence[float], confidence: float = CONFIDENCE) -> Estimate:
    """The interval holds the median of any distribution with 95 % at least, from six values on.

    It takes more confidence where a run looked at its intervals to decide when to stop (experiments/results/looks.hpp).
    """
    ordered = sorted(values)
    count = len(ordered)
    inside = _values_in_tail(count, (1 - confidence) / 2)
    if inside > 0:
        return Estimate(median(values), ordered[inside - 1], ordered[count - inside], Spread.INTERVAL, count)
    return Estimate(median(values), ordered[0], ordered[-1], Spread.RANGE if count > 1 else Spread.NONE, count)


def _values_in_tail(count: int, tail: float) -> int:
    if count > _MOST_COUNTED:
        return int(count / 2 + statistics.NormalDist().inv_cdf(tail) * math.sqrt(count) / 2)
    return ranks_in_tail([math.comb(count, below) for below in range(count + 1)], tail)


def orderings_by_u(first: int, second: int) -> list[int]:
    """How many orderings of values without ties have each U."""
    ways = [1] + [0] * (first * second)
    for i in range(1, first + 1):
        for u in range(len(ways) - 1, second + i - 1, -1):
            ways[u] -= ways[u - second - i]
        for u in range(i, len(ways)):
            ways[u] += ways[u - i]
    return ways


def subsets_by_sum(most: int) -> list[int]:
    """How many subsets of 1 .. most have each sum."""
    ways = [1] + [0] * (most * (most + 1) // 2)
    for rank in range(1, most + 1):
        for total in range(len(ways) - 1, rank - 1, -1):
            ways[total] += ways[total - rank]
    return ways


def ratio_estimate(baseline: Sequence[float], contender: Sequence[float], paired: bool) -> Known:
    """The contender over the baseline. `paired`: value i of both is of one interleaved repetition."""
    if not baseline or not contender:
        return Absent("one side was not measured")
    if min(baseline) <= 0 or min(contender) <= 0:
        return Absent("a ratio of values that are not positive says nothing")
    below, above = [math.log(one) for one in baseline], [math.log(one) for one in contender]
    tail = (1 - CONFIDENCE) / 2
    if paired and len(below) == len(above):
        each = [b - a for a, b in zip(below, above)]
        shifts = [(each[i] + each[k]) / 2 for i in range(len(each)) for k in range(i, len(each))]
        inside = _paired_ranks(len(each), tail)
    else:
        each = shifts = [b - a for b in above for a in below]
        inside = _independent_ranks(len(below), len(above), tail)
    shifts.sort()
    if max(abs(one) for one in shifts) > _LARGEST_LOGARITHM:
        return Absent("the ratio is beyond all numbers")
    value, count = math.exp(median(shifts)), min(len(below), len(above))
    if 0 < inside <= len(shifts):
        ends = math.exp(shifts[inside - 1]), math.exp(shifts[-inside])
        return Estimate(value, *ends, Spread.INTERVAL, count)
    spread = Spread.RANGE if count > 1 else Spread.NONE
    return Estimate(value, math.exp(min(each)), math.exp(max(each)), spread, count)


def _independent_ranks(first: int, second: int, tail: float) -> int:
    if max(first, second) <= EXACT_SAMPLES:
        return ranks_in_tail(orderings_by_u(first, second), tail)
    away = _NORMAL_QUANTILE * math.sqrt(first * second * (first + second + 1) / 12)
    return max(0, math.floor(first * second / 2 - away))


def _paired_ranks(pairs: int, tail: float) -> int:
    if pairs <= EXACT_PAIRS:
        return ranks_in_tail(subsets_by_sum(pairs), tail)
    away = _NORMAL_QUANTILE * math.sqrt(pairs * (pairs + 1) * (2 * pairs + 1) / 24)
    return max(0, math.floor(pairs * (pairs + 1) / 4 - away))
