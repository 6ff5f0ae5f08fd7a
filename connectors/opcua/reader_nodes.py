"""Tags as nodes of an OPC UA server: their addresses, and how each is to be monitored."""

from __future__ import annotations

from collections.abc import Sequence

from asyncua import ua
from asyncua.common.node import Node
from asyncua.ua.uaerrors import UaError

from connectors.opcua.session_items import Wish
from plant.sources.live import OpcUaSource
from plant.sources.tags import Tag
from plant.units import duration

ALWAYS = frozenset({"state", "good_count", "scrap_count", "rework_count", "alarm"})
"""Roles whose every change is wanted, whatever the dead-band."""


def wish_of(node: Node, source: OpcUaSource, tag: Tag) -> Wish:
    """How the node of a tag is monitored: the tag's own settings, else the source's."""
    dead = (0.0, 0.0) if tag.role in ALWAYS else (tag.deadband, tag.deadband_percent)
    sampling_ms = duration(tag.sampling or source.sampling).total_seconds() * 1000
    return Wish(node, sampling_ms, tag.queue or source.queue, *dead)


def nodes_of(tags: Sequence[tuple[str, Tag]]) -> tuple[dict[ua.NodeId, str], dict[str, str]]:
    """Tag id by node id, and what is wrong with addresses that are none."""
    nodes: dict[ua.NodeId, str] = {}
    bad: dict[str, str] = {}
    for tag, definition in tags:
        try:
            node = ua.NodeId.from_string(definition.address)
        except (UaError, ValueError) as error:
            bad[tag] = f"address {definition.address!r} is no node id such as 'ns=2;s=name' ({error})"
        else:
            nodes[node] = tag
    return nodes, bad
