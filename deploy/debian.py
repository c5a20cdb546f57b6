"""Debian's own programs, found where they are installed or unpacked below the state directory.

Installing Debian's prometheus packages starts services, so they are downloaded and unpacked instead:
nothing is installed, nothing is started, and it works without root. apt does the downloading, so
packages are checked against the archive's signatures as ever.
"""

import os
import shutil
import subprocess
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Final

from common import statedir
from common.i18n import t

PACKAGES: Final[Mapping[str, str]] = {
    "prometheus": "prometheus",
    "promtool": "prometheus",
    "prometheus-alertmanager": "prometheus-alertmanager",
    "amtool": "prometheus-alertmanager",
    "nginx": "nginx",
    "dnsmasq": "dnsmasq-base",
    "chronyd": "chrony",
    "nft": "nftables",
    "openssl": "openssl",
    "snmpd": "snmpd",
    "prometheus-blackbox-exporter": "prometheus-blackbox-exporter",
    "fping": "fping",
    "tinyproxy": "tinyproxy-bin",
    "iperf3": "iperf3",
    "tshark": "tshark",
    "upsc": "nut-client",
    "dummy-ups": "nut-server",
    "vmagent": "victoria-metrics",
}
"""Debian package by program."""

ALIASES: Final[Mapping[str, str]] = {
    "alertmanager": "prometheus-alertmanager",
    "blackbox_exporter": "prometheus-blackbox-exporter",
}
"""Debian's name by the name that upstream uses."""

HUB: Final = ("prometheus", "promtool", "prometheus-alertmanager", "amtool")
LAB: Final = (
    *HUB,
    "nginx",
    "tinyproxy",
    "dnsmasq",
    "chronyd",
    "nft",
    "openssl",
    "snmpd",
    "iperf3",
    "tshark",
    "upsc",
    "dummy-ups",
)
BENCH: Final = (*LAB, "prometheus-blackbox-exporter", "fping", "vmagent")

_BIN: Final = ("usr/bin", "usr/sbin", "bin", "sbin", "lib/nut")
_SYSTEM: Final = ("/usr/local/sbin", "/usr/sbin", "/sbin", "/lib/nut")  # not in the $PATH of a plain user
_VERSION_FLAG: Final = {
    "nginx": "-v",
    "tinyproxy": "-v",
    "openssl": "version",
    "upsc": "-V",
    "dummy-ups": "-V",
    "vmagent": "-help",  # Debian's build does not know its version
}
_VERSION_SECONDS: Final = 30
_APT_SECONDS: Final = 900
Say = Callable[[str], None]


class ToolMissing(Exception):  # noqa: N818 - reads as what it says: the tool is missing
    """A program that is neither installed nor unpacked; the message says what to run."""

    def __init__(self, program: str) -> None:
        command = "thongsuot tools" if program in LAB else "thongsuot tools --bench"
        package = PACKAGES.get(program, program)
        super().__init__(t("tools.missing", program=program, package=package, command=command))
        self.program = program


class FetchFailed(Exception):  # noqa: N818 - reads as what it says: the fetch failed
    """apt or dpkg could not do it; the message carries the end of what they said."""


def directory() -> Path:
    """Return where packages are unpacked: ``<state directory>/debian``."""
    return statedir.default() / "debian"


def find(program: str) -> Path:
    """Return the path of ``program``: from $PATH, else unpacked. Raises ToolMissing."""
    name = ALIASES.get(program, program)
    search = os.pathsep.join((os.environ.get("PATH", os.defpath), *_SYSTEM))
    for candidate in (program, name):
        installed = shutil.which(candidate, path=search)
        if installed:
            return Path(installed)
    for folder in _BIN:
        unpacked = directory() / folder / name
        if os.access(unpacked, os.X_OK):
            return unpacked
    raise ToolMissing(name)


def environment() -> dict[str, str]:
    """Return this process's environment, with unpacked libraries where the loader finds them."""
    found = dict(os.environ)
    own = [str(path) for path in _libraries()]
    if own:
        found["LD_LIBRARY_PATH"] = os.pathsep.join((*own, *filter(None, [found.get("LD_LIBRARY_PATH")])))
    return found


def _libraries() -> list[Path]:
    """Directories of unpacked shared libraries (``usr/lib``, its multiarch directory)."""
    folders = (directory() / "usr/lib", directory() / "lib")
    candidates = [path for folder in folders for path in (folder, *folder.glob("*-linux-*"))]
    return [path for path in candidates if any(path.glob("*.so*"))]


def missing(programs: Iterable[str]) -> list[str]:
    """Return those of ``programs`` that :func:`find` does not find."""
    absent = []
    for program in programs:
        try:
            find(program)
        except ToolMissing:
            absent.append(program)
    return absent


def version(program: str) -> str:
    """Run ``program`` for its version; returns the first line. Raises ToolMissing, FetchFailed."""
    path = find(program)
    flag = _VERSION_FLAG.get(path.name, "--version")
    command = [str(path), flag]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=_VERSION_SECONDS, env=environment(), check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise FetchFailed(t("tools.broken", program=path, problem=error)) from error
    said = (done.stdout or done.stderr).strip()
    if done.returncode != 0 or not said:
        raise FetchFailed(t("tools.broken", program=path, problem=said or done.returncode))
    return said.splitlines()[0]


def fetch(programs: Iterable[str], say: Say) -> None:
    """Download and unpack what is missing of ``programs``, telling ``say`` of each step.

    Raises FetchFailed, whose message says what to do. A second call downloads nothing.
    """
    absent = missing(programs)
    if not absent:
        return
    if shutil.which("apt-get") is None or shutil.which("dpkg") is None:
        raise FetchFailed(t("tools.no_apt", programs=" ".join(absent)))
    directory().mkdir(parents=True, exist_ok=True)
    try:
        with statedir.Lock(directory()):
            _download_and_unpack(missing(absent), say)
    except statedir.Busy as busy:
        raise FetchFailed(t("tools.busy", path=busy)) from None
    still = missing(absent)
    if still:
        raise FetchFailed(t("tools.not_in_package", programs=" ".join(still)))


def _download_and_unpack(programs: list[str], say: Say) -> None:
    packages = sorted({PACKAGES[program] for program in programs})
    if not packages:
        return
    archives = directory() / "archives"
    (archives / "partial").mkdir(parents=True, exist_ok=True)
    say(t("tools.downloading", packages=" ".join(packages)))
    _download(packages, archives, say)
    files = sorted(archives.glob("*.deb"))
    say(t("tools.unpacking", count=len(files), path=directory()))
    for file in files:
        _run(["dpkg", "-x", str(file), str(directory())])
        file.unlink()  # a hundred megabytes that nobody needs twice


def _download(packages: list[str], archives: Path, say: Say) -> None:
    """Download with the machine's package lists, else with fresh lists of our own."""
    install = ["-d", "-y", "--no-install-recommends", "install", *packages]
    try:
        _apt(install, archives)
    except FetchFailed:
        lists = directory() / "lists"
        (lists / "partial").mkdir(parents=True, exist_ok=True)
        say(t("tools.updating"))
        _apt(["update"], archives, lists)
        _apt(install, archives, lists)


def _apt(words: list[str], archives: Path, lists: Path | None = None) -> None:
    options = {
        "Dir::Cache": str(directory() / "cache"),
        "Dir::Cache::Archives": str(archives),
        "Debug::NoLocking": "1",
        "APT::Sandbox::User": "root",  # the archive directory is ours, not _apt's
        "APT::Update::Post-Invoke": "/bin/true",  # Debian's hook cleans a system directory
    }
    if lists is not None:
        options["Dir::State::Lists"] = str(lists)
    _run(["apt-get", "-q", *(word for k, v in options.items() for word in ("-o", f"{k}={v}")), *words])


def _run(command: list[str]) -> None:
    environment_ = dict(os.environ, DEBIAN_FRONTEND="noninteractive", LC_ALL="C.UTF-8")
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=_APT_SECONDS, env=environment_, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise FetchFailed(t("tools.failed", command=command[0], problem=error)) from error
    if done.returncode != 0:
        problem = " / ".join((done.stderr or done.stdout).strip().splitlines()[-3:])
        raise FetchFailed(t("tools.failed", command=command[0], problem=problem))
