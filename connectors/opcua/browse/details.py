"""What is to be known of each variable: data type, rank, access, value, unit, range, words of its codes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from asyncua import Client, ua

from connectors.opcua.browse.units import unit_of
from connectors.opcua.browse.walk import Limits, Walk, browse, read

_A = ua.AttributeIds
ATTRIBUTES = (_A.DataType, _A.ValueRank, _A.UserAccessLevel, _A.Value)
TYPES = {
    ua.VariantType.Boolean: "bool", ua.VariantType.SByte: "int16", ua.VariantType.Byte: "uint16",
    ua.VariantType.Int16: "int16", ua.VariantType.UInt16: "uint16", ua.VariantType.Int32: "int32",
    ua.VariantType.UInt32: "uint32", ua.VariantType.Int64: "int64", ua.VariantType.UInt64: "uint64",
    ua.VariantType.Float: "float32", ua.VariantType.Double: "float64", ua.VariantType.String: "string",
    ua.VariantType.LocalizedText: "string",
}  # fmt: skip
"""What a value comes as -> `type` of a tag."""
SUPERTYPES = 6
"""How many steps up from a type are looked at for a companion specification."""


@dataclass
class Variable:
    """A variable that may become a tag, or the reason why it does not.

    `type` is that of a tag; `codes` are the words of an enumeration by code.
    """

    at: int
    type: str = ""
    value: Any = None
    unit: str | None = None
    unit_said: str = ""
    range: tuple[float, float] | None = None
    codes: dict[int, str] = field(default_factory=dict)
    refused: str = ""


async def variables(client: Client, found: Walk, limits: Limits) -> list[Variable]:
    """The variables of a walk with their details; properties (units, ranges) are read into their owners."""
    places = [i for i, s in enumerate(found.spots) if s.variable and (not s.property or _is_number(found, i))]
    wanted = [(found.spots[i].nodeid, a) for i in places for a in ATTRIBUTES]
    values = await read(client, wanted, limits.per_read)
    listed = [_variable(at, values[4 * n : 4 * n + 4]) for n, at in enumerate(places)]
    await _properties(client, found, {v.at: v for v in listed}, limits)
    await _enumerations(client, listed, dict(zip(places, values[::4], strict=True)), limits)
    return listed


def _is_number(found: Walk, at: int) -> bool:
    """Whether a property is the number of a state machine's state, which no language changes."""
    spot = found.spots[at]
    return spot.name == "Number" and spot.parent is not None and found.spots[spot.parent].name == "CurrentState"


def _variable(at: int, answers: list[ua.DataValue]) -> Variable:
    data_type, rank, access, value = answers
    made = Variable(at)
    if not value.StatusCode.is_good() and value.StatusCode.name != "BadWaitingForInitialData":
        made.refused = f"its value cannot be read ({value.StatusCode.name})"
    elif isinstance(_of(access), int) and not _of(access) & 1:
        made.refused = "this user may not read it (UserAccessLevel)"
    elif isinstance(_of(rank), int) and _of(rank) not in (-1, -3, -2):
        made.refused = "it is an array: a tag is one value"
    elif value.Value is not None and value.Value.is_array:
        made.refused = "it holds an array: a tag is one value"
    else:
        kind = value.Value.VariantType if value.Value is not None else ua.VariantType.Null
        made.type = TYPES.get(kind) or _declared(_of(data_type)) if kind == ua.VariantType.Null else TYPES.get(kind, "")
        made.value = _of(value)
        if not made.type:
            made.refused = f"its values are of type {getattr(kind, 'name', kind)}: not a number, boolean or text"
    return made


def _declared(data_type: Any) -> str:
    """The tag type of a standard data type; Enumeration (29) counts as its Int32. Empty for others."""
    if not isinstance(data_type, ua.NodeId) or data_type.NamespaceIndex != 0:
        return ""
    if data_type.Identifier == ua.ObjectIds.Enumeration:
        return "int32"
    return {kind.value: name for kind, name in TYPES.items()}.get(data_type.Identifier, "")


def _of(value: ua.DataValue) -> Any:
    return value.Value.Value if value.StatusCode.is_good() and value.Value is not None else None


async def _properties(client: Client, found: Walk, by_place: dict[int, Variable], limits: Limits) -> None:
    names = {"EngineeringUnits", "EURange", "EnumStrings", "EnumValues", "TrueState", "FalseState"}
    props = [(i, s) for i, s in enumerate(found.spots) if s.property and s.name in names and s.parent in by_place]
    values = await read(client, [(s.nodeid, _A.Value) for _, s in props], limits.per_read)
    for (_, spot), answer in zip(props, values, strict=True):
        owner, value = by_place[spot.parent if spot.parent is not None else -1], _of(answer)
        if spot.name == "EngineeringUnits" and value is not None:
            owner.unit, owner.unit_said = unit_of(value)
        elif spot.name == "EURange" and value is not None and value.Low < value.High:
            owner.range = (float(value.Low), float(value.High))
        elif spot.name in ("EnumStrings", "EnumValues"):
            owner.codes = _codes(value)


def _codes(value: Any) -> dict[int, str]:
    """Words by code of EnumStrings (texts from 0 on) or EnumValues (pairs)."""
    codes = {}
    for number, item in enumerate(value or []):
        name = getattr(item, "DisplayName", item)
        text = getattr(name, "Text", name)
        if isinstance(text, str) and text:
            codes[int(getattr(item, "Value", number))] = text
    return codes


async def _enumerations(client: Client, listed: list[Variable], types: dict[int, ua.DataValue], limits: Limits) -> None:
    """Words of the codes of variables whose data type is an enumeration of its own."""
    wanted: dict[ua.NodeId, list[Variable]] = {}
    for variable in listed:
        data_type = _of(types[variable.at])
        if isinstance(data_type, ua.NodeId) and data_type.NamespaceIndex and variable.type == "int32":
            wanted.setdefault(data_type, []).append(variable)
    answers = await browse(client, list(wanted), limits.per_browse)
    found = [
        (data_type, ua.NodeId(r.NodeId.Identifier, r.NodeId.NamespaceIndex))
        for data_type, (references, _) in zip(wanted, answers, strict=True)
        for r in references
        if r.BrowseName.Name in ("EnumStrings", "EnumValues")
    ]
    values = await read(client, [(nodeid, _A.Value) for _, nodeid in found], limits.per_read)
    for (data_type, _), answer in zip(found, values, strict=True):
        for variable in wanted[data_type]:
            variable.codes = variable.codes or _codes(_of(answer))


async def type_names(client: Client, found: Walk, limits: Limits) -> dict[ua.NodeId, tuple[str, ...]]:
    """Browse names of each object's type and of its supertypes, nearest first, without those of namespace 0."""
    above: dict[ua.NodeId, ua.NodeId | None] = {}
    level = list({s.type for s in found.spots if s.type is not None and s.type.NamespaceIndex})
    names = await _names(client, level, limits)
    for _ in range(SUPERTYPES):
        answers = await browse(client, level, limits.per_browse, inverse_subtypes=True)
        below, level = level, []
        for nodeid, (references, _) in zip(below, answers, strict=True):
            upper = references[0] if references else None
            parent = ua.NodeId(upper.NodeId.Identifier, upper.NodeId.NamespaceIndex) if upper is not None else None
            above[nodeid] = parent
            if upper is not None and parent is not None and parent.NamespaceIndex and parent not in names:
                names[parent] = upper.BrowseName.Name
                level.append(parent)
        if not level:
            break
    return {nodeid: _chain(nodeid, above, names) for nodeid in names}


async def _names(client: Client, nodes: list[ua.NodeId], limits: Limits) -> dict[ua.NodeId, str]:
    values = await read(client, [(n, _A.BrowseName) for n in nodes], limits.per_read)
    return {n: getattr(_of(v), "Name", None) or "" for n, v in zip(nodes, values, strict=True)}


def _chain(
    nodeid: ua.NodeId | None, above: dict[ua.NodeId, ua.NodeId | None], names: dict[ua.NodeId, str]
) -> tuple[str, ...]:
    chain: list[str] = []
    while nodeid is not None and nodeid in names and len(chain) <= SUPERTYPES:
        chain.append(names[nodeid])
        nodeid = above.get(nodeid)
    return tuple(chain)
