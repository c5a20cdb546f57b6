"""Counters of network interfaces: what two readings say, and those of this machine."""
