"""The relational database of a running plant: what becomes known is written when its time has come."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import sqlalchemy as sa

from simulator.database import MARK, create
from simulator.export import advance, engine_for
from simulator.run import Run

logger = logging.getLogger(__name__)

EVERY_S = 5.0
EVER = datetime(1970, 1, 1, tzinfo=UTC)


@contextlib.asynccontextmanager
async def books_kept(run: Run, root: Path, database_url: str | None, since: datetime) -> AsyncIterator[None]:
    """Keep the database at the state of now while the context is open; from `since` on, or made when missing.

    Raises:
        TerminalError: the database belongs to somebody else (see `simulator.database.create`).
    """
    engine = await asyncio.to_thread(engine_for, root, database_url)
    task: asyncio.Task[None] | None = None
    try:
        known = await asyncio.to_thread(_opened, run, engine, since)
        task = asyncio.create_task(_keep(run, engine, known))
        yield
    finally:
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        engine.dispose()


def _opened(run: Run, engine: sa.Engine, since: datetime) -> datetime:
    if MARK not in sa.inspect(engine).get_table_names():
        create(engine, run.seed, run.start_at)
        since = EVER
    now = datetime.now(UTC)
    advance(run, engine, since, now)
    return now


async def _keep(run: Run, engine: sa.Engine, known: datetime) -> None:
    while True:
        await asyncio.sleep(EVERY_S)
        now = datetime.now(UTC)
        try:
            await asyncio.to_thread(advance, run, engine, known, now)
        except sa.exc.OperationalError as error:  # locked or away: the same span is written next time
            logger.warning("the plant's database could not be written: %s; trying again", error)
        else:
            known = now
