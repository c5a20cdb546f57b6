"""``thongsuot boards export DIR``, ``push`` and ``check``: the Grafana boards."""

import argparse
import sys
from pathlib import Path
from typing import Any

from common.arguments import common_options
from common.i18n import current, t

NAME = "boards"
AREA = "boards"
DEFAULT_PROMETHEUS = "http://127.0.0.1:9490"


def add(parser: argparse.ArgumentParser) -> None:
    """Add the actions."""
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
    check = _action(actions, "check", t("boards.check_help"))
    check.add_argument(
        "--prometheus", default=DEFAULT_PROMETHEUS, metavar="URL", help=t("boards.check_prometheus")
    )
    check.set_defaults(act=_check)


def _action(actions: Any, name: str, text: str) -> argparse.ArgumentParser:
    """Add an action; the options of every command may stand before or after it."""
    shared = common_options(nested=True)
    child: argparse.ArgumentParser = actions.add_parser(name, help=text, description=text, parents=[shared])
    return child


def run(arguments: argparse.Namespace) -> int:
    """Do the action. Exit status: 0 done, 1 it failed or data are missing, 2 wrong input."""
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


def _check(arguments: argparse.Namespace) -> int:
    import asyncio
    import json

    from alerts.promapi import ApiError, PromApi
    from dashboards.grafana import export
    from dashboards.grafana.check import Finding, check_queries

    async def ask() -> tuple[Finding, ...]:
        async with PromApi(arguments.prometheus) as prometheus:
            await prometheus.query("vector(1)")  # where nobody answers: one line, not one a query
            return await check_queries(prometheus, [json.loads(body) for body in export().values()])

    try:
        found = asyncio.run(ask())
    except ApiError as error:
        print(t("boards.check_unreachable", url=arguments.prometheus, problem=error), file=sys.stderr)
        return 1
    failed = [finding for finding in found if finding.failed]
    # The boards of all languages ask alike: what is wrong nowhere is told of one.
    listed = [one for one in found if not one.failed and one.query.board.endswith(f"-{current()}")]
    for finding in (*listed, *failed):
        print(_told(finding))
    if not failed:
        print(t("boards.check_passed_but" if listed else "boards.check_passed", count=len(listed)))
    return 1 if failed else 0


def _told(finding: Any) -> str:
    """Return a query without data and why, in one line."""
    query = finding.query
    where = f"{query.board}: {query.panel} ({query.ref})"
    if finding.verdict == "refused":
        return t("boards.check_failed", where=where, problem=finding.detail, expression=query.expression)
    detail = finding.detail
    if finding.verdict == "young":
        detail = f"{float(detail) / 60:g}"
    return t(f"boards.check_{finding.verdict}", where=where, detail=detail, expression=query.expression)
