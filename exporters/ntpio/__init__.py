"""Time servers: packets and clock arithmetic."""
