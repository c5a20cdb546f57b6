"""``thongsuot ingest F``: the gateway that agents push to, before Prometheus or another engine."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from common.i18n import t
from deploy.commands._refuse import refuse

if TYPE_CHECKING:
    from deploy.ingest.engine import Engine
    from deploy.ingest.listen import Identity
    from inventory.model import Inventory

NAME = "ingest"
AREA = "ingest"
DEFAULT_LISTEN = "0.0.0.0:9499"
DEFAULT_PAGE = "127.0.0.1:9492"
DEFAULT_ENGINE = "http://127.0.0.1:9490/api/v1/write"
MAX_SECRET_BYTES = 8192


def add(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    option = parser.add_argument
    option("inventory", type=Path, metavar="FILE", help=t("ingest.argument_inventory"))
    option("--state", type=Path, metavar="DIR", help=t("ingest.option_state"))
    option("--listen", default=DEFAULT_LISTEN, metavar="HOST:PORT", help=t("ingest.option_listen"))
    option("--page-listen", default=DEFAULT_PAGE, metavar="HOST:PORT", help=t("ingest.option_page"))
    option("--certificate", type=Path, metavar="FILE", help=t("ingest.option_certificate"))
    option("--certificate-key", type=Path, metavar="FILE", help=t("ingest.option_certificate_key"))
    option("--client-ca", type=Path, metavar="FILE", help=t("ingest.option_client_ca"))
    option("--client-crl", type=Path, metavar="FILE", help=t("ingest.option_client_crl"))
    option("--plain-http", action="store_true", help=t("ingest.option_plain_http"))
    option("--forward", default=DEFAULT_ENGINE, metavar="URL", help=t("ingest.option_forward"))
    option("--forward-metrics", default="", metavar="URL", help=t("ingest.option_forward_metrics"))
    option("--forward-tenant", metavar="ID", help=t("ingest.option_forward_tenant"))
    option(
        "--forward-header", action="append", default=[], metavar="NAME=FILE",
        help=t("ingest.option_forward_header"),
    )  # fmt: skip


def run(arguments: argparse.Namespace) -> int:
    """Serve until SIGTERM or Ctrl-C. Exit status: 0 stopped, 1 cannot serve, 2 wrong use or input."""
    import asyncio

    from common import statedir
    from common.web import ListenError, parse_listen
    from deploy.commands._inventory import read
    from deploy.ingest import service

    inventory = read(arguments.inventory)
    if inventory is None:
        return 2
    try:
        parse_listen(arguments.listen)
        parse_listen(arguments.page_listen)
        options = service.Options(
            inventory=arguments.inventory.absolute(),
            directory=(arguments.state or statedir.default()).absolute() / "hub" / "ingest",
            listen=arguments.listen,
            page=arguments.page_listen,
            engine=_engine(arguments),
            identity=_identity(arguments, inventory),
        )
    except (ListenError, ValueError) as error:
        return refuse(error, 2)
    try:
        asyncio.run(service.run(options, inventory, _announce))
    except (service.Unusable, ListenError, OSError) as error:
        return refuse(error, 1)
    return 0


def _identity(arguments: argparse.Namespace, inventory: "Inventory") -> "Identity | None":
    """Return the files for TLS: as the options say, else as the inventory. Raises ValueError."""
    from deploy.ingest.listen import Identity
    from inventory.model import Ingest

    said = inventory.hub.ingest or Ingest()
    certificate = arguments.certificate or said.certificate_file
    plain = arguments.plain_http or (said.plain_http and arguments.certificate is None)
    if (certificate is None) != plain:
        raise ValueError(t("ingest.needs_certificate"))
    if certificate is None:
        return None
    return Identity(
        certificate=Path(certificate),
        key=_path(arguments.certificate_key or said.certificate_key_file),
        client_ca=_path(arguments.client_ca or said.client_ca_file),
        client_crl=_path(arguments.client_crl or said.client_crl_file),
    )


def _path(text: str | Path | None) -> Path | None:
    return Path(text) if text else None


def _engine(arguments: argparse.Namespace) -> "Engine":
    """Return what is behind the gateway. Secrets come from files. Raises ValueError."""
    from urllib.parse import urlsplit

    from deploy.ingest.engine import Engine

    for url in filter(None, (arguments.forward, arguments.forward_metrics)):
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.username is not None:
            raise ValueError(t("ingest.wrong_forward", url=url))
    headers = {"X-Scope-OrgID": arguments.forward_tenant} if arguments.forward_tenant else {}
    for given in arguments.forward_header:
        name, _, path = given.partition("=")
        headers[name] = _secret(name, path)
    return Engine(url=arguments.forward, headers=headers, metrics_url=arguments.forward_metrics)


def _secret(name: str, path: str) -> str:
    """Return the first line of a file; errors never show what is in it. Raises ValueError."""
    try:
        with open(path, "rb") as file:
            lines = file.read(MAX_SECRET_BYTES).decode("ascii").splitlines()
    except (OSError, UnicodeDecodeError):
        lines = []
    usable = name and all(letter.isalnum() or letter == "-" for letter in name) and name.isascii()
    if not usable or not lines or not lines[0].strip().isprintable() or not lines[0].strip():
        raise ValueError(t("ingest.wrong_header", given=f"{name}={path}"))
    return lines[0].strip()


def _announce(url: str) -> None:
    print(t("ingest.listening", url=url), flush=True)
