"""HTTP/1.1 as a probe speaks it: one request a connection, every phase seen, every size bounded."""
