"""A plant with one site and one machine, and whatever SQL sources a test gives it."""

from pathlib import Path

from pipelines.build import Builder
from pipelines.place import Place
from pipelines.verbs.progress import Progress
from plant.config import load

PLANT = (Path(__file__).parents[1] / "plant" / "mill.toml").read_text()


def builder(folder: Path, sources: str) -> Builder:
    """A builder of the plant of a folder; its root is the folder."""
    (folder / "plant.toml").write_text(PLANT + sources)
    return Builder(load(folder / "plant.toml"), Place(folder), Progress(), checks=False)


def built(folder: Path, sources: str) -> Builder:
    """The same, after ingestion and the enterprise tables."""
    made = builder(folder, sources)
    made.only("ingest")
    made.only("enterprise")
    return made
