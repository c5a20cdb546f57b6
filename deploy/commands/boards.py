"""``thongsuot boards export DIR`` and ``thongsuot boards push``: the Grafana boards."""

import argparse
import sys
from pathlib import Path
from typing import Any

from common.i18n import t

NAME = "boards"
AREA = "boards"
DEFAULT_PROMETHEUS = "http://127.0.0.1:9490"


def add(parser: argparse.ArgumentParser) -> None:
    """Add the two actions."""
    actions = parser.add_subparsers(metavar=t("boards.action"), required=True)
    export = _action(actions, "export", t("boards.export_help"))
    export.add_argument("directory", type=Path, metavar="DIR", help=t("boards.export_directory"))
    export.set_defaults(act=_export)
    push = _action(actions, "push", t("boards.push_help"))
    push.add_argument("--url", required=True, help=t("boards.push_url"))
    push.add_argument(
        "--token-file", type=Path, required=True, metavar="FILE", help=t("boards.push_token_file")
    )
    push.add_argument("--ca-file", type=Path, metavar="FILE", help=t("boards.push_ca_file"))
    push.add_argument(
        "--prometheus", default=DEFAULT_PROMETHEUS, metavar="URL", help=t("boards.push_prometheus")
    )
    push.set_defaults(act=_push)


def _action(actions: Any, name: str, text: str) -> argparse.ArgumentParser:
    """Add an action; the options of every command may stand before or after it."""
    from common.arguments import common_options

    shared = common_options(nested=True)
    child: argparse.ArgumentParser = actions.add_parser(name, help=text, description=text, parents=[shared])
    return child


def run(arguments: argparse.Namespace) -> int:
    """Do the action. Exit status: 0 done, 1 Grafana or the disk refused, 2 wrong input."""
    return int(arguments.act(arguments))


def _export(arguments: argparse.Namespace) -> int:
    from dashboards.grafana import export

    for name, body in export().items():
        path = arguments.directory / name
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(body)
        except OSError as error:
            print(t("boards.error_write", path=path, problem=error.strerror or error), file=sys.stderr)
            return 1
        print(t("boards.exported", path=path))
    return 0


def _push(arguments: argparse.Namespace) -> int:
    from dashboards.grafana import export, publish

    try:
        token = publish.read_token(arguments.token_file)
        api = publish.connect(arguments.url, token, arguments.ca_file)
        for change in publish.Publisher(api, arguments.url).push(arguments.prometheus, export()):
            what = t(f"boards.what_{change.kind}", name=change.name)
            print(t(f"boards.{change.action}", what=what))
    except publish.PushError as error:
        print(error, file=sys.stderr)
        return 2 if isinstance(error, publish.InputError) else 1
    return 0
