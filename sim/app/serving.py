"""`run.py serve`: a socket, a server, an address that the reader opens."""

from __future__ import annotations

import errno
import os
import socket
import threading
from collections.abc import Callable
from pathlib import Path

from sim.app.catalogue import Catalogue
from sim.app.safety import LEAST_TOKEN, is_loopback
from sim.errors import Problem, UserError

TOKEN = "HEADWATER_TOKEN"  # of the environment: a token on the command line can be seen by other users of the machine
FOLDER = Path("scenarios")
OPENING = "xian"
MOST_CONNECTIONS = 200  # a browser keeps at most six open


def serve(
    scenario: str | None,
    host: str = "127.0.0.1",
    port: int = 8765,
    token: str | None = None,
    lang: str = "zh",
    threads: int | None = None,
    ready: Callable[[str], None] = print,
    asked: bool = False,
) -> None:
    """Serves until Ctrl-C. `ready` receives the address. asked: `lang` was asked for, whatever the browser prefers.
    Raises UserError where it cannot begin."""
    folder = FOLDER if FOLDER.is_dir() else Path(__file__).resolve().parents[2] / FOLDER
    token = check_token(host, token or os.environ.get(TOKEN) or None)
    first = Path(scenario) if scenario else folder / f"{OPENING}.toml"
    if scenario:
        from sim.scenario import load_scenario

        load_scenario(first)  # what is wrong with it is said here, before there is a page
    with listening(host, port) as place:
        number = place.getsockname()[1]
        from uvicorn import Config, Server

        from sim.app.connection import Connection
        from sim.app.web import Desk, build_app

        desk = Desk(Catalogue(folder, first), threads, lang, asked)
        wide = host in ("0.0.0.0", "::")
        hosts = ["127.0.0.1", "localhost", "[::1]", f"[{host}]" if ":" in host else host]
        if wide:
            hosts.append(socket.gethostname())
        app = build_app(desk, hosts, number, token, any_address=wide)
        server = Server(
            Config(
                app,
                access_log=False,
                log_level="error",
                lifespan="off",
                http=Connection,
                ws="none",
                server_header=False,
                date_header=False,
                proxy_headers=False,
                timeout_keep_alive=20,
                timeout_graceful_shutdown=1,
                limit_concurrency=MOST_CONNECTIONS,
            )
        )
        threading.Thread(target=desk.warm, name="warm", daemon=True).start()
        named = "127.0.0.1" if wide else f"[{host}]" if ":" in host else host
        ready(f"http://{named}:{number}/" + (f"?token={token}" if token else ""))
        try:
            server.run(sockets=[place])
        finally:
            desk.close()


def check_token(host: str, token: str | None) -> str | None:
    """Beyond loopback a token is needed; a short one, or one that no address can carry, is none."""
    if token is None and not is_loopback(host):
        raise UserError(
            Problem(
                "other machines could reach this page: it needs a token",
                key="--token",
                found=f"--host {host} without one",
                expected=f"--token or {TOKEN} with at least {LEAST_TOKEN} letters and digits, or --host 127.0.0.1",
            )
        )
    if token is not None and (len(token) < LEAST_TOKEN or not (token.isascii() and token.isalnum())):
        raise UserError(
            Problem(
                "this token is too weak or cannot stand in an address",
                key="--token",
                expected=f"at least {LEAST_TOKEN} letters and digits",
            )
        )
    return token


def listening(host: str, port: int) -> socket.socket:
    """A socket bound and listening; UserError where the port is taken or the address is not this machine's."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    place = socket.socket(family, socket.SOCK_STREAM)
    place.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        place.bind((host, port))
        place.listen(64)
    except (OSError, OverflowError) as error:
        place.close()
        taken = isinstance(error, OSError) and error.errno == errno.EADDRINUSE
        why = "this port is taken" if taken else f"cannot listen here: {getattr(error, 'strerror', None) or error}"
        expected = "another --port, or --port 0 for one that is free" if taken else "an address of this machine"
        raise UserError(
            Problem(why, key="--port" if taken else "--host", found=f"{host}:{port}", expected=expected)
        ) from None
    return place
