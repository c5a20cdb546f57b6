"""A second look at a certificate that was refused, for somebody who asked: OpenSSL forgets it."""

import msgspec

from exporters.httpio.chain import note_certificates
from exporters.httpio.connection import connect_to, secure
from exporters.httpio.course import Course
from exporters.httpio.tls import context_for
from exporters.net.phases import Phases
from inventory.names import PROBE_HTTP_DURATION


async def show_chain(course: Course) -> None:
    """Shake hands once more, trusting nothing and sending nothing, and note the chain. Raises Failure."""
    request = course.request
    if course.notes is None or request is None or request.tls_files is None:
        return
    files = msgspec.structs.replace(request.tls_files, verify=False)
    request = msgspec.structs.replace(request, tls_files=files, tls=await context_for(files))
    phases = Phases(PROBE_HTTP_DURATION)
    connection = await connect_to(request, phases)
    with connection.wire:
        await secure(connection, request, phases)
        if connection.tls is not None:
            note_certificates(connection.tls)
