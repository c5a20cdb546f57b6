"""A mail server on loopback: as much of RFC 5321 and RFC 3207 as a probe sees."""

import asyncio
import ssl
from collections.abc import Mapping

from tests.exporters.servers import Handler

GOOD: Mapping[str, bytes] = {
    "banner": b"220 mail.example ESMTP\r\n",
    "EHLO": b"250-mail.example greets you\r\n250-PIPELINING\r\n250 STARTTLS\r\n",
    "STARTTLS": b"220 go ahead\r\n",
    "QUIT": b"221 bye\r\n",
}


def mail_server(tls: ssl.SSLContext | None, heard: list[str] | None = None, **changes: bytes) -> Handler:
    """Return a handler; ``changes`` replace answers, an empty one leaves the client waiting."""
    answers = {**GOOD, **changes}

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(answers["banner"])
        while line := await reader.readline():
            words = line.decode().rstrip("\r\n")
            if heard is not None:
                heard.append(words)
            order = words.split(" ")[0]
            writer.write(answers.get(order, b"502 what?\r\n"))
            await writer.drain()
            if order == "STARTTLS" and tls is not None and answers[order].startswith(b"220"):
                await writer.start_tls(tls)
            elif order == "QUIT" and answers[order]:
                break

    return handle
