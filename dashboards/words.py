"""Numbers, spans and instants as a reader wants them. Null is a dash, never a zero. No Streamlit here."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

DASH = "–"
_WIDE = 0.005  # half a percent point: narrower bounds read the same on a page


def number(value: float | None, unit: str = "", digits: int = 0) -> str:
    """A number with thousands separated and its unit.

    >>> number(12345.6, "pcs"), number(None, "pcs")
    ('12,346 pcs', '–')
    """
    return DASH if value is None else f"{value:,.{digits}f} {unit}".rstrip()


def percent(ratio: float | None, digits: int = 0) -> str:
    """A ratio (0..1) in percent.

    >>> percent(0.713), percent(None)
    ('71 %', '–')
    """
    return DASH if ratio is None else f"{100 * ratio:.{digits}f} %"


def chance(probability: float | None) -> str:
    """A probability in percent; small ones with a decimal, so that they can be held against an alert level.

    >>> chance(0.0634), chance(0.63), chance(None)
    ('6.3 %', '63 %', '–')
    """
    return percent(probability, 1 if probability is not None and 0 < probability < 0.1 else 0)


def bounded(ratio: float | None, low: float | None, high: float | None) -> str:
    """A ratio with the bounds that unknown time leaves; without bounds where they would read the same.

    >>> bounded(0.71, 0.66, 0.8), bounded(0.71, 0.71, 0.71), bounded(None, 0.0, 1.0), bounded(None, None, None)
    ('71 % [66..80]', '71 %', '– [0..100]', '–')
    """
    if not loose(low, high):
        return percent(ratio)
    assert low is not None and high is not None  # noqa: PT018 - said by `loose`
    return f"{percent(ratio)} [{100 * low:.0f}..{100 * high:.0f}]"


def loose(low: float | None, high: float | None) -> bool:
    """True where the bounds differ enough to be worth reading."""
    return low is not None and high is not None and high - low >= _WIDE


def span(seconds: float | None) -> str:
    """A duration.

    >>> span(12240), span(75), span(4), span(None), span(3600), span(200000)
    ('3 h 24 min', '1 min', '4 s', '–', '1 h', '2 d 7 h')
    """
    if seconds is None:
        return DASH
    whole = round(seconds)
    for big, small, length, part in (("d", "h", 86_400, 3_600), ("h", "min", 3_600, 60)):
        if whole >= length:
            rest = whole % length // part
            return f"{whole // length} {big} {rest} {small}" if rest else f"{whole // length} {big}"
    return f"{whole // 60} min" if whole >= 60 else f"{whole} s"


def moment(at: datetime | None, zone: str) -> str:
    """An instant in the site's time.

    >>> from datetime import UTC
    >>> moment(datetime(2026, 11, 22, 5, tzinfo=UTC), "Europe/Berlin")
    'Sun 22 Nov, 06:00'
    """
    return DASH if at is None else f"{at.astimezone(ZoneInfo(zone)):%a %-d %b, %H:%M}"


def day(value: date | None) -> str:
    """A production day.

    >>> day(date(2026, 11, 21))
    'Sat 21 Nov'
    """
    return DASH if value is None else f"{value:%a %-d %b}"


def days(first: date, last: date) -> str:
    """A range of production days, both included."""
    return day(first) if first == last else f"{day(first)} to {day(last)}"


def ago(at: datetime | None, now: datetime) -> str:
    """How long ago an instant was.

    >>> from datetime import UTC
    >>> ago(datetime(2026, 11, 22, 5, tzinfo=UTC), datetime(2026, 11, 22, 7, tzinfo=UTC))
    '2 h ago'
    """
    if at is None:
        return "never"
    return "just now" if now - at < timedelta(minutes=1) else f"{span((now - at).total_seconds())} ago"


def plural(count: int, one: str, many: str | None = None) -> str:
    """A count with its noun.

    >>> plural(1, "alert"), plural(3, "alert"), plural(2, "piece is", "pieces are")
    ('1 alert', '3 alerts', '2 pieces are')
    """
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def change(now: float | None, before: float | None, than: str) -> str:
    """A ratio against an earlier one, in points.

    >>> change(0.71, 0.68, "the day before"), change(0.7, 0.704, "Sat"), change(0.7, None, "Sat")
    ('3 points up on the day before', 'as on Sat', '')
    """
    if now is None or before is None:
        return ""
    points = round(100 * (now - before))
    if not points:
        return f"as on {than}"
    return f"{plural(abs(points), 'point')} {'up' if points > 0 else 'down'} on {than}"


def because(row: Mapping[str, Any]) -> str:
    """Why an OEE is missing, in brackets; empty when it is there. Needs oee and note of `data.oee`.

    >>> because({"oee": None, "note": "nothing planned"}), because({"oee": 0.7, "note": None})
    (' (nothing planned)', '')
    """
    return f" ({row['note'] or 'nothing known'})" if row["oee"] is None else ""


def spread(text: str) -> str:
    """A reason of the failure model with its unit in words.

    >>> spread("power rising by 0.2 sd a day; vibration 2.1 sd above its own normal")
    'power rising by 0.2 times its usual spread a day; vibration 2.1 times its usual spread above its own normal'
    """
    return text.replace(" sd ", " times its usual spread ")


def share(part: float | None, whole: float | None) -> str:
    """A part of a whole in percent; a dash when there is no whole.

    >>> share(5, 200), share(1, 0)
    ('2.5 %', '–')
    """
    if part is None or not whole:
        return DASH
    ratio = part / whole
    return percent(ratio, 1 if ratio < 0.1 else 0)


def signed(value: float | None, unit: str) -> str:
    """A difference with its sign.

    >>> signed(12.4, "kWh"), signed(-1200.0, "kWh"), signed(None, "kWh")
    ('+12 kWh', '−1,200 kWh', '–')
    """
    if value is None:
        return DASH
    sign = "+" if value > 0 else "−" if round(value) < 0 else ""
    return f"{sign}{number(abs(value), unit)}"
