"""Tryton's JSON-RPC: one call, its types, and which failure is whose."""

from __future__ import annotations

import base64
import http.client
import json
import time
from datetime import date
from decimal import Decimal
from ipaddress import ip_address
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, ProxyHandler, Request, build_opener

from connectors.erp.target import RefusedError
from plant.errors import SourceDownError, TerminalError

TIMEOUT_S = 30.0
RETRY_S = (0.5, 2.0)
"""Waits before a call is made again that failed inside the server."""


class _NoRedirect(HTTPRedirectHandler):
    """A redirect would carry the password elsewhere."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


class Rpc:
    """Calls of one database, e.g. https://erp.example:8000/factory. Directly, without proxy or redirect."""

    def __init__(self, url: str, user: str, password: str, timeout_s: float = TIMEOUT_S) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or not parts.path.strip("/"):
            raise TerminalError(f"the URL of Tryton is {url!r}; valid is https://host:port/database")
        if parts.username or parts.password:
            raise TerminalError("the URL of Tryton names a user: give user and password by their own variables")
        if parts.scheme == "http" and not _loopback(parts.hostname):
            raise TerminalError(f"{url} would send the password in the clear: use https, or Tryton on this machine")
        self.where = f"{parts.scheme}://{parts.netloc}/{parts.path.strip('/')}"
        token = base64.b64encode(f"{user}:{password}".encode()).decode()
        self._headers = {"Content-Type": "application/json", "Authorization": f"Basic {token}"}
        self._opener = build_opener(ProxyHandler({}), _NoRedirect())
        self._timeout_s = timeout_s
        self._context: dict[str, Any] | None = None

    def __call__(self, method: str, *params: Any) -> Any:
        """Call a model's method with the user's context behind its parameters.

        Raises:
            RefusedError: Tryton answers with an error: its transaction was undone.
            SourceDownError: no answer; whether it was done is not known.
            TerminalError: wrong user, password or URL.
        """
        for wait_s in (*RETRY_S, None):
            told = self._send(f"model.{method}", [*params, self.context])
            if "error" not in told:
                return told["result"]
            if wait_s is None or _for_people(told["error"]):
                break
            time.sleep(wait_s)  # its database was locked, or the like: the transaction was undone, so again is safe
        raise RefusedError(f"Tryton refuses {method}: {_sentence(told['error'])}")

    @property
    def context(self) -> dict[str, Any]:
        """The user's own, with the company; asked for once."""
        if self._context is None:
            told = self._send("model.res.user.get_preferences", [True, {}])
            if "error" in told:
                raise TerminalError(
                    f"Tryton at {self.where} does not tell the user's company: {_sentence(told['error'])}"
                )
            self._context = told["result"]
        return self._context

    def _send(self, method: str, params: list[Any]) -> dict[str, Any]:
        """The answer, with `result` or `error`: an error comes with HTTP 200."""
        asked = json.dumps({"id": 1, "method": method, "params": params}, default=_coded).encode()
        request = Request(f"{self.where}/rpc/", asked, self._headers)
        try:
            with self._opener.open(request, timeout=self._timeout_s) as answer:
                told = json.loads(answer.read())
        except HTTPError as error:
            raise self._http(error) from error
        except (URLError, OSError, http.client.HTTPException, ValueError) as error:
            said = getattr(error, "reason", error)
            raise SourceDownError(
                f"Tryton at {self.where} does not answer ({said}); it is taken up again by key"
            ) from error
        if not isinstance(told, dict) or not {"result", "error"} & set(told):
            raise TerminalError(f"{self.where} does not answer as Tryton does: correct the URL")
        return told

    def _http(self, error: HTTPError) -> TerminalError | SourceDownError:
        if error.code in (401, 403):
            return TerminalError(f"Tryton at {self.where} refuses user or password (HTTP {error.code})")
        if error.code < 500 and error.code != 429:
            return TerminalError(f"{self.where} is no database of Tryton (HTTP {error.code}): correct the URL")
        return SourceDownError(
            f"Tryton at {self.where} answers HTTP {error.code}: it is busy, or has no such database; "
            "what was sent is taken up again by key"
        )


def _loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _for_people(error: Any) -> bool:
    """True for an error that says what is wrong with the record (UserError, UserWarning); else the server stumbled."""
    return isinstance(error, list) and len(error) > 1 and isinstance(error[1], list)


def _sentence(error: Any) -> str:
    """The words for people in an error like ['UserError', ['No such product.', '', None]]."""
    parts = error if isinstance(error, list) else [error]
    inner = parts[1] if len(parts) > 1 and isinstance(parts[1], list) else parts
    return str(inner[0]).replace("\xa0", " ") if inner else "no reason given"


def _coded(value: Any) -> dict[str, Any]:
    if isinstance(value, date):
        return {"__class__": "date", "year": value.year, "month": value.month, "day": value.day}
    if isinstance(value, Decimal):
        return {"__class__": "Decimal", "decimal": str(value)}
    raise TypeError(f"{type(value).__name__} has no form in Tryton's JSON")


def decoded(value: Any) -> Any:
    """A value of an answer: decimals and dates as Python's own, everything else as it is."""
    if isinstance(value, dict) and value.get("__class__") == "Decimal":
        return Decimal(value["decimal"])
    if isinstance(value, dict) and value.get("__class__") == "date":
        return date(value["year"], value["month"], value["day"])
    return value
