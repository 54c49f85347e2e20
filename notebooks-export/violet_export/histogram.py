"""HdrHistograms in their V2 encoding (base64 of zlib), as results.sqlite and histogram logs hold them."""
from __future__ import annotations

import base64
import dataclasses
import math
import struct
import zlib

from violet_export.hostile_files import ExportError

_COMPRESSED_COOKIE = 0x1C849304
_COOKIE = 0x1C849303
_COOKIE_BASE_MASK = 0xFFFFFF0F
_MOST_BYTES = 64 << 20
_MOST_BUCKETS = 8 << 20
_MOST_FILLED = 1 << 17  # Of three digits over 64 bits there are half as many.


@dataclasses.dataclass(frozen=True)
class Bucket:
    """Values from `low` to `high`, both inclusive, in the histogram's unit."""

    low: int
    high: int
    count: int


def _inflate(data: bytes) -> bytes:
    machine = zlib.decompressobj()
    raw = machine.decompress(data, _MOST_BYTES)
    if machine.unconsumed_tail:
        raise ExportError("a histogram is longer than any of a run")
    if not machine.eof:
        raise ExportError("a histogram is cut short")
    return raw


def _zigzag_numbers(data: bytes) -> list[int]:
    """LEB128 numbers of up to nine bytes; the ninth has eight bits."""
    numbers: list[int] = []
    at = 0
    while at < len(data):
        value = shift = 0
        for position in range(9):
            if at >= len(data):
                raise ExportError("a histogram ends within a number")
            byte = data[at]
            at += 1
            value |= (byte if position == 8 else byte & 0x7F) << shift
            shift += 7
            if position == 8 or byte < 0x80:
                break
        numbers.append((value >> 1) ^ -(value & 1))
    return numbers


def decode(encoded: str) -> list[Bucket]:
    """The buckets that are not empty, from the lowest."""
    try:
        outer = base64.b64decode(encoded, validate=True)
        cookie, length = struct.unpack_from(">ii", outer)
        if cookie & _COOKIE_BASE_MASK != _COMPRESSED_COOKIE & _COOKIE_BASE_MASK:
            raise ExportError("no histogram in the V2 encoding")
        raw = _inflate(outer[8 : 8 + length])
        cookie, payload, _, digits, lowest, _, _ = struct.unpack_from(">iiiiqqd", raw)
    except (ValueError, struct.error, zlib.error) as error:
        raise ExportError(f"a histogram is damaged: {error}") from error
    if cookie & _COOKIE_BASE_MASK != _COOKIE & _COOKIE_BASE_MASK or not 0 <= digits <= 5 or not 0 < lowest < 1 << 40:
        raise ExportError("a histogram is damaged: its head is none")
    if payload < 0 or payload > len(raw) - 40:
        raise ExportError("a histogram is cut short")
    return _buckets(_zigzag_numbers(raw[40 : 40 + payload]), digits, lowest)


def _buckets(numbers: list[int], digits: int, lowest: int) -> list[Bucket]:
    unit = lowest.bit_length() - 1
    half_bits = max(0, (2 * 10**digits - 1).bit_length() - 1)
    half = 1 << half_bits
    buckets: list[Bucket] = []
    index = 0
    for number in numbers:
        if number < 0:
            index -= number
        else:
            if number > 0:
                group = (index >> half_bits) - 1
                sub = (index & (half - 1)) + half
                if group < 0:
                    group, sub = 0, index
                if group + unit > 62:
                    raise ExportError("a histogram is damaged: values beyond 64 bits")
                if len(buckets) == _MOST_FILLED:
                    raise ExportError("a histogram has more buckets than any of a run")
                low = sub << (group + unit)
                buckets.append(Bucket(low, low + (1 << (group + unit)) - 1, number))
            index += 1
        if index > _MOST_BUCKETS:
            raise ExportError("a histogram is damaged: too many buckets")
    return buckets


def total(buckets: list[Bucket]) -> int:
    """How many values were recorded."""
    return sum(one.count for one in buckets)


def merged(parts: list[list[Bucket]]) -> list[Bucket]:
    """Of several histograms of one layout."""
    counts: dict[tuple[int, int], int] = {}
    for part in parts:
        for one in part:
            counts[one.low, one.high] = counts.get((one.low, one.high), 0) + one.count
    return [Bucket(low, high, count) for (low, high), count in sorted(counts.items())]


def percentile(buckets: list[Bucket], percent: float) -> int:
    """The highest value equivalent to that of the rank, as HdrHistogram defines it."""
    rank = max(1, math.ceil(percent / 100 * total(buckets) - 1e-9))
    seen = 0
    for one in buckets:
        seen += one.count
        if seen >= rank:
            return one.high
    raise ExportError("a histogram without values has no percentiles")
