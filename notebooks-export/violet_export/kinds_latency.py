"""Kinds of figures of latencies: distribution functions, and percentiles as far as the number of calls supports them."""
from __future__ import annotations

import bisect
import itertools

from violet_export import cells as names
from violet_export.drawing import Drawing, point_of
from violet_export.estimates import Absent, median_estimate
from violet_export.histogram import Bucket
from violet_export.kinds import NotCarried, Options, finish, grouped
from violet_export.run import CALLS_BEYOND, PERCENTILES, Run

PERCENTILE_NAMES = tuple(name.replace("_", ".") for name in PERCENTILES)
_MOST_STEPS = 160


def latency_name(run: Run, options: Options) -> str:
    """Of the histogram that is asked for, else map."""
    there = list(dict.fromkeys(name for cell in run.cells for one in cell.repetitions for name in one.latencies))
    wanted = options.latency or ("map" if "map" in there else there[0] if there else "")
    if wanted not in there:
        raise NotCarried(
            f"no latency is called '{wanted}'; there are: {', '.join(there)}"
            if there
            else "the run holds no latency histograms"
        )
    return wanted


def _steps(run: Run, options: Options, complement: bool) -> Drawing:
    latency = latency_name(run, options)
    axis, groups = grouped(run)
    what = "CCDF" if complement else "CDF"
    drawing = Drawing(
        what.lower(),
        [],
        x_label=f"{latency} latency (ns, log)",
        x_scale="log",
        series_label=axis,
        y_label="share of calls above" if complement else "share of calls",
        y_scale="log" if complement else "linear",
        width="page" if groups else "column",
    )
    for cell in run.cells:
        parts = [
            (repetition, repetition.latencies[latency].buckets())
            for _, repetition in cell.slots
            if latency in repetition.latencies and repetition.latencies[latency].count
        ]
        where = {"panel": names.words_of(cell, groups), "series": names.series_words(cell, axis)}
        if not parts:
            drawing.points.append(point_of(run, cell, Absent("nothing was recorded"), **where))
            continue
        places = sorted({bucket.high for _, buckets in parts for bucket in buckets})
        thin = max(1, -(-len(places) // _MOST_STEPS))
        kept = sorted({places[0], places[-1], *places[::thin], *places[-20:]})
        curves = [_curve(buckets) for _, buckets in parts]
        for place in kept:
            shares = [_share(curve, place) for curve in curves]
            known = median_estimate([1 - one for one in shares] if complement else shares, cell.confidence)
            if complement and known.value <= 0:
                continue
            drawing.points.append(point_of(run, cell, known, x=float(place), **where))
    if len(drawing.panels()) > 9:
        raise NotCarried(f"{len(drawing.panels())} panels are more than a page holds; choose cells with --where")
    drawing.caption = (
        f"{what} of {latency} calls, the median of the repetitions' own curves at every latency; bands are what "
        "spreads them."
    )
    return finish(run, drawing)


def _curve(buckets: list[Bucket]) -> tuple[list[int], list[float]]:
    counts = list(itertools.accumulate(one.count for one in buckets))
    return [one.high for one in buckets], [one / counts[-1] for one in counts]


def _share(curve: tuple[list[int], list[float]], place: int) -> float:
    at = bisect.bisect_right(curve[0], place)
    return curve[1][at - 1] if at else 0.0


def cdf(run: Run, options: Options) -> Drawing:
    """The share of calls that took at most so long."""
    return _steps(run, options, complement=False)


def ccdf(run: Run, options: Options) -> Drawing:
    """The share of calls that took longer."""
    return _steps(run, options, complement=True)


def whiskers(run: Run, options: Options) -> Drawing:
    """Percentiles from the median to the highest that the number of calls supports."""
    latency = latency_name(run, options)
    axis, groups = grouped(run)
    drawing = Drawing(
        "whiskers",
        [],
        y_label=f"{latency} latency (ns, log)",
        y_scale="log",
        series_label=axis,
        x_label="percentile of calls",
        width="page" if groups else "column",
    )
    for cell in run.cells:
        for at, name in enumerate(PERCENTILE_NAMES):
            known = cell.estimate(f"{latency}.{name}")
            drawing.points.append(
                point_of(
                    run,
                    cell,
                    known,
                    panel=names.words_of(cell, groups),
                    group=name,
                    x=float(at),
                    series=names.series_words(cell, axis),
                )
            )
    if len(drawing.panels()) > 9:
        raise NotCarried(f"{len(drawing.panels())} panels are more than a page holds; choose cells with --where")
    drawing.caption = f"Percentiles of {latency} calls, over the repetitions that have {CALLS_BEYOND} calls beyond them."
    return finish(run, drawing)
