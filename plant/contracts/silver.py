"""Silver: the ledgers. One truth, every microsecond, piece, joule and stock movement exactly once."""

from __future__ import annotations

from plant.states import STATE_WORDS, Account, LossClass
from plant.tables import Column as C
from plant.tables import Table

ACCOUNTS = tuple(a.value for a in Account)
CLASSES = tuple(c.value for c in LossClass)

DAY = C("production_day", "day", "production day of the site; a shift belongs to the day it starts; partition")
SITE = C("site", "str", "site (ISA-95)")
AREA = C("area", "str", "area (ISA-95)")
LINE = C("line", "str", "line (ISA-95)")
MACHINE = C("machine", "str", "machine (ISA-95 work unit)")
SHIFT = C("shift", "str", "shift; 'off' is time outside every shift")
ORDER = C("order_id", "str", "work order registered on the machine", null=True)
PRODUCT = C("product", "str", "product of that order", null=True)
OPERATION = C("operation", "str", "operation of that order", null=True)
OPERATOR = C("operator", "str", "who was logged in at the machine (silver.attendance)", null=True)
HOUR = C("hour_at", "instant", "start of the hour, or of the part of it that lies in this shift")

MACHINES = Table(
    name="silver.machines",
    doc="The machines of plant.toml with their place in the plant.",
    grain="machine",
    key=("machine",),
    write="replace",
    columns=(
        MACHINE, LINE, AREA, SITE,
        C("timezone", "str", "IANA time zone of the site"),
        C("kind", "str", "kind of machine"),
        C("minor_stop_s", "f64", "a delay shorter than this is a minor stop", low=0),
        C("description", "str", "what it is", null=True),
    ),
)  # fmt: skip

READINGS = Table(
    name="silver.readings",
    doc="Clean samples by role. Each day opens with one carried row per tag, so a day needs no look-back.",
    grain="tag x source time (duplicates removed)",
    key=("production_day", "tag", "at", "opening"),
    write="replace_day",
    partition="production_day",
    sort=("machine", "tag", "at"),
    columns=(
        DAY, SITE, MACHINE,
        C("tag", "str", "machine.tag"),
        C("role", "str", "what the tag means: state, good_count, power, ..."),
        C("at", "instant", "source time; the day's start for a carried row"),
        C("value", "f64", "number in the tag's unit; null where not trustworthy", null=True),
        C("text", "str", "text value, or the canonical word of a state tag; counters in doubt (a jump or fall not yet "
          "confirmed): the level before it", null=True),
        C("quality", "str", "good, uncertain or bad", allowed=("good", "uncertain", "bad")),
        C("flag", "str", "reason code of a broken tag contract, null when clean", null=True),
        C("opening", "bool", "true: carried over from the day before"),
        C("since_at", "instant", "source time of the sample; of the carried sample for an opening row"),
        C("source", "str", "source it came through"),
        C("held_since_at", "instant", "state tags: since when the machine has been in this class of state (stopped, "
          "producing, set-up, planned stop, unknown) without a gap; counters in doubt: source time of the level before "
          "it; null for other roles", null=True),
    ),
)  # fmt: skip

TIME_LEDGER = Table(
    name="silver.time_ledger",
    doc="Every microsecond of every machine in exactly one leaf account; intervals tile time without gap or overlap.",
    grain="machine x interval [start_at, end_at)",
    key=("machine", "start_at"),
    write="replace_day",
    partition="production_day",
    sort=("machine", "start_at"),
    columns=(
        DAY, SITE, AREA, LINE, MACHINE,
        C("start_at", "instant", "start, inclusive"),
        C("end_at", "instant", "end, exclusive"),
        C("duration_us", "i64", "end_at minus start_at in microseconds", low=1),
        C("account", "str", "leaf account of the time tree", allowed=ACCOUNTS),
        C("state", "str", "canonical machine state underneath", allowed=STATE_WORDS),
        C("reason", "str", "why, where the machine did not produce", null=True),
        C("reason_class", "str", "class of the loss", null=True, allowed=CLASSES),
        C("minor", "bool", "true: part of a delay shorter than the machine's minor_stop_s"),
        C("stop_id", "i64", "start of the stop this interval belongs to, in us since 1970; null when not a stop",
          null=True),
        ORDER, OPERATION, PRODUCT, OPERATOR, SHIFT,
        C("source", "str", "layer that decided: calendar, edit, report, signal, none"),
        C("edit_id", "str", "operator edit that changed state or reason here; the original is in its layer", null=True),
    ),
)  # fmt: skip

COUNT_LEDGER = Table(
    name="silver.count_ledger",
    doc="Pieces booked when they were counted, with the ideal time they stand for.",
    grain="machine x hour x shift x order x operator",
    key=("production_day", "machine", "hour_at", "shift", "order_id", "operation", "product", "operator"),
    write="replace_day",
    partition="production_day",
    sort=("machine", "hour_at"),
    columns=(
        DAY, SITE, AREA, LINE, MACHINE, SHIFT, HOUR, ORDER, OPERATION, PRODUCT, OPERATOR,
        C("good_pcs", "i64", "good pieces", low=0),
        C("scrap_pcs", "i64", "scrapped pieces", low=0),
        C("rework_pcs", "i64", "pieces sent to rework", low=0),
        C("ideal_us", "i64", "sum of ideal cycle times of all pieces; null without an ideal cycle", null=True, low=0),
        C("quarantined_pcs", "i64", "pieces that a counter claimed beyond the physical limit, or that may "
          "have been made when it fell to a value it cannot have counted to; never booked", low=0),
        C("gap_pcs", "i64", "part of good + scrap + rework whose counter step spans time without a trustworthy signal: "
          "the pieces are sure, when they were made is not", low=0),
        C("gap_ideal_us", "i64", "ideal time of gap_pcs; null where ideal_us is", null=True, low=0),
    ),
)  # fmt: skip

ENERGY_LEDGER = Table(
    name="silver.energy_ledger",
    doc="Metered energy by account, order and product. The accounts sum to the meter exactly, in joules.",
    grain="machine x hour x shift x account x order",
    key=("production_day", "machine", "hour_at", "shift", "account", "order_id", "product"),
    write="replace_day",
    partition="production_day",
    sort=("machine", "hour_at"),
    columns=(
        DAY, SITE, AREA, LINE, MACHINE, SHIFT, HOUR,
        C("account", "str", "leaf account of the time the energy was used in", allowed=ACCOUNTS),
        ORDER, PRODUCT,
        C("energy_j", "i64", "energy in joules (1 kWh = 3,600,000 J)", low=0),
        C("duration_us", "i64", "time of the account in this hour, microseconds", low=0),
    ),
)  # fmt: skip

STOCK_LEDGER = Table(
    name="silver.stock_ledger",
    doc="Every stock movement as two signed postings; the sum to any instant is the stock on hand.",
    grain="stock move x location",
    key=("move_id", "location"),
    write="replace",
    sort=("at", "move_id"),
    columns=(
        DAY, SITE,
        C("at", "instant", "posting time"),
        C("move_id", "str", "id of the stock move"),
        C("material", "str", "material"),
        C("lot", "str", "lot", null=True),
        C("location", "str", "storage location"),
        C("kind", "str", "receipt, issue, production, shipment, scrap, transfer or adjustment"),
        C("qty", "f64", "signed quantity in the material's unit"),
        C("value_cents", "i64", "signed value at the move's unit cost, minor currency units"),
        C("reference", "str", "order the move belongs to", null=True),
    ),
)  # fmt: skip

EDITS = Table(
    name="silver.edits",
    doc="Operator edits in force: the highest layer of the time ledger inside shift time. Reverted ones are not here.",
    grain="one edit of one stretch of one machine",
    key=("edit_id",),
    write="replace",
    sort=("machine", "start_at", "edit_id"),
    columns=(
        C("edit_id", "str", "id of the edit in bronze.edits"), MACHINE,
        C("start_at", "instant", "start, inclusive"), C("end_at", "instant", "end, exclusive"),
        C("state", "str", "canonical state that holds instead; null: the state stays", null=True, allowed=STATE_WORDS),
        C("reason", "str", "reason that holds instead; null: the reason stays", null=True),
        C("reason_class", "str", "class of that reason", null=True, allowed=CLASSES),
        C("edited_by", "str", "who"), C("edited_at", "instant", "when; of overlapping edits the later wins"),
        C("comment", "str", "why", null=True),
    ),
)  # fmt: skip

RETRACTED = Table(
    name="silver.retractions",
    doc="Stretches of tags whose raw samples are retracted: they stay in bronze and are left out of silver.readings.",
    grain="one retraction of one tag",
    key=("edit_id",),
    write="replace",
    sort=("tag", "start_at", "edit_id"),
    columns=(
        C("edit_id", "str", "id of the edit in bronze.edits"), C("tag", "str", "machine.tag"),
        C("start_at", "instant", "first source time, inclusive"), C("end_at", "instant", "end, exclusive"),
        C("edited_by", "str", "who"), C("edited_at", "instant", "when"), C("comment", "str", "why", null=True),
    ),
)  # fmt: skip

REJECTED = Table(
    name="silver.rejected_records",
    doc="Newest versions of records that break the contract of their silver table and are left out of it.",
    grain="one record of a source table and silver table it is left out of",
    key=("table_name", "record_set", "record_key"),
    write="replace",
    sort=("table_name", "record_set", "record_key"),
    columns=(
        C("table_name", "str", "silver table it is left out of"),
        C("source", "str", "name of the source in plant.toml"),
        C("record_set", "str", "source.table"), C("record_key", "str", "key of the record, JSON array"),
        C("reason", "str", "the first that was found: missing_value, unreadable_value, out_of_range, duplicate_key, "
          "unit_mismatch, not_taken_in, mapping_failed, or a word of the adapter"),
        C("message", "str", "every fault: what was found, what is valid"), C("payload", "str", "the record, JSON"),
        C("ingested_at", "instant", "when this version was read"),
        C("segment", "str", "ingestion batch in bronze.records"), C("seq", "i64", "position inside the batch", low=0),
    ),
)  # fmt: skip

SILVER = (MACHINES, READINGS, TIME_LEDGER, COUNT_LEDGER, ENERGY_LEDGER, STOCK_LEDGER, EDITS, RETRACTED, REJECTED)
