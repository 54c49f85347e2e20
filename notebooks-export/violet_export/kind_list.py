"""All kinds of figures by name, and those of papers of this field that results cannot carry."""
from __future__ import annotations

from violet_export.hostile_files import UsageError, meant
from violet_export.kinds import Kind, bars, per_operation, plane
from violet_export.kinds_costs import ablation, breakdown
from violet_export.kinds_exposure import exposure, exposure_time, strategies
from violet_export.kinds_latency import ccdf, cdf, whiskers
from violet_export.kinds_plans import device_bound, links
from violet_export.kinds_settings import heatmap, repetitions, sweep

KINDS = (
    Kind("bars", "grouped bars of a metric, relative to a baseline", "bars", bars),
    Kind("breakdown", "time per operation, by what it was spent on and what was injected", "stack", breakdown),
    Kind("sweep", "a metric over a numeric setting", "lines", sweep),
    Kind("device-bound", "throughput over the device's own time for an operation", "lines", device_bound),
    Kind("links", "waits of a request over the number of its pieces", "lines", links),
    Kind("cdf", "share of calls over latency", "steps", cdf),
    Kind("ccdf", "share of calls above a latency, both axes logarithmic", "steps", ccdf),
    Kind("whiskers", "latency from the median to p99.99", "whiskers", whiskers),
    Kind("exposure", "mapped and stale pages of every cell", "dots", exposure),
    Kind("exposure-time", "mapped and stale pages over time", "time", exposure_time),
    Kind("plane", "protection against performance, with its Pareto front", "plane", plane),
    Kind("heatmap", "a metric over two settings", "heat", heatmap),
    Kind("ablation", "one setting changed at a time", "rows", ablation),
    Kind("strategies", "the table of strategies", "table", strategies),
    Kind("per-operation", "requests, kicks, waits and copies of one operation", "bars", per_operation),
    Kind("repetitions", "every repetition when it was measured", "moments", repetitions),
)
NOT_CARRIED_BY_RESULTS = (
    "throughput against cycles with the model's curve: needs cycles of a packet, which a machine without PMU lacks",
    "IOVA cost over time: results keep one histogram a repetition, and no allocation by itself",
    "locality scatter: needs every access, which results do not keep",
    "who owns the page table, device or guest: this testbed's device owns it, so that no run has both",
    "misses against offered rate: needs a paced sweep with touches; sweep --metric iotlb_hit_rate shows half of it",
)


def kind_called(name: str) -> Kind:
    """By its name."""
    for kind in KINDS:
        if kind.name == name:
            return kind
    names = [kind.name for kind in KINDS]
    raise UsageError(f"no kind of figure is called '{name}'{meant(name, names)}; there are {', '.join(names)}")
