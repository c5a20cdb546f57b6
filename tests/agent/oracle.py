"""Google's protobuf as the judge of our remote-write bytes."""

from typing import Any, Final

import cramjam
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

Series = tuple[list[tuple[str, str]], list[tuple[float, int]]]
_LABEL, _MESSAGE, _STRING, _DOUBLE, _INT64 = 3, 11, 9, 1, 3


def _messages() -> Any:
    file = descriptor_pb2.FileDescriptorProto(name="remote.proto", package="remote", syntax="proto3")

    def message(name: str, *fields: tuple[str, int, int, str]) -> None:
        made = file.message_type.add(name=name)
        for field, number, kind, type_name in fields:
            label = 3 if kind == _MESSAGE else 1
            made.field.add(name=field, number=number, type=kind, label=label, type_name=type_name or None)

    message("Label", ("name", 1, _STRING, ""), ("value", 2, _STRING, ""))
    message("Sample", ("value", 1, _DOUBLE, ""), ("timestamp", 2, _INT64, ""))
    message(
        "TimeSeries", ("labels", 1, _MESSAGE, ".remote.Label"), ("samples", 2, _MESSAGE, ".remote.Sample")
    )
    message("WriteRequest", ("timeseries", 1, _MESSAGE, ".remote.TimeSeries"))
    pool = descriptor_pool.DescriptorPool()
    described = pool.AddSerializedFile(file.SerializeToString())
    return message_factory.GetMessageClass(described.message_types_by_name["WriteRequest"])


_WriteRequest: Final = _messages()


def decode(body: bytes) -> list[Series]:
    """Return every series of a compressed request: labels in order, then (value, ms) samples."""
    request = _WriteRequest.FromString(bytes(cramjam.snappy.decompress_raw(body)))
    return [
        (
            [(label.name, label.value) for label in series.labels],
            [(sample.value, sample.timestamp) for sample in series.samples],
        )
        for series in request.timeseries
    ]
