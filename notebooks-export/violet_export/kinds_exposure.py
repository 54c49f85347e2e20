"""Kinds of figures of exposure: what stays reachable, summed up and over time, and the table of strategies."""
from __future__ import annotations

import dataclasses

from violet_export import cells as names
from violet_export import pyramid
from violet_export.drawing import Drawing, Point, point_of
from violet_export.estimates import Absent, Estimate, Spread
from violet_export.hostile_files import ExportError
from violet_export.kinds import NotCarried, Options, finish, spread_in_brackets
from violet_export.run import STAYS_REACHABLE, Cell, Run

_MOST_TIMELINES = 12
_SAMPLED = "mappings that stay are in the recording as a sample, from which no time mapped follows"


def exposure(run: Run, _: Options) -> Drawing:
    """Mapped and stale pages of every cell on one axis that has a place for zero and one for always."""
    axes = run.varying()
    drawing = Drawing("exposure", [], x_label="pages (log)", x_scale="log", series_label="pages")
    for cell in run.cells:
        for metric, words in (
            ("mean_stale_pages_lower_bound", "stale, mean, lower bound"),
            ("mean_stale_pages", "stale, mean, upper bound"),
            ("peak_stale_pages", "stale, peak"),
            ("mean_mapped_pages", "mapped, mean"),
        ):
            if any(one.samples(metric).unit for one in run.cells):
                drawing.points.append(
                    point_of(run, cell, cell.estimate(metric), series=words, group=names.words_of(cell, axes) or cell.label)
                )
    if not drawing.points:
        raise NotCarried("no repetition counted stale pages")
    drawing.caption = (
        "Pages that the device can reach: mapped ones, and those that were unmapped and could still be reached " "(stale)."
    )
    return finish(run, drawing)


def exposure_time(run: Run, _: Options) -> Drawing:
    """Stale and mapped pages while measuring, of the first recorded repetition of each cell."""
    path = run.directory / "trace.pyramid"
    try:
        sections = pyramid.sections_of(path)
    except ExportError as error:
        raise NotCarried(f"the run has no readable level of detail of its events: {error}") from error
    axes = run.varying()
    chosen = {one.cell: one for one in sorted(sections, key=lambda one: -one.repetition)}
    positions = run.positions()
    drawing = Drawing(
        "exposure-time", [], x_label="time since measuring began (s)", y_label="pages", series_label="pages", width="page"
    )
    reasons = []
    for position, section in sorted(chosen.items()):
        cell = positions.get(position)
        if cell is None:
            continue
        try:
            levels = pyramid.levels_of(path, section)
        except ExportError as error:
            reasons.append(str(error))
            continue
        panel = names.words_of(cell, axes) or cell.label
        absent = {}
        if cell.never_unreachable():
            absent["stale"] = Absent(STAYS_REACHABLE)
        if cell.samples_mappings():
            absent["mapped"] = Absent(_SAMPLED)
        for words, why in absent.items():
            drawing.points.append(point_of(run, cell, why, panel=panel, series=words))
        for level in levels:
            for words, known in (("stale", level.stale), ("mapped", level.mapped)):
                if words not in absent:
                    drawing.points.append(_level_point(run, cell, level, known, panel=panel, series=words))
    if not drawing.points:
        raise NotCarried(reasons[0] if reasons else "no repetition recorded its events")
    left_out = len(run.cells) - len({point.cell for point in drawing.points})
    if left_out:
        drawing.notes = [
            f"{left_out} of {len(run.cells)} cells are left out: {reasons[0] if reasons else 'they recorded no events'}."
        ]
    if len(drawing.panels()) > _MOST_TIMELINES:
        raise NotCarried(f"{len(drawing.panels())} panels are more than a page holds; choose cells with --where")
    drawing.caption = (
        "Pages mapped and pages stale while measuring, one recorded repetition of each cell. Lines are means of a "
        "stretch of time, bands its lowest and highest number; where the line is missing events were lost, or "
        "mappings stay, of whose calls there is a sample only."
    )
    return finish(run, drawing)


def _level_point(run: Run, cell: Cell, level: pyramid.Level, known: tuple[float, float, float] | None, **where: str) -> Point:
    if known is None:
        point = point_of(run, cell, Absent("events of this time are missing"), x=level.begin_s, **where)
    else:
        point = point_of(run, cell, Estimate(*known, Spread.RANGE, 1), x=level.begin_s, **where)
    return dataclasses.replace(point, x_high=level.end_s, spread="")


def strategies(run: Run, _: Options) -> Drawing:
    """What each strategy protects and costs, as a table."""
    columns = (
        ("stale pages", "mean_stale_pages"),
        ("window p99 (ns)", "exposure_window.p99"),
        ("sub-page bytes", "mean_subpage_bytes_exposed"),
        ("reachable always (B)", "always_mapped_bytes"),
        ("rogue hits (%)", "rogue_stale_hit_rate"),
        ("requests/op", "requests_per_operation"),
        ("copied B/op", "bytes_copied_per_operation"),
        ("ops/s", names.RATE),
    )
    axes = run.varying()
    drawing = Drawing("strategies", [], series_label="cell", width="page")
    for cell in run.cells:
        for head, metric in columns:
            if any(one.samples(metric).unit for one in run.cells):
                drawing.points.append(
                    point_of(run, cell, cell.estimate(metric), group=head, series=names.words_of(cell, axes) or cell.label)
                )
    if len(drawing.points) == 0 or len(run.cells) > 40:
        raise NotCarried("more rows than a page holds; choose cells with --where" if drawing.points else "nothing was measured")
    drawing.caption = "What each strategy leaves reachable, and what it costs; medians with the ends of what spreads them."
    drawing.runs = []
    return spread_in_brackets(finish_table(run, drawing))


def finish_table(run: Run, drawing: Drawing) -> Drawing:
    """As finish(), where rows and not marks tell series apart."""
    kept, drawing.points = drawing.points, []
    drawing = finish(run, dataclasses.replace(drawing, points=[dataclasses.replace(one, series="") for one in kept]))
    drawing.points = kept
    return drawing
