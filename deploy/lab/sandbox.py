"""The outer process: starts the sandbox, forwards the wish to stop, and leaves nothing behind.

The sandbox is one ``unshare`` with network, mount and process namespaces (and a user namespace where
we are not root). Its processes die with its first process, that one with ``unshare``
(``--kill-child``), and ``unshare`` with us (``setpriv --pdeathsig``): so even ``kill -9`` of any of
them removes every process, namespace and mount.
"""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import msgspec
import psutil

from common.i18n import t
from deploy.lab.order import Order, Places

_STOP_SECONDS: Final = 20.0
_PROGRAMS: Final = ("unshare", "setpriv", "nsenter", "mount")


class Refused(Exception):  # noqa: N818 - reads as what it says: the machine refused
    """This machine cannot run the lab as asked; the message says what to do."""


def unshare_command() -> list[str]:
    """Return the words before the sandboxed command."""
    words = ["setpriv", "--pdeathsig", "KILL", "unshare", "--net", "--mount", "--pid", "--fork"]
    words += ["--kill-child=KILL", "--mount-proc"]
    return words if os.geteuid() == 0 else [*words, "--map-root-user"]


def check() -> None:
    """Raise Refused when this machine does not let us make namespaces."""
    for program in _PROGRAMS:
        if shutil.which(program) is None:
            raise Refused(t("lab.no_program", program=program))
    try:
        done = subprocess.run(
            [*unshare_command(), "true"], capture_output=True, text=True, timeout=20, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Refused(t("lab.no_namespaces", problem=error)) from error
    if done.returncode != 0:
        raise Refused(t("lab.no_namespaces", problem=done.stderr.strip()))


@contextlib.contextmanager
def listening(ports: Sequence[int]) -> Iterator[dict[int, socket.socket]]:
    """Listen on these ports of this machine's loopback; whoever inherits the sockets accepts from them
    whatever namespace it is in. Raises Refused, naming a port that is taken."""
    with contextlib.ExitStack() as stack:
        found = {}
        for port in ports:
            listener = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_STREAM))
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                listener.bind(("127.0.0.1", port))
            except OSError as error:
                raise Refused(t("lab.port_busy", port=port, problem=error.strerror)) from None
            listener.listen(64)
            found[port] = listener
        yield found


def prepare(run: Path, keep: bool) -> None:
    """Make the run's directory, empty unless what the last run left is to be kept."""
    if run.exists() and not keep:
        shutil.rmtree(run)
    run.mkdir(parents=True, exist_ok=True)
    places = Places(run)
    places.sink.unlink(missing_ok=True)  # pages of an earlier run are not pages of this one


def start(order: Order, listeners: dict[int, socket.socket]) -> int:
    """Run ``order`` in a sandbox until it ends or we are told to stop; returns its exit status."""
    read, write = os.pipe()
    leash = _Leash(write)
    fds = {port: listener.fileno() for port, listener in listeners.items()}
    order = msgspec.structs.replace(order, leash=read, listeners=fds)
    command = [*unshare_command(), sys.executable, "-m", "deploy.lab", msgspec.json.encode(order).decode()]
    with leash.signals():
        # A session of its own: Ctrl-C reaches only us, so that everything inside ends in order.
        child = subprocess.Popen(
            command, pass_fds=(read, *fds.values()), start_new_session=True, stdin=_stdin(order)
        )
        os.close(read)
        for listener in listeners.values():
            listener.close()  # the sandbox has them now; a refused connection is better than a hanging one
        _note_pid(child, Places(Path(order.run)))
        status = leash.wait(child)
    return status if status >= 0 else 128 - status  # ended by a signal: as a shell would say it


def _stdin(order: Order) -> int | None:
    return None if order.mode in {"serve", "exec"} else subprocess.DEVNULL


class _Leash:
    """The write end of the pipe that the sandbox watches: closing it says stop."""

    def __init__(self, write: int) -> None:
        self._write = write
        self._pulled_at: float | None = None

    def pull(self, *_: object) -> None:
        """Ask the sandbox to end; the second time, or when it takes too long, it is killed."""
        if self._pulled_at is None:
            os.close(self._write)
            self._pulled_at = time.monotonic()
        else:
            self._pulled_at = -_STOP_SECONDS

    @contextlib.contextmanager
    def signals(self) -> Iterator[None]:
        """Pull on Ctrl-C, SIGTERM and a closed terminal."""
        wanted = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        before = {number: signal.signal(number, self.pull) for number in wanted}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def wait(self, child: subprocess.Popen[bytes]) -> int:
        """Return the exit status of the sandbox's first process."""
        while True:
            with contextlib.suppress(subprocess.TimeoutExpired):
                return child.wait(timeout=0.2)
            if self._pulled_at is not None and time.monotonic() - self._pulled_at > _STOP_SECONDS:
                child.kill()


def _note_pid(child: subprocess.Popen[bytes], places: Places) -> None:
    """Write down the sandbox's first process as numbered out here, for ``lab --exec``."""
    deadline = time.monotonic() + 5
    while child.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(psutil.Error):
            children = psutil.Process(child.pid).children()
            if children:
                places.pid.write_text(f"{children[0].pid}\n", encoding="ascii")
                return
        time.sleep(0.02)


def enter_command(places: Places, node: str, words: Sequence[str]) -> list[str]:
    """Return the command that runs ``words`` in a node of a running lab, from outside.

    Raises Refused when no lab runs here or has no such node.
    """
    try:
        pid = int(places.pid.read_text(encoding="ascii"))
        os.kill(pid, 0)
    except (OSError, ValueError):
        raise Refused(t("lab.not_running", path=places.run)) from None
    own = [] if os.geteuid() == 0 else ["--user", "--preserve-credentials"]
    outer = ["nsenter", f"--target={pid}", *own, "--mount", "--pid"]
    return [*outer, "--", "nsenter", f"--net={places.namespaces / node}", "--", *words]
