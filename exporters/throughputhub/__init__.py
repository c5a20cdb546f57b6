"""The hub's end of throughput tests: bytes and echoes over HTTP for whoever holds a lease."""
