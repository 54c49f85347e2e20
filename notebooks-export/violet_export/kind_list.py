"""All kinds of figures by name, and those of the papers that results cannot carry."""
from __future__ import annotations

from violet_export.hostile_files import ExportError
from violet_export.kinds import Kind, bars, per_operation, plane
from violet_export.kinds_costs import ablation, breakdown
from violet_export.kinds_exposure import exposure, exposure_time, strategies
from violet_export.kinds_latency import ccdf, cdf, whiskers
from violet_export.kinds_settings import heatmap, repetitions, sweep

KINDS = (
    Kind("bars", "F1", "grouped bars of a metric, relative to a baseline", "bars", bars),
    Kind("breakdown", "F2", "time per operation: what was injected, and the rest", "stack", breakdown),
    Kind("sweep", "F3 F4 F8", "a metric over a numeric setting", "lines", sweep),
    Kind("cdf", "F10", "share of calls over latency", "steps", cdf),
    Kind("ccdf", "F10", "share of calls above a latency, both axes logarithmic", "steps", ccdf),
    Kind("whiskers", "F11", "latency from the median to p99.99", "whiskers", whiskers),
    Kind("exposure", "F12", "mapped and stale pages of every cell", "dots", exposure),
    Kind("exposure-time", "F12", "mapped and stale pages over time", "time", exposure_time),
    Kind("plane", "F13", "protection against performance, with its Pareto front", "plane", plane),
    Kind("heatmap", "F14", "a metric over two settings", "heat", heatmap),
    Kind("ablation", "F15", "one setting changed at a time", "rows", ablation),
    Kind("strategies", "F16", "the table of strategies", "table", strategies),
    Kind("per-operation", "", "requests, kicks, waits and copies of one operation", "bars", per_operation),
    Kind("repetitions", "", "every repetition when it was measured", "moments", repetitions),
)
NOT_CARRIED_BY_RESULTS = (
    ("F5", "throughput against cycles with the model's curve: needs cycles of a packet, which a machine without PMU lacks"),
    ("F6", "IOVA cost over time: results keep one histogram a repetition, and no allocation by itself"),
    ("F7", "locality scatter: needs every access, which results do not keep"),
    ("F9", "misses against offered rate: needs a paced sweep with touches; sweep --metric iotlb_hit_rate shows half of it"),
)


def kind_called(name: str) -> Kind:
    """By its name."""
    for kind in KINDS:
        if kind.name == name:
            return kind
    raise ExportError(f"no kind of figure is called '{name}'; there are {', '.join(kind.name for kind in KINDS)}")
