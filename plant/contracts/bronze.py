"""Bronze: as it came, append only. Nothing is corrected here, nothing is dropped."""

from __future__ import annotations

from plant.tables import Column as C
from plant.tables import Table

READINGS = Table(
    name="bronze.readings",
    doc="Every value a tag delivered, as it came, with the source's own time and status.",
    grain="one notification, poll result or exported sample of one tag",
    key=("segment", "seq"),
    write="append_once",
    partition="date",
    sort=("tag", "ts"),
    columns=(
        C("date", "day", "UTC day of ts; partition"),
        C("ts", "instant", "source time: when the device says the value was true"),
        C("tag", "str", "machine.tag as named in plant.toml"),
        C("value", "f64", "number as delivered (may be NaN or infinite); null for text", null=True),
        C("text", "str", "text as delivered; null for numbers", null=True),
        C("status", "i64", "OPC UA StatusCode, 0 is Good; severity is status >> 30", low=0),
        C("server_at", "instant", "server time stamp, null where the protocol has none", null=True),
        C("received_at", "instant", "when the collector or the file ingestion took it in"),
        C("source", "str", "name of the source in plant.toml"),
        C("segment", "str", "spool segment or file the row came in; with seq it names the raw row"),
        C("seq", "i64", "position inside the segment", low=0),
    ),
)

REPORTS = Table(
    name="bronze.reports",
    doc="Interval reports booked by people or an MES: what a machine did from when to when, with pieces.",
    grain="one report row of a file",
    key=("segment", "seq"),
    write="append_once",
    partition="date",
    sort=("machine", "start_at"),
    columns=(
        C("date", "day", "UTC day of end_at; partition"),
        C("machine", "str", "machine as named in plant.toml"),
        C("start_at", "instant", "start of the reported interval"),
        C("end_at", "instant", "end of the reported interval, not before start_at"),
        C("report", "str", "report type as it came"),
        C("state", "str", "canonical state the report type is mapped to"),
        C("order_id", "str", "work order", null=True),
        C("product", "str", "product or part", null=True),
        C("operation", "str", "operation or activity", null=True),
        C("operator", "str", "who booked it", null=True),
        C("good_pcs", "i64", "pieces reported good", low=0),
        C("scrap_pcs", "i64", "pieces reported rejected", low=0),
        C("rework_pcs", "i64", "pieces reported for rework", low=0),
        C("received_at", "instant", "when the file was ingested"),
        C("source", "str", "name of the source in plant.toml"),
        C("segment", "str", "file the row came in"),
        C("seq", "i64", "row number in the file, from 1", low=0),
    ),
)

RECORDS = Table(
    name="bronze.records",
    doc="Rows of relational source tables, one row per seen version of a record, as JSON.",
    grain="one version of one record of one source table",
    key=("record_set", "record_key", "row_hash", "ingested_at"),
    write="append_once",
    partition="record_set",
    sort=("record_key",),
    columns=(
        C("record_set", "str", "source.table, e.g. erp.work_orders; partition"),
        C("record_key", "str", "key of the record, JSON array of the key columns"),
        C("row_hash", "str", "hash of the payload: an unchanged record is not appended again"),
        C("watermark", "str", "value of the watermark column as text", null=True),
        C("payload", "str", "the row as a JSON object; decimals and instants as text"),
        C("deleted", "bool", "true for a tombstone: the record is gone at the source"),
        C("ingested_at", "instant", "when this version was read"),
        C("segment", "str", "ingestion batch"),
        C("seq", "i64", "position inside the batch", low=0),
    ),
)

QUARANTINE = Table(
    name="bronze.quarantine",
    doc="Rows that could not be taken as they are, with the reason; replayable after a fix.",
    grain="one rejected or doubtful row",
    key=("id",),
    write="append_once",
    partition="date",
    columns=(
        C("date", "day", "UTC day of quarantined_at; partition"),
        C("id", "str", "stable id: hash of source, origin, position, reason and payload"),
        C("source", "str", "name of the source in plant.toml"),
        C("origin", "str", "file, source table or tag the row came from"),
        C("position", "i64", "row number in the origin", low=0),
        C("reason", "str", "reason code, e.g. not_a_number, duplicate, future_timestamp, unknown_state"),
        C("message", "str", "what was found, what is valid, what to do"),
        C("payload", "str", "the row as it came, JSON"),
        C("booked", "bool", "true: taken in all the same, only reported; false: held back"),
        C("quarantined_at", "instant", "when it was set aside"),
        C("segment", "str", "ingestion batch"),
    ),
)

REPLAYS = Table(
    name="bronze.replays",
    doc="What became of quarantined rows: replayed, or settled because their source or file was read later.",
    grain="one replay or settlement of one quarantined row",
    key=("id", "replayed_at"),
    write="append_once",
    columns=(
        C("id", "str", "id in bronze.quarantine"),
        C("replayed_at", "instant", "when"),
        C(
            "result",
            "str",
            "accepted, rejected again, or settled: the whole source or file was read since",
            allowed=("accepted", "rejected", "settled"),
        ),
    ),
)

DECISIONS = Table(
    name="bronze.decisions",
    doc="Decisions of people on forecasts, append only: who approved or exported what, when.",
    grain="one decision on one forecast item and period",
    key=("item", "period_start", "model_version", "decision", "decided_at"),
    write="append_once",
    columns=(
        C("item", "str", "item of gold.forecast"),
        C("period_start", "day", "period of gold.forecast"),
        C("model_version", "str", "version of the forecast decided on"),
        C("decision", "str", "what was decided", allowed=("approved", "withdrawn", "exported")),
        C("decided_by", "str", "who"),
        C("decided_at", "instant", "when"),
        C("quantity", "f64", "quantity approved (may differ from the forecast)", low=0),
        C("comment", "str", "why", null=True),
    ),
)

EDITS = Table(
    name="bronze.edits",
    doc="What people corrected after the fact, append only: states, reasons, retracted samples, and reverts of those.",
    grain="one edit",
    key=("edit_id",),
    write="append_once",
    columns=(
        C("edit_id", "str", "id of the edit"),
        C("kind", "str", "what is edited", allowed=("state", "reason", "retract", "revert")),
        C("machine", "str", "machine; null for a revert", null=True),
        C("tag", "str", "machine.tag of a retraction", null=True),
        C("start_at", "instant", "start of the stretch, inclusive; null for a revert", null=True),
        C("end_at", "instant", "end of the stretch, exclusive; null for a revert", null=True),
        C("state", "str", "canonical state that holds instead", null=True),
        C("reason", "str", "reason that holds instead", null=True),
        C("reason_class", "str", "class of that reason", null=True),
        C("reverts", "str", "edit_id of the edit that no longer holds", null=True),
        C("edited_by", "str", "who"),
        C("edited_at", "instant", "when"),
        C("comment", "str", "why", null=True),
    ),
)

SIGNOFFS = Table(
    name="bronze.signoffs",
    doc="KPI numbers people signed off as they stood, append only. A later change of such a number is notified.",
    grain="one sign-off of one number",
    key=("kpi", "level", "scope", "grain", "period_start", "signed_by", "signed_at"),
    write="append_once",
    columns=(
        C("kpi", "str", "name of the KPI"),
        C("definition_id", "str", "definition it was signed in"),
        C("level", "str", "level of the scope"),
        C("scope", "str", "which one"),
        C("grain", "str", "period's grain"),
        C("period_start", "instant", "start of the period"),
        C("value", "f64", "the number signed; null: it was null", null=True),
        C("signed_by", "str", "who"),
        C("signed_at", "instant", "when; the number as known at that instant"),
        C("comment", "str", "remark", null=True),
    ),
)

BRONZE = (READINGS, REPORTS, RECORDS, QUARANTINE, REPLAYS, DECISIONS, EDITS, SIGNOFFS)
