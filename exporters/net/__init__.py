"""What every probe over IP shares: addresses, name resolution, connections, reasons of failure."""
