"""Style, script and icon: read once, served under a name that changes with their content."""

import hashlib
from collections.abc import Mapping
from importlib.resources import files
from typing import Final

from aiohttp import web

_TYPES: Final = {
    "wall.css": "text/css",
    "wall.js": "text/javascript",
    "icon.svg": "image/svg+xml",
}


class Assets:
    """``urls`` maps a file's name to its address."""

    def __init__(self) -> None:
        directory = files("dashboards.wall").joinpath("static")
        self._content = {name: directory.joinpath(name).read_bytes() for name in _TYPES}
        self.urls: Mapping[str, str] = {
            name: f"/static/{name}?{hashlib.sha256(content).hexdigest()[:12]}"
            for name, content in self._content.items()
        }

    async def serve(self, request: web.Request) -> web.Response:
        """Answer ``/static/{name}``; a browser may keep it for a year, since its address is its content."""
        name = request.match_info["name"]
        if name not in self._content:
            raise web.HTTPNotFound
        return web.Response(
            body=self._content[name],
            content_type=_TYPES[name],
            charset="utf-8",
            headers={"Cache-Control": "public, max-age=31536000, immutable"},
        )
