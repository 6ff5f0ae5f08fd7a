"""HistoryRead: what a server recorded while we did not listen.

Raw history only, forward in time, continuation points followed. Most PLCs have none: that is a
normal answer here, not an error. A call is kept small, because its decoding keeps live values waiting.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from asyncua import ua
from asyncua.client.ua_session import UaSession

from connectors.opcua.wire.columns import Columns, of_rows, of_value

logger = logging.getLogger(__name__)

NODES_PER_CALL = 20
VALUES_PER_NODE = 250
"""With `NODES_PER_CALL` 5,000 values at most in an answer: about 0.1 s of decoding."""
SPAN = timedelta(minutes=5)
_NO_HISTORY = (
    ua.StatusCodes.BadHistoryOperationUnsupported, ua.StatusCodes.BadHistoryOperationInvalid,
    ua.StatusCodes.BadServiceUnsupported, ua.StatusCodes.BadNotReadable, ua.StatusCodes.BadUserAccessDenied,
    ua.StatusCodes.BadNotSupported, ua.StatusCodes.BadNotImplemented,
)  # fmt: skip
_LATER = (ua.StatusCodes.BadNoContinuationPoints, ua.StatusCodes.BadTooManyOperations)
"""Of a node: asked again, with fewer others."""
_MOST_OF_AN_INSTANT = 64 * VALUES_PER_NODE
"""Values asked of a node at most, where one instant has more than `VALUES_PER_NODE` of them."""


class HistoryUnavailableError(Exception):
    """The server has no historical access for us."""


@dataclass(frozen=True)
class Wanted:
    """What is asked of a node: values with source times from `start` to `end`, both included."""

    node: ua.NodeId
    start: datetime
    end: datetime


@dataclass
class Page:
    """One answer: values of some nodes, those that end with it, and those that have no history (handles)."""

    columns: Columns
    ended: set[int] = field(default_factory=set)
    lacking: set[int] = field(default_factory=set)


@dataclass(frozen=True)
class _Ask:
    """`met` is the newest time answered under a continuation point, `most` the values asked for."""

    handle: int
    wanted: Wanted
    start: datetime
    point: bytes | None = None
    met: datetime | None = None
    most: int = VALUES_PER_NODE


async def read_history(
    session: UaSession, wanted: Mapping[int, Wanted], per_call: int = NODES_PER_CALL
) -> AsyncIterator[Page]:
    """Yield history page by page, ascending in time within a node; a node is read to its end before the next ones.

    Args:
        session: an activated session.
        wanted: by handle.
        per_call: most nodes the server takes in one call.

    Raises:
        HistoryUnavailableError: the service, or every node asked for, has no history.
    """
    todo = sorted((_Ask(handle, one, one.start) for handle, one in wanted.items()), key=lambda ask: ask.start)
    most, answered = max(1, min(per_call, NODES_PER_CALL)), not todo
    while todo:
        size = _batch_size(todo, most)
        batch, todo = todo[:size], todo[size:]
        page, again, crowded = _page(batch, await _call(session, batch), last=most == 1)
        most = max(1, most // 2) if crowded else most
        todo = again + todo  # a server keeps few continuation points: those it gave are used first
        answered = answered or bool(page.ended) or len(page.columns) > 0
        yield page
    if not answered:
        raise HistoryUnavailableError("no node has history")


def _page(batch: list[_Ask], results: list[ua.HistoryReadResult], *, last: bool) -> tuple[Page, list[_Ask], bool]:
    """A page, what to ask next, and whether the server found the call too large (`last`: it cannot be smaller)."""
    rows, again, crowded = [], [], False
    page = Page(of_rows([]))
    for ask, result in zip(batch, results, strict=True):
        if result.StatusCode.value in _LATER and not last:
            again.append(ask)
            crowded = True
        elif result.StatusCode.value == ua.StatusCodes.BadContinuationPointInvalid and ask.point:
            again.append(replace(ask, point=None, start=max(ask.start, ask.met or ask.start), met=None))
        elif not result.StatusCode.is_good():
            logger.debug("no history of %s: %s", ask.wanted.node.to_string(), result.StatusCode.name)
            page.lacking.add(ask.handle)
        else:
            values = getattr(result.HistoryData, "DataValues", None) or []
            rows += [of_value(ask.handle, v) for v in values if _within(v, ask)]
            more = _again(ask, result, [at for v in values if (at := _at(v))], _start(batch))
            again += [more] if more else []
            page.ended |= set() if more else {ask.handle}
    page.columns = of_rows(rows)
    return page, again, crowded


def _within(value: ua.DataValue, ask: _Ask) -> bool:
    at = _at(value)
    return at is not None and ask.start <= at <= ask.wanted.end


def _at(value: ua.DataValue) -> datetime | None:
    """The source time; the server's where there is none, as of live values."""
    at = value.SourceTimestamp or value.ServerTimestamp
    return at if at is None or at.tzinfo else at.replace(tzinfo=UTC)


def _start(batch: list[_Ask]) -> datetime:
    return min(ask.start for ask in batch)


def _batch_size(todo: list[_Ask], most: int) -> int:
    """Nodes of one call share one start time: only those that start close to the first go with it."""
    for at, ask in enumerate(todo[:most]):
        if abs(ask.start - todo[0].start) > SPAN:
            return at
    return min(len(todo), most)


def _again(ask: _Ask, result: ua.HistoryReadResult, times: list[datetime], start: datetime) -> _Ask | None:
    """What to ask next for a node whose call asked from `start` on; None at its end.

    A full answer without continuation point may be cut (asyncua's own server does that): ask on from
    its last time stamp. One that is not behind the start of this node says nothing yet: other nodes of the call
    start earlier. One of a single instant is asked for more.
    """
    last = max(times, default=None)
    if result.ContinuationPoint:
        met = max(filter(None, (last, ask.met)), default=None)
        return replace(ask, point=result.ContinuationPoint, met=met)
    if last is None or len(times) < ask.most or not start <= last <= ask.wanted.end:
        return None
    if last == start:
        more = ask.most * 4
        return replace(ask, point=None, most=more) if more <= _MOST_OF_AN_INSTANT else _behind(ask, last)
    return replace(ask, start=max(ask.start, last), point=None, most=VALUES_PER_NODE)


def _behind(ask: _Ask, last: datetime) -> _Ask:
    logger.warning("node %s: more than %d values at %s, the rest of that instant is not read back",
                   ask.wanted.node.to_string(), ask.most, last.isoformat())  # fmt: skip
    return replace(ask, start=last + timedelta(microseconds=1), point=None, most=VALUES_PER_NODE)


async def _call(session: UaSession, batch: list[_Ask]) -> list[ua.HistoryReadResult]:
    details = ua.ReadRawModifiedDetails()
    details.IsReadModified = False
    details.StartTime = _start(batch)
    details.EndTime = max(ask.wanted.end for ask in batch) + timedelta(seconds=1)  # itself left out by the standard
    details.NumValuesPerNode = max(ask.most for ask in batch)
    details.ReturnBounds = False
    params = ua.HistoryReadParameters()
    params.HistoryReadDetails = details
    params.TimestampsToReturn = ua.TimestampsToReturn.Both
    params.ReleaseContinuationPoints = False  # asyncua's default True makes other servers refuse the point
    params.NodesToRead = [_request_of(ask) for ask in batch]
    try:
        return list(await session.history_read(params))
    except ua.uaerrors.UaStatusCodeError as error:
        if error.code in _NO_HISTORY:
            raise HistoryUnavailableError(str(error)) from error
        raise


def _request_of(ask: _Ask) -> ua.HistoryReadValueId:
    request = ua.HistoryReadValueId()
    request.NodeId = ask.wanted.node
    request.ContinuationPoint = ask.point
    return request


async def read_current(session: UaSession, nodes: Mapping[int, ua.NodeId], per_call: int = 500) -> Columns:
    """What the nodes show now, by client handle; a node that cannot be read has its bad status."""
    rows, handles = [], list(nodes)
    for at in range(0, len(handles), per_call):
        part = handles[at : at + per_call]
        params = ua.ReadParameters()
        params.TimestampsToReturn = ua.TimestampsToReturn.Both
        params.NodesToRead = [ua.ReadValueId(nodes[h], ua.AttributeIds.Value) for h in part]
        rows += [of_value(h, v) for h, v in zip(part, await session.read(params), strict=True)]
    return of_rows(rows)
