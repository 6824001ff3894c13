"""Who may ask, how much, and what a browser may do with the answer: one layer around every request.

A page on loopback can be asked by any other page that the same browser has open. So the Host must be one of ours (a
name that an attacker points at 127.0.0.1 is not), a request that changes or costs something must come from our own
origin, and nothing is answered in a form that another origin can read or frame. Bound elsewhere, a token is demanded:
it comes once in the address and is kept in a cookie that scripts cannot read.
"""

from __future__ import annotations

import asyncio
import hmac
import ipaddress
import json
from collections.abc import Iterable
from http.cookies import CookieError, SimpleCookie
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlencode

from sim.app.words import WORDS

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

MOST_BODY = 16 * 1024  # bytes
MOST_ADDRESS = 8 * 1024
COOKIE = "headwater_token"
SLOW_REFUSAL = 0.5  # seconds that a wrong token costs
PATIENCE = 10.0  # seconds that a request may take to arrive
LEAST_TOKEN = 12  # characters
HEADERS = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
}


def is_loopback(host: str) -> bool:
    """Whether a socket bound to this name or address can only be reached from this machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class Guard:
    """hosts: names that the Host header may hold beside the port; any_address: a bare IP address will do as well."""

    def __init__(
        self, app: ASGIApp, hosts: Iterable[str], port: int | None, token: str | None = None, any_address: bool = False
    ) -> None:
        self.app, self.port, self.token, self.any_address = app, port, token, any_address
        self.hosts = {host.lower() for host in hosts}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        if scope["type"] != "http":
            return
        headers: dict[str, str] = {}
        for name, value in scope["headers"]:
            key = name.decode("latin-1").lower()
            if key in ("host", "origin", "content-length", "content-type") and key in headers:
                await refuse(send, 400, "refused.twice")
                return
            headers[key] = value.decode("latin-1")
        answer = self._refusal(scope, headers)
        if answer is not None:
            await refuse(send, *answer)
            return
        if self.token is not None and not await self._admitted(scope, headers, send):
            return
        limited = None
        if scope["method"] == "POST":
            try:
                limited = await asyncio.wait_for(_body(receive), PATIENCE)
            except TimeoutError:
                await refuse(send, 408, "refused.slow")
                return
            if limited is None:
                await refuse(send, 413, "refused.size")
                return
        await self.app(scope, receive if limited is None else _given(limited, receive), _with_headers(send))

    def _refusal(self, scope: Scope, headers: dict[str, str]) -> tuple[int, str] | None:
        """(status, key of `words`) of what is not let in."""
        if len(scope.get("raw_path", b"")) + len(scope["query_string"]) > MOST_ADDRESS:
            return 414, "refused.address"
        host = headers.get("host", "")
        if not self._is_ours(host):
            return 421, "refused.host"
        method = scope["method"]
        if method not in ("GET", "HEAD", "POST"):
            return 405, "refused.method"
        origin, site = headers.get("origin"), headers.get("sec-fetch-site")
        own = f"{scope['scheme']}://{host}".lower()
        if origin is not None and origin.lower() != own:
            return 403, "refused.origin"
        if method == "POST":
            if origin is None or site not in (None, "same-origin"):
                return 403, "refused.page"
            if headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
                return 415, "refused.type"
            length = headers.get("content-length", "0")
            if not length.isdigit() or int(length) > MOST_BODY:
                return 413, "refused.size"
        elif site == "cross-site" and headers.get("sec-fetch-mode", "navigate") != "navigate":
            return 403, "refused.site"
        return None

    def _is_ours(self, host: str) -> bool:
        name, colon, port = host.lower().rpartition(":")
        if not colon or port.endswith("]"):
            name, port = host.lower(), ""
        if self.port is not None and (port or "80") != str(self.port):
            return False
        if name in self.hosts:
            return True
        if not self.any_address:
            return False
        try:
            ipaddress.ip_address(name.strip("[]"))
        except ValueError:
            return False
        return True

    async def _admitted(self, scope: Scope, headers: dict[str, str], send: Send) -> bool:
        """True where the cookie holds the token; a token in the address becomes a cookie and leaves the address."""
        assert self.token is not None
        if hmac.compare_digest(_cookie(headers).encode(), self.token.encode()):
            return True
        query = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        given = next((value for key, value in query if key == "token"), None)
        if given is not None and scope["method"] == "GET" and hmac.compare_digest(given.encode(), self.token.encode()):
            rest = urlencode([(key, value) for key, value in query if key != "token"])
            place = "/" + (f"?{rest}" if rest else "")
            cookie = f"{COOKIE}={self.token}; HttpOnly; SameSite=Strict; Path=/"
            await _send(send, 303, b"", [(b"location", place.encode()), (b"set-cookie", cookie.encode())])
            return False
        if given is not None or COOKIE in headers.get("cookie", ""):
            await asyncio.sleep(SLOW_REFUSAL)
        await refuse(send, 401, "refused.token")
        return False


def _cookie(headers: dict[str, str]) -> str:
    try:
        found = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
    except CookieError:
        return ""
    return found.value if found else ""


async def _body(receive: Receive) -> bytes | None:
    """The whole body, or None where it is longer than allowed, whatever its length was said to be."""
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return b"".join(parts)
        part = message.get("body", b"")
        size += len(part)
        if size > MOST_BODY:
            return None
        parts.append(part)
        if not message.get("more_body", False):
            return b"".join(parts)


def _given(body: bytes, receive: Receive) -> Receive:
    """Hands out the body that was read, then what the connection says next (that the reader has gone)."""
    first = True

    async def again() -> Message:
        nonlocal first
        if first:
            first = False
            return {"type": "http.request", "body": body, "more_body": False}
        return await receive()

    return again


def _with_headers(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            own = [(k.encode(), v.encode()) for k, v in HEADERS.items()]
            message = {**message, "headers": [*message.get("headers", []), *own]}
        await send(message)

    return sending


def refusal(word: str) -> dict[str, Any]:
    """What is refused, as the page takes it (`wrong`), and in both languages for whoever reads it without a page."""
    fill = {"most": MOST_BODY}
    said = dict(zip(("zh", "en"), (text.format(**fill) for text in WORDS[word]), strict=True))
    return {"error": said, "wrong": [{"path": "", "word": word, "fill": fill}]}


async def refuse(send: Send, status: int, word: str) -> None:
    """Answers with a status and a word of the page's table."""
    body = json.dumps(refusal(word), ensure_ascii=False).encode()
    headers = [(b"content-type", b"application/json; charset=utf-8")]
    if status in (408, 413):  # what was still to come of the request is not waited for
        headers.append((b"connection", b"close"))
    await _send(send, status, body, headers)


async def _send(send: Send, status: int, body: bytes, headers: list[tuple[bytes, bytes]]) -> None:
    own = [(b"content-length", str(len(body)).encode()), (b"cache-control", b"no-store")]
    start: dict[str, Any] = {"type": "http.response.start", "status": status, "headers": [*headers, *own]}
    await _with_headers(send)(start)
    await send({"type": "http.response.body", "body": body})
