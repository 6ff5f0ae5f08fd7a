"""Plain MQTT: paths, time stamps and qualities of messages; what is malformed."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime

import polars as pl
import pytest

from connectors.mqtt.asides import KEPT, Asides
from connectors.mqtt.link import Message
from connectors.mqtt.mapping import BAD, LAST_USABLE, REMEMBERED, UNCERTAIN, Mapping
from plant.sources.live import MqttSource
from plant.sources.tags import Tag
from plant.sources.topics import Path, PathError, path_of, topic_of
from plant.states import BAD_NO_COMMUNICATION

NOW = 1_700_000_000_000_000
AT = "2026-11-22T10:00:00.5+01:00"
AT_US = int(datetime.fromisoformat(AT).timestamp() * 1e6)


def mapping(tags, **settings) -> Mapping:
    source = MqttSource(kind="mqtt", name="uns", host="127.0.0.1", **settings)
    made = {
        name: Tag(name="t", role="other", source="uns", address=address, type=kind)
        for name, (address, kind) in tags.items()
    }
    return Mapping(source, list(made.items()))


def message(content, topic="p/l", **more) -> Message:
    payload = content if isinstance(content, bytes) else json.dumps(content).encode()
    return Message(topic, payload, 1, 1, NOW, **more)


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("$.data.temp", Path(("data", "temp"))),
        ("$", Path(())),
        ("$.v[0].x", Path(("v", 0, "x"))),
        ("$['odd name'].x", Path(("odd name", "x"))),
        ("$.s[*].x", Path(("s",), ("x",))),
        ("$[*]", Path((), ())),
    ],
)
def test_paths(text, path):
    assert path_of(text) == path


@pytest.mark.parametrize("text", ["temp", "$.", "$..x", "$.x[", "$.x[*][*]", "$.x[-1]", "", "$x"])
def test_what_is_no_path_says_what_is(text):
    with pytest.raises(PathError, match=r"a path from \$"):
        path_of(text)


@pytest.mark.parametrize("address", ["", "#$.x", "a/b+/c#$.x", "+", "+/+#$.x", "a/\0"])
def test_what_is_no_topic_says_what_is(address):
    with pytest.raises(PathError, match=r"a topic \(a level of it may be \+"):
        topic_of(address)


def test_one_message_with_several_values():
    tags = {
        "temp": ("p/l#$.data.temp", "float64"), "on": ("p/l#$.data.on", "bool"), "mode": ("p/l#$.mode", "string"),
        "null": ("p/l#$.nothing", "float64"), "away": ("p/l#$.not.there", "float64"), "other": ("p/x#$.a", "float64"),
    }  # fmt: skip
    mapped = mapping(tags, timestamp="$.ts")
    content = {"ts": AT, "data": {"temp": 21, "on": True}, "mode": "RUN", "nothing": None}
    assert mapped.take(message(content)).rows == [
        (AT_US, "temp", 21.0, None, 0), (AT_US, "on", 1.0, None, 0), (AT_US, "mode", None, "RUN", 0),
        (AT_US, "null", None, None, BAD_NO_COMMUNICATION),
    ]  # fmt: skip
    assert mapped.met == {"temp", "on", "mode", "null"}
    assert sorted(mapped.topics) == ["p/l", "p/x"]


def test_arrays_of_samples_each_with_its_time():
    mapped = mapping({"v": ("p/l#$.s[*].v", "float64"), "w": ("p/l#$.s[*].w", "float64")},
                     timestamp="$.s[*].t", timestamp_format="ms")  # fmt: skip
    content = {"s": [{"t": 1000, "v": 1}, {"t": 2000, "v": 2, "w": 5}, {"v": 3}]}
    taken = mapped.take(message(content))
    assert [row[:3] for row in taken.rows] == [(1_000_000, "v", 1.0), (2_000_000, "v", 2.0), (2_000_000, "w", 5.0)]
    assert [reason for reason, _ in taken.problems] == ["bad_timestamp"]


@pytest.mark.parametrize(
    ("payload", "kind", "read"),
    [
        (b"23.5", "float64", (23.5, None)),
        (b" 7 ", "int32", (7.0, None)),
        (b"true", "bool", (1.0, None)),
        (b"RUNNING", "string", (None, "RUNNING")),
        (b'"RUNNING"', "string", (None, "RUNNING")),
    ],
)
def test_bare_payloads(payload, kind, read):
    (row,) = mapping({"v": ("p/l", kind)}).take(message(payload)).rows
    assert row[2:4] == read


@pytest.mark.parametrize(
    ("style", "found", "us"),
    [
        ("iso", "2026-01-02T03:04:05Z", 1767323045000000), ("iso", "2026-01-02T04:04:05.000001", 1767323045000001),
        ("s", 1700000000.25, 1700000000250000), ("s", 1700000000, 1700000000000000), ("s", "1700000000", NOW),
        ("ms", 1700000000123, 1700000000123000), ("us", 1700000000123456, 1700000000123456),
        ("ns", 1700000000123456789, 1700000000123456),
    ],
)  # fmt: skip
def test_time_stamps(style, found, us):
    mapped = mapping({"v": ("p/l#$.v", "float64")}, timestamp="$.t", timestamp_format=style, timezone="Europe/Berlin")
    assert mapped.take(message({"t": found, "v": 1})).rows[0][0] == us


@pytest.mark.parametrize(
    ("style", "found"),
    [("iso", "yesterday"), ("iso", 5), ("ms", "x"), ("ms", True), ("ms", [1]), ("s", 1e300), ("s", float("nan")),
     ("s", 1700000000123), ("ms", -1)],
)  # fmt: skip
def test_time_stamps_that_cannot_be_read(style, found):
    mapped = mapping({"v": ("p/l#$.v", "float64")}, timestamp="$.t", timestamp_format=style)
    taken = mapped.take(message({"t": found, "v": 1}))
    assert (taken.rows, [reason for reason, _ in taken.problems]) == ([], ["bad_timestamp"])
    assert "tag v: time stamp" in taken.problems[0][1]


def test_qualities():
    mapped = mapping({"v": ("p/l#$.v", "float64")}, quality="$.q", quality_good=["GOOD", 192])
    given = [{"v": 1, "q": "GOOD"}, {"v": 1, "q": 192}, {"v": 1, "q": "BAD"}, {"v": 1, "q": True}, {"v": 1}]
    found = [mapped.take(message(content)).rows[0] for content in given]
    assert [row[4] for row in found] == [0, 0, BAD, BAD, UNCERTAIN]
    assert {row[2] for row in found} == {1.0}


def test_a_retained_message_is_no_fresh_reading():
    stamped = mapping({"v": ("p/l#$.v", "float64")}, timestamp="$.t")
    assert stamped.take(message({"t": AT, "v": 1}, retain=True)).rows == [(AT_US, "v", 1.0, None, 0)]
    unstamped = mapping({"v": ("p/l#$.v", "float64")})
    assert unstamped.take(message({"v": 1}, retain=True)).rows == [(NOW, "v", 1.0, None, LAST_USABLE)]
    assert unstamped.take(message({"v": 1})).rows == [(NOW, "v", 1.0, None, 0)]


@pytest.mark.parametrize(
    ("payload", "reason", "found"),
    [
        (b"{", "bad_payload", "valid is JSON in UTF-8"),
        (b"", "bad_payload", "valid is JSON"),
        (b"\xff\xfe\x00", "bad_payload", "valid is JSON in UTF-8"),
        (b"[" * 200_000, "bad_payload", "valid is JSON"),
        (b'{"v": ' + b"9" * 10_000 + b"}", "bad_payload", "valid is JSON"),
        (b'{"v": 1' + b"0" * 400 + b"}", "wrong_type", "int too large"),
        (b'{"v": "hot"}', "wrong_type", "tag v: found text 'hot'; valid is a number"),
        (b'{"v": {"a": 1}}', "wrong_type", "found object"),
        (b'{"v": [1, 2]}', "wrong_type", "found array"),
        (b'{"v": 1, "x": "' + b"y" * 1_100_000 + b'"}', "payload_too_large", "at most 1048576 are read"),
    ],
)
def test_malformed_messages(payload, reason, found):
    taken = mapping({"v": ("p/l#$.v", "float64")}).take(message(payload))
    assert (taken.rows, [told for told, _ in taken.problems]) == ([], [reason])
    assert found in taken.problems[0][1]


def test_nan_is_a_number_for_the_screen_to_report():
    (row,) = mapping({"v": ("p/l#$.v", "float64")}).take(message(b'{"v": NaN}')).rows
    assert row[2] != row[2]


def test_a_number_where_text_is_wanted():
    taken = mapping({"v": ("p/l#$.v", "string")}).take(message({"v": 3}))
    assert taken.problems[0] == ("wrong_type", "tag v: found number '3'; valid is a text, since its type is \"string\"")


def test_topics_nobody_maps_mean_nothing():
    mapped = mapping({"v": ("p/l#$.v", "float64")})
    for topic in ("p/x", "", "p/l/", "P/L", "$SYS/broker", "p/\x00l", "spBv1.0/STATE/x", "a" * 60_000):
        taken = mapped.take(message({"v": 1}, topic=topic))
        assert (taken.rows, taken.problems) == ([], [])


def test_a_level_may_stand_for_any_one():
    mapped = mapping(
        {"a": ("p/+/press/l#$.v", "float64"), "b": ("p/x/press/l#$.w", "float64"), "c": ("+/m", "float64")}
    )
    assert sorted(mapped.topics) == ["+/m", "p/+/press/l"]  # a broker sends what two filters match twice
    for topic, tags in (
        ("p/x/press/l", ["b", "a"]), ("p/y/press/l", ["a"]), ("p//press/l", ["a"]), ("q/m", ["c"]),
        ("p/x/y/press/l", []), ("p/press/l", []), ("p/x/press/l/", []), ("P/x/press/l", []), ("$SYS/m", []),
    ):  # fmt: skip
        assert mapped.tags_of(topic) == tags
        taken = mapped.take(message({"v": 1, "w": 2} if topic.endswith("l") else 3, topic=topic))
        assert [row[1] for row in taken.rows] == tags, topic


def test_ever_new_topics_make_no_tags_and_are_not_remembered_for_ever():
    mapped = mapping({"a": ("p/+/l#$.v", "float64")})
    for n in range(REMEMBERED + 10):
        found = mapped.take(message({"v": n}, topic=f"p/invented-{n}/x"))
        assert found.rows == []
    assert len(mapped._found) <= REMEMBERED
    (row,) = mapped.take(message({"v": 7}, topic="p/+/l")).rows  # no topic of MQTT, but text like any other
    assert row[1:3] == ("a", 7.0)


def test_a_flood_of_malformed_messages_is_few_rows():
    frames: list[pl.DataFrame] = []
    asides = Asides("uns", frames.append)
    for n in range(500):
        asides.add("bad_payload", "no JSON", Message("p/l", b"x" * 100_000, n, 1, NOW + n))
    asides.add("bad_payload", "no JSON", Message("p/l", b"x", 1, 1, NOW + 61_000_000))
    rows = pl.concat(frames)
    assert rows.height == KEPT + 2
    assert rows["message"].str.contains("400 more messages within a minute").sum() == 1
    kept = json.loads(rows["payload"][0])
    assert (kept["bytes"], len(base64.b64decode(kept["payload"]))) == (100_000, 65_536)
    assert rows["quarantined_at"].max() <= datetime.now(UTC)
