"""State and operation mode together: a second tag of a machine says what executing counts as.

OPC 40001-1 gives a machine two signals, MachineryItemState and MachineryOperationMode. Its Annex C.2 reads
ISO 22400-2 out of the pair: APT = Executing + Processing, AUST = Executing + Setup; what does not execute is
ADET or ADOT in every mode. So the mode's word holds where the state says 'producing', the state's everywhere else.
"""

from __future__ import annotations

import polars as pl

from plant.states import State

NEVER_SEEN = "none"
"""Source of a mode that has not been seen yet: executing cannot be trusted to be production."""


def with_modes(states: pl.LazyFrame, modes: pl.LazyFrame, tags: pl.DataFrame) -> pl.LazyFrame:
    """State events in which executing counts as the machine's mode says.

    Args:
        states: events of the state tags: machine, at, state (word), source, since_at.
        modes: events of the mode tags, of the same shape; their word is what executing counts as.
        tags: `plant.dimensions.tags_frame`. Machines without a mode tag pass unchanged.

    Returns the same columns, with an event more wherever the mode changed. Without a trusted mode (bad, stale, not
    seen yet) executing is 'unknown'. Before the first state there is nothing, whatever the mode says. since_at stays
    the state's: a mode neither begins nor ends a stop.
    """
    moded = tags.filter(pl.col("role") == "mode")["machine"].unique().to_list()
    if not moded:
        return states
    ours, mode = pl.col("machine").is_in(moded), modes.select("machine", "at", mode="state", told_by="source")
    instants = pl.concat([states.filter(ours).select("machine", "at"), modes.select("machine", "at")]).unique()
    seen = _as_of(_as_of(instants.sort("at"), states.filter(ours)), mode).filter(pl.col("state").is_not_null())
    return pl.concat([states.filter(~ours), _combined(seen).select(states.collect_schema().names())])


def _as_of(instants: pl.LazyFrame, events: pl.LazyFrame) -> pl.LazyFrame:
    """What the latest event of the machine at or before each instant says; of equal instants the last row."""
    return instants.join_asof(
        events.sort("at", maintain_order=True), on="at", by="machine", strategy="backward", check_sortedness=False
    )


def _combined(seen: pl.LazyFrame) -> pl.LazyFrame:
    executing = pl.col("state") == State.PRODUCING.value
    word = pl.when(executing).then(pl.col("mode").fill_null(State.UNKNOWN.value)).otherwise(pl.col("state"))
    source = pl.when(executing).then(pl.col("told_by").fill_null(NEVER_SEEN)).otherwise(pl.col("source"))
    return seen.with_columns(state=word, source=source)
