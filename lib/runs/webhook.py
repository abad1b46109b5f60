"""One signed JSON POST to an address of the settings. Its failure is logged and changes nothing; nobody waits for it."""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import threading
from collections.abc import Callable, Mapping

import httpx

from lib.errors import ConfigError

#: Seconds for all of it.
_PATIENCE = 10.0
#: The headers that a receiver checks: the HMAC-SHA256, by the secret, of the time, a dot and the body; and the time (seconds).
SIGNATURE, TIME = "X-Express-Ops-Signature", "X-Express-Ops-Time"

logger = logging.getLogger(__name__)


def signature(secret: bytes, time: str, body: bytes) -> str:
    """What SIGNATURE holds."""
    return f"sha256={hmac.new(secret, time.encode() + b'.' + body, hashlib.sha256).hexdigest()}"


def tell(url: str, secret: Callable[[], bytes], told: Mapping[str, object], now: float) -> threading.Thread:
    """Post `told` in a thread of its own, which is given back. `secret` raises ConfigError where it can't be read."""

    def post() -> None:
        body, time = json.dumps(told, ensure_ascii=False).encode(), str(int(now))
        try:
            headers = {"Content-Type": "application/json", TIME: time, SIGNATURE: signature(secret(), time, body)}
            httpx.post(url, content=body, headers=headers, timeout=_PATIENCE).raise_for_status()
        except httpx.HTTPStatusError as exc:
            logger.warning("The webhook of [approval] answered %s", exc.response.status_code)
        except (httpx.HTTPError, ConfigError) as exc:  # no words of theirs: they may hold the address, which may be a secret
            logger.warning("The webhook of [approval] could not be told (%s)", type(exc).__name__)

    thread = threading.Thread(target=post, name="webhook", daemon=True)
    thread.start()
    return thread
