"""One request and its answer."""

from exporters.httpio.answer import Answer
from exporters.httpio.connection import Connection, connect_to, secure
from exporters.httpio.course import Course
from exporters.httpio.request import Request, encode
from exporters.net.failure import Failure
from exporters.net.wire import Wire
from inventory.names import Reason


async def exchange(request: Request, course: Course) -> Answer:
    """Send a request and read the answer, a redirect only as far as its header. Raises Failure.

    Has no deadline of its own; whatever happens, the connection is closed, or kept for the next request
    where that is wanted. A server may give up an idle connection at any time (RFC 9112, 9.3.1): what
    may be sent twice then goes out once more on a new one.
    """
    course.request = request
    again = request.method not in {"POST", "PATCH"}
    connection = course.pool.take(request) if course.pool is not None and again else None
    if connection is not None:
        try:
            return await _over(connection, request, course)
        except Failure as failure:
            if failure.reason is not Reason.RESET or course.proven:
                raise
    course.proven = False
    return await _over(await connect_to(request, course.phases), request, course)


async def _over(connection: Connection, request: Request, course: Course) -> Answer:
    kept = False
    try:
        if not connection.used:
            # That a proxy answers says nothing about what lies behind it.
            course.proven = request.proxy is None or request.tls is not None
            await secure(connection, request, course.phases)
            course.phases.leave()
        course.connected(request, connection)
        course.phases.enter("processing")
        await connection.wire.send(encode(request))
        answer = await _read(connection, request, course)
        course.phases.leave()
        if course.pool is not None and answer.reusable:
            course.pool.give(request, connection)
            kept = True
    finally:
        course.ended(connection)
        if not kept:
            connection.wire.close()
    return answer


async def _read(connection: Connection, request: Request, course: Course) -> Answer:
    everything = request.all_fields or course.notes is not None
    answer = Answer(request.method, request.max_body_bytes, request.keep_bytes, all_fields=everything)
    if course.notes is not None:
        course.reading = answer
    try:
        await _read_into(answer, connection.wire, course)
    finally:
        answer.let_go()
    return answer


async def _read_into(answer: Answer, wire: Wire, course: Course) -> None:
    data = await wire.receive()
    if data:
        course.proven = True
        course.phases.enter("transfer")
    while data:
        answer.feed(data)
        if answer.complete or (300 <= answer.status <= 399):
            return
        data = await wire.receive()
    answer.end()
