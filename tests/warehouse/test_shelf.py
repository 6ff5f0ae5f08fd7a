import json
import pickle

import pytest

from plant.errors import MissingTableError, TerminalError
from warehouse.shelf import CARD, Shelf


def test_a_model_comes_back_as_it_was_put(tmp_path):
    shelf = Shelf(tmp_path)
    assert shelf.latest("risk") is None
    shelf.put("risk", "v1", b"skops", {"auc": 0.8})
    shelf.put("risk", "v2", {"wear.skops": b"w", "jam.skops": b"j"}, {"auc": 0.9})
    assert shelf.versions("risk") == ["v1", "v2"]
    latest = shelf.latest("risk")
    assert (latest.version, dict(latest.files), latest.card["auc"]) == (
        "v2",
        {"wear.skops": b"w", "jam.skops": b"j"},
        0.9,
    )
    assert shelf.get("risk", "v1").content == b"skops"
    card = json.loads((tmp_path / "models" / "risk" / "v1" / CARD).read_text())
    assert card["name"] == "risk"
    assert set(card["files"]) == {"model.skops"}


def test_a_version_never_changes(tmp_path):
    shelf = Shelf(tmp_path)
    assert shelf.put("risk", "v1", b"a", {}) == shelf.put("risk", "v1", b"a", {})
    with pytest.raises(TerminalError, match="other content"):
        shelf.put("risk", "v1", b"b", {})
    assert shelf.get("risk", "v1").content == b"a"


def test_an_altered_or_lost_file_is_found(tmp_path):
    shelf = Shelf(tmp_path)
    path = shelf.put("risk", "v1", b"a", {}) / "model.skops"
    path.write_bytes(b"b")
    with pytest.raises(TerminalError, match="altered"):
        shelf.get("risk", "v1")
    path.unlink()
    with pytest.raises(TerminalError, match="not on the shelf"):
        shelf.get("risk", "v1")


def test_a_missing_version_names_those_there_are(tmp_path):
    shelf = Shelf(tmp_path)
    shelf.put("risk", "v1", b"a", {})
    with pytest.raises(MissingTableError, match=r"no model risk v9 on the shelf; there are v1"):
        shelf.get("risk", "v9")


@pytest.mark.parametrize("name", ["../x", "", ".hidden", "a/b"])
def test_names_are_plain_words(tmp_path, name):
    with pytest.raises(TerminalError, match="cannot name"):
        Shelf(tmp_path).put(name, "v1", b"a", {})


def test_pickles_are_refused(tmp_path):
    with pytest.raises(TerminalError, match="pickle"):
        Shelf(tmp_path).put("risk", "v1", pickle.dumps({"a": 1}), {})
    assert Shelf(tmp_path).latest("risk") is None
