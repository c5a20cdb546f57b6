"""STAMP (RFC 8762) and TWAMP Light (RFC 5357, Appendix I): packets (pure), reflector, session of a sender."""
