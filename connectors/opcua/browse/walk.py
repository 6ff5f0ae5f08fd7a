"""Walk an address space in bounded batches: objects and variables, each once, with continuation points.

Breadth first from one node. Limits on nodes and depth end it early and are told; a node the server does
not let us browse costs its own children only.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from asyncua import Client, ua

MAX_NODES = 50_000
MAX_DEPTH = 20
PER_BROWSE = 100
PER_READ = 500
REFERENCES = 1_000
"""References of a node asked for at once; the rest comes by continuation points."""
NOT_PLANT = {ua.ObjectIds.Server, ua.ObjectIds.Aliases, ua.ObjectIds.Locations}
"""Standard objects below Objects that hold nothing of the plant."""
TOO_MUCH = {
    ua.StatusCodes.BadTooManyOperations, ua.StatusCodes.BadEncodingLimitsExceeded, ua.StatusCodes.BadResponseTooLarge,
    ua.StatusCodes.BadRequestTooLarge,
}  # fmt: skip


@dataclass
class Spot:
    """A node where the walk found it first. `parent` is its place in `Walk.spots`, None for a child of the start."""

    nodeid: ua.NodeId
    name: str
    namespace: int
    variable: bool
    property: bool
    type: ua.NodeId | None
    parent: int | None
    depth: int


@dataclass
class Walk:
    """What was found, and what was not looked at and why."""

    spots: list[Spot] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def path(self, at: int | None) -> list[str]:
        """Names from the start to a spot."""
        names: list[str] = []
        while at is not None:
            names.append(self.spots[at].name)
            at = self.spots[at].parent
        return names[::-1]


@dataclass(frozen=True)
class Limits:
    """Bounds of a walk, and of each call (the server's own limits make these smaller)."""

    nodes: int = MAX_NODES
    depth: int = MAX_DEPTH
    per_browse: int = PER_BROWSE
    per_read: int = PER_READ


async def limits_of(client: Client, wanted: Limits) -> Limits:
    """`wanted` within the OperationLimits the server states; 0 and missing mean it states none."""
    ids = (ua.ObjectIds.Server_ServerCapabilities_OperationLimits_MaxNodesPerBrowse,
           ua.ObjectIds.Server_ServerCapabilities_OperationLimits_MaxNodesPerRead)  # fmt: skip
    values = await read(client, [(ua.NodeId(i), ua.AttributeIds.Value) for i in ids], 10)
    stated = [v.Value.Value if v.Value is not None and isinstance(v.Value.Value, int) else 0 for v in values]
    own = (wanted.per_browse, wanted.per_read)
    per_browse, per_read = (min(o, s) if s else o for o, s in zip(own, stated, strict=True))
    return Limits(wanted.nodes, wanted.depth, per_browse, per_read)


async def walk(client: Client, start: ua.NodeId, limits: Limits, progress: Callable[[int], None]) -> Walk:
    """Every object and variable below `start`; `progress` is called with the count after each batch."""
    found, seen = Walk(), {start}
    level: list[int | None] = [None]
    for depth in range(1, limits.depth + 1):
        below: list[int | None] = []
        for at in range(0, len(level), limits.per_browse):
            batch = level[at : at + limits.per_browse]
            asked = [start if i is None else found.spots[i].nodeid for i in batch]
            for parent, (references, why) in zip(batch, await browse(client, asked, limits.per_browse), strict=True):
                if why:
                    found.notes.append(f"{'/'.join(found.path(parent)) or 'the start'}: cannot be browsed ({why})")
                below += _new(found, seen, references, parent, depth, limits.nodes)
            progress(len(found.spots))
            if len(found.spots) >= limits.nodes:
                found.notes.append(f"stopped at the limit of {limits.nodes:,} nodes (--max-nodes); the rest is unseen")
                return found
        level = below
        if not level:
            return found
    found.notes.append(f"stopped at depth {limits.depth} (--max-depth): what lies below was not seen")
    return found


def _new(
    found: Walk, seen: set[ua.NodeId], references: Iterable[Any], parent: int | None, depth: int, limit: int
) -> list[int | None]:
    """Add the references not seen before; returns their places."""
    places: list[int | None] = []
    for reference in references:
        nodeid = ua.NodeId(reference.NodeId.Identifier, reference.NodeId.NamespaceIndex, reference.NodeId.NodeIdType)
        ours = nodeid.NamespaceIndex != 0 or nodeid.Identifier not in NOT_PLANT
        if nodeid in seen or not ours or len(found.spots) >= limit or getattr(reference.NodeId, "ServerIndex", 0):
            continue
        seen.add(nodeid)
        places.append(len(found.spots))
        found.spots.append(_spot(nodeid, reference, parent, depth))
    return places


def _spot(nodeid: ua.NodeId, reference: Any, parent: int | None, depth: int) -> Spot:
    name, kind = reference.BrowseName, reference.TypeDefinition
    return Spot(
        nodeid=nodeid,
        name=name.Name or nodeid.to_string(),
        namespace=name.NamespaceIndex,
        variable=reference.NodeClass == ua.NodeClass.Variable,
        property=reference.ReferenceTypeId == ua.NodeId(ua.ObjectIds.HasProperty),
        type=ua.NodeId(kind.Identifier, kind.NamespaceIndex) if kind is not None else None,
        parent=parent,
        depth=depth,
    )


async def browse(
    client: Client, nodes: list[ua.NodeId], per_call: int, *, inverse_subtypes: bool = False
) -> list[tuple[list[Any], str]]:
    """References of each node and, where the server refused, its status name; continuation points followed.

    `inverse_subtypes` asks for supertypes instead of hierarchical children.
    """
    answers: list[tuple[list[Any], str]] = []
    for at in range(0, len(nodes), per_call):
        batch = nodes[at : at + per_call]
        wanted = [_description(n, inverse_subtypes=inverse_subtypes) for n in batch]
        results = await _halving(wanted, lambda part: client.uaclient.browse(_parameters(part)))
        got = [await _all_of(client, result) for result in results]
        for place, description in enumerate(wanted):
            if got[place][1] == "BadNoContinuationPoints":  # now that the others' are given back there is one
                got[place] = await _all_of(client, *await client.uaclient.browse(_parameters([description])))
        answers += got
    return answers


async def _all_of(client: Client, result: Any) -> tuple[list[Any], str]:
    if not result.StatusCode.is_good():
        return [], result.StatusCode.name
    references = list(result.References or [])
    while result.ContinuationPoint:
        parameters = ua.BrowseNextParameters()
        parameters.ReleaseContinuationPoints = False  # asyncua's default True gives the rest up
        parameters.ContinuationPoints = [result.ContinuationPoint]
        (result,) = await client.uaclient.browse_next(parameters)
        if not result.StatusCode.is_good():
            return references, f"only in part, {result.StatusCode.name}"
        references += result.References or []
    return references, ""


def _description(node: ua.NodeId, *, inverse_subtypes: bool) -> ua.BrowseDescription:
    wanted = ua.BrowseDescription()
    wanted.NodeId = node
    wanted.IncludeSubtypes = True
    wanted.ResultMask = ua.BrowseResultMask.All
    wanted.BrowseDirection = ua.BrowseDirection.Inverse if inverse_subtypes else ua.BrowseDirection.Forward
    kind = ua.ObjectIds.HasSubtype if inverse_subtypes else ua.ObjectIds.HierarchicalReferences
    wanted.ReferenceTypeId = ua.NodeId(kind)
    wanted.NodeClassMask = 0 if inverse_subtypes else ua.NodeClass.Object | ua.NodeClass.Variable
    return wanted


def _parameters(wanted: list[ua.BrowseDescription]) -> ua.BrowseParameters:
    parameters = ua.BrowseParameters()
    parameters.RequestedMaxReferencesPerNode = REFERENCES
    parameters.NodesToBrowse = wanted
    return parameters


async def read(client: Client, wanted: list[tuple[ua.NodeId, int]], per_call: int) -> list[ua.DataValue]:
    """One attribute of each node, in batches; a bad one has its status and spoils no other."""
    values: list[ua.DataValue] = []
    for at in range(0, len(wanted), per_call):
        items = []
        for nodeid, attribute in wanted[at : at + per_call]:
            item = ua.ReadValueId()
            item.NodeId, item.AttributeId = nodeid, attribute
            items.append(item)
        values += await _halving(items, lambda part: client.uaclient.read(_reading(part)))
    return values


def _reading(items: list[ua.ReadValueId]) -> ua.ReadParameters:
    parameters = ua.ReadParameters()
    parameters.NodesToRead = items
    return parameters


async def _halving(items: list[Any], call: Callable[[list[Any]], Awaitable[list[Any]]]) -> list[Any]:
    """The answers of `call`; when the server finds it too much, of its halves."""
    if not items:
        return []
    try:
        return list(await call(items))
    except ua.uaerrors.UaStatusCodeError as error:
        if error.code not in TOO_MUCH or len(items) == 1:
            raise
    half = len(items) // 2
    return [*await _halving(items[:half], call), *await _halving(items[half:], call)]
