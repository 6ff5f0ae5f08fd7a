"""User and password of a source, from the environment variables plant.toml names. Never from the file itself."""

from __future__ import annotations

import os

from plant.errors import SourceDownError, TerminalError

SELDOM = "tried again after 1 minute, then 5, 25 and 60, and at once when the collector is started again"
"""When a refused login is sent again (`connectors.retry`)."""


class LoginRefusedError(SourceDownError):
    """A server refused user or password: asked again seldom, because many lock a user after a few wrong tries."""


def from_environment(source: str, key: str, variable: str) -> str:
    """The value of the variable that `key` (user_env, password_env) of a source names.

    Raises:
        TerminalError: the variable is not set.
    """
    value = os.environ.get(variable)
    if value is None:
        raise TerminalError(f"source {source}: {key} names the variable {variable}, which is not set: set it")
    return value


def needs_user(source: str, password_env: str | None) -> None:
    """Refuse a password without a user: it would be left out silently.

    Raises:
        TerminalError: password_env is set; to be called where user_env is not.
    """
    if password_env is not None:
        raise TerminalError(
            f"source {source}: password_env without user_env: add user_env, or remove password_env from plant.toml"
        )
