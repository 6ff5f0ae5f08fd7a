"""Register maps: what a CSV says becomes tags; what is wrong is told with file and line, all at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from plant.config import Plant, load
from plant.errors import ConfigError

TOML = """
schema = 1
[plant]
name = "mill"
[[site]]
name = "s"
timezone = "UTC"
[[area]]
name = "a"
site = "s"
[[line]]
name = "l"
area = "a"
[states.codes]
0 = "off"
1 = "producing"
[[source]]
name = "plc"
kind = "modbus"
host = "192.0.2.1"
map = "press.csv"
[[machine]]
name = "press-1"
line = "l"
kind = "press"
tags = [{ name = "state", role = "state", source = "plc", address = "holding:0", type = "uint16", states = "codes" }]
[[machine]]
name = "press-2"
line = "l"
kind = "press"
"""
HEAD = "machine,tag,table,address,type,order,scale,offset,bit,unit\n"


def plant_with(folder: Path, csv: str, edit=lambda text: text) -> Plant:
    (folder / "press.csv").write_text(csv)
    (folder / "plant.toml").write_text(edit(TOML))
    return load(folder / "plant.toml")


def tags_of(plant: Plant) -> dict:
    return {f"{machine.name}.{tag.name}": tag for machine, tag in plant.tags("plc")}


def problems(folder: Path, csv: str, edit=lambda text: text) -> list[tuple[str, str, str]]:
    with pytest.raises(ConfigError) as caught:
        plant_with(folder, csv, edit)
    return [(Path(p.file).name, p.key, p.found) for p in caught.value.problems]


def test_rows_become_tags(tmp_path):
    csv = "# the press of hall 2\n" + HEAD + "press-1,temp,input,20,float32,CDAB,,,,degC\n\n"
    csv += "press-2,level,holding,7,int16,,0.1,-5,,mm\npress-2,door,holding,100,bool,,,,3,\n"
    tags = tags_of(plant_with(tmp_path, csv))
    assert tags.keys() == {"press-1.state", "press-1.temp", "press-2.level", "press-2.door"}
    temp, level = tags["press-1.temp"], tags["press-2.level"]
    assert (temp.address, temp.type, temp.word_order, temp.byte_order) == ("input:20", "float32", "little", "big")
    assert (temp.role, temp.source, temp.unit) == ("other", "plc", "degC")
    assert (level.scale, level.offset) == (0.1, -5.0)
    assert tags["press-2.door"].address == "holding:100:3"


def test_every_column(tmp_path):
    csv = (
        "machine;tag;unit_id;table;address;count;bit;type;order;scale;role;range_low;range_high;deadband;stale_after\n"
    )
    csv += "press-1;temp;3;input;20;;;float32;DCBA;0,5;temperature;-20;400;0,2;10min\n"
    csv += "press-1;batch;;holding;200;8;;string;;;;;;;\npress-1;step;;holding;9;;4-7;uint16;;;;;;;\n"
    tags = tags_of(plant_with(tmp_path, "\ufeff" + csv))
    temp = tags["press-1.temp"]
    assert (temp.address, temp.word_order, temp.byte_order, temp.scale) == ("3/input:20", "little", "little", 0.5)
    assert (temp.role, temp.range, temp.deadband, temp.stale_after) == ("temperature", (-20.0, 400.0), 0.2, "10min")
    assert tags["press-1.batch"].address == "holding:200[8]"
    assert tags["press-1.step"].address == "holding:9:4-7"


def test_numbers_of_manuals_are_read_where_the_source_says_so(tmp_path):
    csv = HEAD + "press-1,a,holding,40021,uint16,,,,,\npress-1,b,,30001,uint16,,,,,\n"
    manual = tags_of(plant_with(tmp_path, csv, lambda t: t.replace("map =", 'addressing = "manual"\nmap =')))
    assert [manual[f"press-1.{n}"].address for n in "ab"] == ["40021", "30001"]
    zero = tags_of(plant_with(tmp_path, csv.replace(",,30001", ",input,0")))
    assert [zero[f"press-1.{n}"].address for n in "ab"] == ["holding:40021", "input:0"]


def test_a_tag_of_plant_toml_gets_its_address_from_the_map(tmp_path):
    def bare(text):
        return text.replace(' address = "holding:0", type = "uint16",', "")

    csv = HEAD + "press-1,state,holding,55,uint16,,,,,\n"
    state = tags_of(plant_with(tmp_path, csv, bare))["press-1.state"]
    assert (state.address, state.role, state.states) == ("holding:55", "state", "codes")


def test_every_mistake_at_once_with_its_line(tmp_path):
    csv = HEAD + "\n".join([
        "press-9,temp,input,20,float32,,,,,",
        "press-1,,input,20,float32,,,,,",
        "press-1,a,inputs,20,float32,,,,,",
        "press-1,b,input,2x,float32,,,,,",
        "press-1,c,input,20,float32,ABDC,,,,",
        "press-1,d,input,20,float32,,ten,,,",
        "press-1,e,,20,float32,,,,,",
        "press-1,state,holding,1,uint16,,,,,",
        "press-1,f,holding,65535,float32,,,,,",
        "press-1,g,holding,3,uint16,,,,3,",
        "press-1,h,holding,4,uint17,,,,,",
        "press-1,i,holding,5,uint16,,,,,degX",
        "press-1,j,holding,6,uint16,,,,,",
        "press-1,j,holding,7,uint16,,,,,",
        "press-1,k,holding,6,uint16,,,,,",
        "press-1,l,holding,9,uint16,,,,,,,",
    ])  # fmt: skip
    found = problems(tmp_path, csv)
    assert {file for file, _, _ in found} == {"press.csv"}
    assert {(key, what) for _, key, what in found} >= {
        ("line 2, machine", "unknown machine 'press-9'"), ("line 3, tag", "nothing"), ("line 4, table", "'inputs'"),
        ("line 5, address", "'2x'"), ("line 6, order", "'ABDC'"), ("line 7, scale", "'ten'"),
        ("line 8, table", "nothing"), ("line 9, tag", "tag press-1.state has another address in plant.toml"),
        ("line 10, address", "'holding:65535'"), ("line 11, type", "type 'uint16' for the one bit 'holding:3:3'"),
        ("line 13, unit", "unknown unit 'degX'"), ("line 15, name", "'j' a second time"),
        ("line 17, cells", "12 cells"),
    }  # fmt: skip
    lines = {key.split(",")[0] for _, key, _ in found}
    assert lines == {f"line {n}" for n in range(2, 18)} - {"line 14"}


@pytest.mark.parametrize(
    ("csv", "key", "found"),
    [
        ("machine,tag,adress\n", "line 1, adress", "unknown column 'adress'"),
        ("machine,tag\n", "line 1", "no column address"),
        ("", "line 1", "no column machine, tag, address"),
    ],
)
def test_a_first_line_that_is_none(tmp_path, csv, key, found):
    assert ("press.csv", key, found) in problems(tmp_path, csv)


def test_a_map_that_is_not_there_or_no_text(tmp_path):
    missing = problems(tmp_path, HEAD, lambda t: t.replace("press.csv", "other.csv"))
    assert missing == [("plant.toml", "source[0].map", "other.csv: no such file or directory")]
    (tmp_path / "bytes.csv").write_bytes(b"machine,tag\n\xff\xfe\n")
    (file, key, _), *_ = problems(tmp_path, HEAD, lambda t: t.replace("press.csv", "bytes.csv"))
    assert (file, key) == ("bytes.csv", "byte 12")


@pytest.mark.parametrize(
    ("lines", "key", "found"),
    [
        ('unit_timeouts = { 300 = "1s" }', "unit_timeouts.300", "unit '300'"),
        ('framing = "rtu"\nin_flight = 2', "in_flight", "in_flight 2 with framing 'rtu'"),
        ('ca = "ca.pem"', "ca", "ca without TLS"),
        ('tls = true\nclient_key = "k.pem"', "client_key", "a key without a certificate"),
        ("max_block = 1", "", "2 registers, which have to come out of one request"),
    ],
)
def test_settings_that_do_not_go_together(tmp_path, lines, key, found):
    csv = HEAD + "press-1,temp,input,20,float32,,,,,\n"
    told = problems(tmp_path, csv, lambda t: t.replace('map = "press.csv"', f'map = "press.csv"\n{lines}'))
    where = ("plant.toml", f"source[0].{key}") if key else ("press.csv", "line 2, address")
    assert (*where, found) in told


@pytest.mark.parametrize(
    ("lines", "address", "key", "found"),
    [
        ("", "plant/a+#$.x", "machine[0].tags[0].address", "'plant/a+#$.x'"),
        ("", "plant/a#x", "machine[0].tags[0].address", "'plant/a#x'"),
        ('timestamp = "ts"', "plant/a#$.x", "source[0].timestamp", "'ts'"),
        ('quality = "$.q"', "plant/a#$.x", "source[0].quality", "a path without the values that mean good"),
        ('subscribe = ["a/#/b"]', "plant/a#$.x", "source[0].subscribe[0]", "'a/#/b'"),
        ('timestamp = "$.s[*].t"', "plant/a#$.x", "machine[0].tags[0].address", "'plant/a#$.x'"),
        ('timezone = "Europe/Berln"', "plant/a#$.x", "source[0].timezone", "unknown time zone 'Europe/Berln'"),
    ],
)
def test_mqtt_sources_and_addresses_are_checked(tmp_path, lines, address, key, found):
    def mqtt(text):
        text = text.replace('kind = "modbus"', 'kind = "mqtt"').replace('map = "press.csv"', lines)
        return text.replace('address = "holding:0", type = "uint16"', f'address = "{address}"')

    assert [(k, f) for _, k, f in problems(tmp_path, HEAD, mqtt)] == [(key, found)]
