"""Which machines count good pieces: what has no count of them has null, not none."""

from assets.kernels.figures.sums import counting_machines
from plant.config import load

PLANT = """schema = 1
[plant]
name = "p"
[[site]]
name = "s"
timezone = "UTC"
[[area]]
name = "a"
site = "s"
[[line]]
name = "l"
area = "a"
[[source]]
name = "x"
kind = "opcua"
endpoint = "opc.tcp://127.0.0.1:4840"
[[product]]
name = "nut"
ideal = [
  { machine = "good", seconds = 1.0 }, { machine = "scrap-only", seconds = 1.0 },
  { machine = "reported", seconds = 1.0 },
]
"""
MACHINE = """
[[machine]]
name = "{name}"
line = "l"
kind = "cnc"
tags = [{{ name = "t", role = "{role}", source = "x", address = "ns=2;s={name}" }}]
"""


def test_a_machine_that_counts_only_scrap_does_not_count_pieces(tmp_path):
    roles = {"good": "good_count", "scrap-only": "scrap_count", "reported": "temperature", "silent": "power"}
    machines = "".join(MACHINE.format(name=name, role=role) for name, role in roles.items())
    (tmp_path / "plant.toml").write_text(PLANT + machines)
    assert counting_machines(load(tmp_path / "plant.toml")) == ["good", "reported"]
