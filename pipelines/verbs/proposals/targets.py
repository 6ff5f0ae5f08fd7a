"""Which target an export goes to: its settings come from options and environment variables, read here."""

from __future__ import annotations

import os
from dataclasses import dataclass

from connectors.erp.files import SUFFIX, FileTarget
from connectors.erp.staging import TABLE, StagingTarget
from connectors.erp.target import Target
from connectors.erp.tryton import TrytonTarget
from pipelines.place import Place
from plant.errors import PlantError

TARGETS = (*SUFFIX, "sql", "tryton")
STAGING_ENV = "SHOPFLOOR_STAGING_URL"
TRYTON_ENV = "SHOPFLOOR_TRYTON_URL"
USER_ENV = "SHOPFLOOR_TRYTON_USER"
PASSWORD_ENV = "SHOPFLOOR_TRYTON_PASSWORD"


@dataclass(frozen=True)
class Wanted:
    """Where to, and the names of the variables that hold URL, user and password."""

    to: str
    url_env: str | None = None
    user_env: str = USER_ENV
    password_env: str = PASSWORD_ENV
    table: str = TABLE
    create_table: bool = False


def target_of(wanted: Wanted, where: Place) -> Target:
    """The target, not yet looked at.

    Raises:
        PlantError: an unknown target, or a variable that is not set.
    """
    if wanted.to in SUFFIX:
        return FileTarget(wanted.to, where.exports)
    if wanted.to == "sql":
        return StagingTarget(_read(wanted.url_env or STAGING_ENV), wanted.table, create=wanted.create_table)
    if wanted.to == "tryton":
        url = _read(wanted.url_env or TRYTON_ENV)
        return TrytonTarget(url, _read(wanted.user_env), _read(wanted.password_env))
    raise PlantError(f"--to {wanted.to!r} is not known; valid: {', '.join(TARGETS)}")


def _read(variable: str) -> str:
    value = os.environ.get(variable)
    if not value:
        raise PlantError(f"the variable {variable} is not set: set it, or name another one with the option for it")
    return value
