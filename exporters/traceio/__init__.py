"""Traces: what path they show (pure), which hop is asked next (pure), and the packets themselves."""
