"""gold.proposals (where every proposal stands) and gold.proposal_steps (its audit trail in words), as DuckDB views.

The same rules as `plant.proposals.states`, in SQL over bronze.proposals; a test holds both to the same answers.
"""

from __future__ import annotations

from collections.abc import Iterator

import duckdb

from plant.proposals.states import AFTER, PERISHABLE
from warehouse.snapshot import literal

COMMENTS = {
    "proposals": {
        "": "Every proposal as it stands now, also past its expiry. One row: proposal. Key: key.",
        "key": "the proposal; its idempotency key everywhere", "kind": "what is proposed",
        "state": "draft, submitted, approved, rejected, expired, exporting, exported, confirmed",
        "title": "what changes", "subject": "what it is about", "reason": "why, with figures", "site": "site",
        "partner": "supplier or customer; null: none named",
        "value_cents": "quantity times price of all lines, minor currency units; null: a price is not known",
        "lines": "its lines as a JSON list", "drafted_by": "who made it; shopfloor: automatic",
        "edited_by": "who wrote the content as it is", "submitted_by": "who submitted this content; null: nobody yet",
        "decided_by": "who approved or rejected it", "decided_at": "when",
        "expires_at": "when it expires or expired; null once it is on its way out",
        "target": "where it was exported to", "reference": "the target's own reference",
        "finding": "what the last look at the target found: confirmed, partial, differs, missing; or why it refused",
        "comment": "remark of the last step", "drafted_at": "first step", "last_at": "last step", "seq": "its entry",
    },
    "proposal_steps": {
        "": "Every step of every proposal. One row: step. Key: seq.",
        "seq": "place in the chain", "key": "the proposal", "kind": "what is proposed", "event": "the step",
        "acted_by": "who", "acted_at": "when", "comment": "why", "role": "role that gave the right; null: automatic",
        "state": "state after it", "hash": "hash of the entry",
    },
}  # fmt: skip
_STATE = "CASE event " + " ".join(f"WHEN {literal(e)} THEN {literal(s)}" for e, s in AFTER.items()) + " END"
_LAST = "arg_max({0}, seq) FILTER (event IN ({1}))"
_PERISHABLE = ", ".join(map(literal, PERISHABLE))


def _last(what: str, *events: str) -> str:
    return _LAST.format(what, ", ".join(map(literal, events)))


STEPS = f"""
SELECT seq, key, kind, event, acted_by, acted_at, comment, body::JSON->>'$.role' AS role, {_STATE} AS state, hash
FROM bronze.proposals"""

STANDING = f"""
WITH rounds AS (
    SELECT *, max(seq) FILTER (event IN ('draft', 'edit')) OVER (PARTITION BY key) AS edited_seq,
        max(seq) FILTER (event IN ('claim', 'fail')) OVER (PARTITION BY key) AS claim_seq,
        max(seq) FILTER (event = 'export') OVER (PARTITION BY key) AS export_seq
    FROM bronze.proposals
), folded AS (
    SELECT key, any_value(kind) AS kind, arg_max({_STATE}, seq) AS state,
        {_last("body", "draft", "edit")}::JSON AS content,
        arg_min(acted_by, seq) AS drafted_by, {_last("acted_by", "draft", "edit")} AS edited_by,
        arg_max(acted_by, seq) FILTER (event = 'submit' AND seq > edited_seq) AS submitted_by,
        arg_max(acted_by, seq) FILTER (event IN ('approve', 'reject') AND seq > edited_seq) AS decided_by,
        arg_max(acted_at, seq) FILTER (event IN ('approve', 'reject') AND seq > edited_seq) AS decided_at,
        arg_max(expires_at, seq) FILTER (event IN ('draft', 'edit', 'submit')) AS expires_at,
        arg_max(body::JSON->>'$.target', seq) FILTER (seq = claim_seq) AS target,
        arg_max(coalesce(body::JSON->>'$.reference', body::JSON->>'$.batch'), seq)
            FILTER (event IN ('claim', 'export') AND seq >= claim_seq) AS reference,
        arg_max(CASE event WHEN 'fail' THEN comment ELSE body::JSON->>'$.finding' END, seq)
            FILTER (event IN ('fail', 'reconcile', 'confirm') AND seq > coalesce(export_seq, -1)) AS finding,
        arg_max(struct_pack(said := comment), seq).said AS comment,
        min(acted_at) AS drafted_at, max(acted_at) AS last_at, max(seq) AS seq
    FROM rounds GROUP BY key
), said AS (
    SELECT key, kind, CASE WHEN state IN ({_PERISHABLE}) AND expires_at <= now() THEN 'expired' ELSE state END AS state,
        content->>'$.title' AS title, content->>'$.subject' AS subject, content->>'$.reason' AS reason,
        content->>'$.site' AS site, content->>'$.partner' AS partner, content, drafted_by, edited_by, submitted_by,
        decided_by, decided_at, expires_at, target, reference, finding, comment, drafted_at, last_at, seq
    FROM folded
), priced AS (
    SELECT key, CASE WHEN count(*) = count(price) THEN sum(floor(quantity * price + 0.5))::BIGINT END AS value_cents
    FROM (
        SELECT key, (line->>'$.price_cents')::DOUBLE AS price, (line->>'$.quantity')::DOUBLE AS quantity
        FROM (SELECT key, unnest((content->'$.lines')::JSON[]) AS line FROM folded)
    ) GROUP BY key
)
SELECT s.key, kind, state, title, subject, reason, site, partner, value_cents, (content->'$.lines')::VARCHAR AS lines,
    drafted_by, edited_by, submitted_by, decided_by, decided_at,
    CASE WHEN state IN ({_PERISHABLE}, 'expired') THEN expires_at END AS expires_at,
    target, reference, finding, comment, drafted_at, last_at, seq
FROM said s JOIN priced USING (key)"""


def create_proposal_views(con: duckdb.DuckDBPyConnection) -> None:
    """Create or replace both views over the bronze.proposals a connection shows."""
    con.execute(f"CREATE OR REPLACE VIEW gold.proposals AS {STANDING}")
    con.execute(f"CREATE OR REPLACE VIEW gold.proposal_steps AS {STEPS}")


def comment_proposal_views() -> Iterator[str]:
    """COMMENT statements of the views and their columns."""
    for view, said in COMMENTS.items():
        for column, words in said.items():
            what = f"COLUMN gold.{view}.{column}" if column else f"VIEW gold.{view}"
            yield f"COMMENT ON {what} IS {literal(words)}"
