"""ICMP echo: packets (pure), the kernel's error queue (pure), and one socket for all targets."""
