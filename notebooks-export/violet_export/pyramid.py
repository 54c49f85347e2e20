"""Stale and mapped pages over time, from the level of detail that a run keeps beside its events (trace.pyramid).

The format is that of experiments/trace/pyramid_file.hpp, version 4: sections with headers, of which only the facts and the
buckets are used here. A section is held against its checksum before a number is used.
"""
from __future__ import annotations

import dataclasses
import math
import os
import pathlib
import struct
import zlib
from typing import Any

from violet_export.hostile_files import ExportError, open_regular

VERSION = 4
_HEADER = struct.Struct("<8sIIIIQI24sI")
_ENTRY = struct.Struct("<QQQ")
_FACTS = struct.Struct("<QQQQdQQQQQQIIIIII")
_FACTS_BYTES = 136
_BUCKET_BYTES = 288
_LEVELS = struct.Struct("<qqdqqd")
_LEVELS_AT = 240
_GAP_AT = 84
_MOST_BUCKETS = 1 << 15
_MOST_SECTION_BYTES = 1 << 30
_MOST_SECTIONS = 1_000_000


@dataclasses.dataclass(frozen=True)
class Section:
    """Of one cell and repetition, both from 0."""

    cell: int
    repetition: int
    offset: int
    size: int
    crc: int
    version: int


@dataclasses.dataclass(frozen=True)
class Level:
    """Pages in a stretch of time: their mean, lowest and highest number; None: events of it are missing."""

    begin_s: float
    end_s: float
    stale: tuple[float, float, float] | None
    mapped: tuple[float, float, float] | None


def sections_of(path: pathlib.Path) -> list[Section]:
    """The whole sections; of two for one cell and repetition the later one."""
    found: dict[tuple[int, int], Section] = {}
    with open_regular(path) as file:
        end, offset = os.fstat(file.fileno()).st_size, 0
        while offset + _HEADER.size <= end and len(found) < _MOST_SECTIONS:
            file.seek(offset)
            raw = file.read(_HEADER.size)
            magic, version, cell, repetition, crc, size, _, _, header_crc = _HEADER.unpack(raw)
            if magic != b"VIOPYRA1" or zlib.crc32(raw[:-4]) != header_crc:
                raise ExportError(f"{path}: the section at byte {offset} is damaged")
            begin = offset + _HEADER.size
            if size > _MOST_SECTION_BYTES or begin + size > end:
                break
            found[cell, repetition] = Section(cell, repetition, begin, size, crc, version)
            offset = begin + (size + 63) // 64 * 64
    return list(found.values())


def _payload(path: pathlib.Path, section: Section) -> tuple[bytes, bytes]:
    """The facts and the buckets."""
    if section.version != VERSION:
        raise ExportError(f"{path}: version {section.version}, this program reads {VERSION}")
    with open_regular(path) as file:
        file.seek(section.offset)
        crc, left = 0, section.size
        while left > 0 and (piece := file.read(min(left, 1 << 20))):
            crc, left = zlib.crc32(piece, crc), left - len(piece)
        if left or crc != section.crc:
            raise ExportError(f"{path}: the section at byte {section.offset} is damaged: its checksum does not fit")
        file.seek(section.offset)
        directory = file.read(2 * _ENTRY.size)
        if len(directory) < 2 * _ENTRY.size:
            raise ExportError(f"{path}: the section at byte {section.offset} is cut short")
        parts = []
        for at, (item, most) in enumerate(((_FACTS_BYTES, 1), (_BUCKET_BYTES, _MOST_BUCKETS))):
            offset, count, item_bytes = _ENTRY.unpack_from(directory, at * _ENTRY.size)
            if item_bytes != item or not 0 < count <= most or offset + count * item > section.size:
                raise ExportError(f"{path}: the section at byte {section.offset} has another layout than this program reads")
            file.seek(section.offset + offset)
            parts.append(file.read(count * item))
    return parts[0], parts[1]


def levels_of(path: pathlib.Path, section: Section, most: int = 300) -> list[Level]:
    """Of the measured time alone, in at most `most` stretches of equal length; times since measuring began."""
    facts, buckets = _payload(path, section)
    _, measure, take_down, end, ns_per_tick, *_, shift, has_measure, has_take_down, _, _, _ = _FACTS.unpack_from(facts)
    if not (shift < 63 and math.isfinite(ns_per_tick) and ns_per_tick > 0):
        raise ExportError(f"{path}: numbers that cannot be")
    first = measure if has_measure else 0
    last = take_down if has_take_down else end
    width, count = 1 << shift, len(buckets) // _BUCKET_BYTES
    # Borders share a bucket with what is not measured: such buckets are left out.
    begin, stop = -(-first // width), min(count, last // width)
    if stop <= begin:
        raise ExportError(f"{path}: nothing was recorded of the measured time of this repetition")
    step = -(-(stop - begin) // most)
    levels = []
    for at in range(begin, stop, step):
        to = min(at + step, stop)
        rows = [buckets[i * _BUCKET_BYTES : (i + 1) * _BUCKET_BYTES] for i in range(at, to)]
        known = not any(struct.unpack_from("<I", row, _GAP_AT)[0] for row in rows)
        numbers = [_LEVELS.unpack_from(row, _LEVELS_AT) for row in rows]
        levels.append(
            Level(
                (at * width - first) * ns_per_tick * 1e-9,
                (to * width - first) * ns_per_tick * 1e-9,
                _level([one[:3] for one in numbers], width) if known else None,
                _level([one[3:] for one in numbers], width) if known else None,
            )
        )
    return levels


def _level(parts: list[tuple[Any, ...]], width: int) -> tuple[float, float, float] | None:
    if any(low > high or not math.isfinite(integral) for low, high, integral in parts):
        return None
    mean = sum(integral for _, _, integral in parts) / (width * len(parts))
    return mean, float(min(low for low, _, _ in parts)), float(max(high for _, high, _ in parts))
