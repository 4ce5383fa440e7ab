"""run: the server process, and the workers when there are several.

Uvicorn does the work; this says how, checks beforehand what would otherwise end every worker in
turn, and translates uvicorn's exits into `ServeError`.
"""

from __future__ import annotations

import contextlib
import errno
import functools
import logging
import os
import shutil
import signal
import socket
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import uvicorn
from uvicorn.supervisors import Multiprocess

from housing_cli.api.app import create_app
from housing_cli.api.http.auth import ApiKeys
from housing_cli.api.process import worker_metrics
from housing_cli.api.process.draining import DRAIN_SECONDS
from housing_cli.api.process.event_log import log_config
from housing_cli.api.process.protocol import protocol_class
from housing_cli.api.served import followed
from housing_cli.config.settings import Serve
from housing_cli.errors import HousingError, ServeError
from housing_cli.prediction_log import open_log
from housing_cli.registry import open_reader

if TYPE_CHECKING:
    from fastapi import FastAPI

    from housing_cli.api.early import EarlyLoad
    from housing_cli.config import Settings

BACKLOG = 2048
# A worker that starts on a busy, small machine takes longer than uvicorn's 5 s, and would be killed
# and started again for ever.
WORKER_SECONDS = 60
_NOT_HERE = frozenset({errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT, errno.EINVAL})

logger = logging.getLogger("housing.serve")


def run(settings: Settings, early: EarlyLoad | None = None, carried: Sequence[str] = ()) -> int:
    """Serve until a signal says stop; return 0.

    carried: options with which a command comes to the same settings. `early` is for a lone process.
    Workers get `settings` through the pipe that starts them: API keys are in no environment.

    Raises:
        ServeError: the port is taken, the log cannot be written, or the server failed to start.
    """
    keys = check(settings)
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    with _listening(settings) as listener, _quiet_signals(), _shared_metrics(settings):
        config = _config(settings, early, keys, carried)
        # Port 0 means any free one, so that only the socket knows which.
        host, port = listener.getsockname()[:2]
        url = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
        logger.info("serving on %s (Ctrl-C ends it)", url)
        try:
            if settings.serve.workers > 1:
                started = _run_workers(config, listener)
            else:
                server = uvicorn.Server(config)
                server.run(sockets=[listener])
                started = server.started
        except KeyboardInterrupt:
            return 0
        except SystemExit as error:  # how uvicorn says that the application did not start
            raise _not_started() from error
    if not started:
        raise _not_started()
    return 0


def check(settings: Settings) -> ApiKeys:
    """Return the API keys; raise `ServeError` for what would keep any worker from its work."""
    keys = ApiKeys(settings.api.keys, settings.api.keys_file)
    if os.environ.get(worker_metrics.VARIABLE):
        worker_metrics.prepare()
    schema = settings.schema()
    reader = open_reader(settings)
    try:
        schema = reader.get(followed(settings)).metadata.schema
    except HousingError:
        # Production may come later, or be mended; any other name that is none is a typing error.
        if followed(settings) != Serve().version:
            raise
    log = open_log(settings.log.url, schema, fsync=settings.log.fsync)
    try:
        log.check()
    except HousingError as error:
        raise ServeError(
            f"the prediction log cannot be used: {error.message}",
            error.hint or "mend `log.url`, or the place that it names",
        ) from error
    finally:
        log.close()
    return keys


class Supervisor(Multiprocess):
    """Uvicorn's supervisor, which notices at once when a worker dies, and ends with its terminal.

    Uvicorn keeps the worker's end of their pipe open, too: a worker that dies when it was asked
    for a sign of life, and has not given it yet, would be waited for and not replaced for a minute.
    """

    def __init__(self, config: uvicorn.Config, sockets: list[socket.socket]) -> None:
        ignored = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
        super().__init__(config, sockets)
        if ignored:  # `nohup` wants it so
            signal.signal(signal.SIGHUP, signal.SIG_IGN)

    def handle_hup(self) -> None:
        """Stop: uvicorn would start workers anew, which learn nothing by that, and live on."""
        self.handle_term()

    def terminate_all(self) -> None:
        """Stop the workers, and let who comes when they are gone be refused and not wait."""
        super().terminate_all()
        for listener in self.sockets:
            listener.close()

    def keep_subprocess_alive(self) -> None:
        """Replace workers that died."""
        for process in self.processes:
            process.child_conn.close()
        super().keep_subprocess_alive()


def _run_workers(config: uvicorn.Config, listener: socket.socket) -> bool:
    workers = Supervisor(config, sockets=[listener])
    workers.run()
    # Asked to stop by a signal, or by a worker that could not start?
    from uvicorn.config import STARTUP_FAILURE

    return all(process.exitcode != STARTUP_FAILURE for process in workers.processes)


def _config(
    settings: Settings, early: EarlyLoad | None, keys: ApiKeys, carried: Sequence[str]
) -> uvicorn.Config:
    serve = settings.serve
    factory: functools.partial[FastAPI] = functools.partial(
        create_app, settings, early, keys, list(carried)
    )
    return uvicorn.Config(
        factory,
        factory=True,
        interface="asgi3",
        host=serve.host,
        port=serve.port,
        workers=serve.workers,
        loop="uvloop",
        http=protocol_class(serve.header_timeout, serve.request_timeout),
        ws="none",
        lifespan="on",
        log_config=log_config(serve.log_level, as_json=serve.access_log),
        access_log=False,
        server_header=False,
        backlog=BACKLOG,
        timeout_graceful_shutdown=max(1, int(serve.grace_seconds - DRAIN_SECONDS)),
        timeout_worker_healthcheck=WORKER_SECONDS,
    )


@contextlib.contextmanager
def _listening(settings: Settings) -> Iterator[socket.socket]:
    """Bind the port before anything starts, so that a port in use is one clear error."""
    serve = settings.serve
    listener: socket.socket | None = None
    try:
        info = socket.getaddrinfo(
            serve.host, serve.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
        family, kind, number, _, address = info[0]
        listener = socket.socket(family, kind, number)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(BACKLOG)
    except OSError as error:
        if listener is not None:
            listener.close()
        raise ServeError(
            f"cannot listen on {serve.host}:{serve.port}: {(error.strerror or str(error)).lower()}",
            _advice(error),
        ) from error
    listener.set_inheritable(True)
    try:
        yield listener
    finally:
        listener.close()


def _advice(error: OSError) -> str:
    """Return what helps against an address that cannot be had."""
    if isinstance(error, socket.gaierror) or error.errno in _NOT_HERE:
        return "`--host` is an address of this machine, such as 127.0.0.1, or 0.0.0.0 for all"
    if error.errno in {errno.EACCES, errno.EPERM}:
        return "choose a `--port` above 1023, or allow this user the ones below"
    return "stop what listens there, or choose another `--port`"


@contextlib.contextmanager
def _quiet_signals() -> Iterator[None]:
    """Let a signal that uvicorn has obeyed, and raises once more at its end, do nothing."""
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    for number in before:
        signal.signal(number, lambda *_: None)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def _shared_metrics(settings: Settings) -> Iterator[None]:
    """Give several workers one directory for their metrics, and remove it at the end."""
    if settings.serve.workers == 1 or worker_metrics.VARIABLE in os.environ:
        yield
        return
    directory = worker_metrics.new_directory(settings.serve.workers)
    if directory is None:
        logger.warning("metrics_not_shared: no room for the files of metrics: workers count alone")
        yield
        return
    os.environ[worker_metrics.VARIABLE] = str(directory)
    try:
        yield
    finally:
        del os.environ[worker_metrics.VARIABLE]
        shutil.rmtree(directory, ignore_errors=True)


def _not_started() -> ServeError:
    return ServeError("the server failed to start", "its messages above say why")
