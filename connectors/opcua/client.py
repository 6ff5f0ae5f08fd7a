"""asyncua's client bent to our needs: undecoded publish bodies, a reconnect that says what it found and locks no user.

asyncua keeps transport, security, session and service calls. Replaced is the publish decoding (cost); its reconnect
is told where to stop: a login that was refused once is not tried again by it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from asyncua import Client, ua
from asyncua.client.ua_client import UaClientState
from asyncua.client.ua_session import UaSession

from connectors.opcua.refusals import LOGIN
from connectors.opcua.wire.publish import decode_publish

logger = logging.getLogger(__name__)

ANSWER_S = 30.0
"""A PublishRequest is answered at the latest by a keep-alive; one that is not was lost: another is sent."""


class FastSession(UaSession):
    """A session whose publish responses keep their data changes undecoded.

    `gate` is awaited before each PublishRequest: while it waits, the server queues (back-pressure).
    """

    gate: Callable[[], Awaitable[None]] | None = None

    async def publish(self, acks: list[ua.SubscriptionAcknowledgement]) -> Any:
        """Send a PublishRequest and return its response for the publish loop.

        Raises:
            ConnectionError: there is no active session. A request over a channel that has none yet has some servers
                wait for the activation they refused, until they close it.
        """
        if self._client.state is not UaClientState.CONNECTED:
            raise ConnectionError("no active session")
        if self.gate is not None:
            await self.gate()
        request = ua.PublishRequest()
        request.Parameters.SubscriptionAcknowledgements = acks or []
        data = await self._send_request(request, timeout=ANSWER_S)
        try:
            return decode_publish(data)
        except (ua.uaerrors.UaStatusCodeError, asyncio.CancelledError):
            raise
        except Exception as error:  # any other error here costs asyncua's loop a second; this one is skipped
            logger.exception("a publish response could not be read; its values are lost unless the server has history")
            raise ua.uaerrors.UaStructParsingError from error

    async def hush(self) -> None:
        """End the publish loop; what the server has sent and was not handed on is not acknowledged, so it is kept."""
        task, self._publish_task = self._publish_task, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def ask_anew(self) -> None:
        """Start the publish loop again: a request sent while the session changed channels may never be answered."""
        await self.hush()
        self.ensure_publish_loop()


class GapClient(Client):
    """A client that tells its subscriptions whether the session survived a reconnect.

    `refused` is the answer to a login the server refused. After it nothing is sent any more: asyncua would try again
    every few seconds, twice each time, until the server locks the user. `reconnecting` is true from the first
    reconnect on.
    """

    session_reused = reconnecting = False
    refused: ua.uaerrors.UaStatusCodeError | None = None
    on_reconnected: Callable[[], None] | None = None
    before_reconnect: Callable[[], Awaitable[None]] | None = None

    def __init__(self, url: str, timeout_s: float, gate: Callable[[], Awaitable[None]] | None = None) -> None:
        super().__init__(url, timeout=timeout_s, watchdog_intervall=5.0, auto_reconnect=True, reconnect_max_delay=5.0)
        self.session_timeout = 600_000  # ms; how long a server keeps our session and its queues without us
        session = FastSession(self.uaclient)
        session.gate = gate
        self.uaclient.session = session

    @property
    def active(self) -> bool:
        """Whether there is an active session: asyncua lets requests of others through while it makes one."""
        return self.uaclient.state is UaClientState.CONNECTED

    async def close(self) -> None:
        """End session and connection, within five seconds."""
        try:
            async with asyncio.timeout(5):
                await self.disconnect()
        except (TimeoutError, ua.UaError, OSError):
            self.disconnect_socket()

    async def _activate_with_credentials(self) -> ua.ActivateSessionResult:
        if self.refused is not None:
            raise self.refused
        try:
            return await super()._activate_with_credentials()
        except ua.uaerrors.UaStatusCodeError as error:
            if error.code in LOGIN:
                self.refused = error
            raise

    async def _try_reactivate_existing_session(self) -> bool:
        self.reconnecting = True
        if self.refused is not None:
            raise self.refused
        if self.before_reconnect:
            await self.before_reconnect()
        return await super()._try_reactivate_existing_session()

    async def _finalize_reconnect(self, reused: bool) -> None:  # noqa: FBT001  overrides
        self.session_reused = reused
        await super()._finalize_reconnect(reused)
        if self.on_reconnected:
            self.on_reconnected()
