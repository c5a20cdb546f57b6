"""SNMP v2c and v3 (RFC 3416, RFC 3414) as collectors need it: few values, a deadline, closed reasons.

pysnmp makes and reads the messages; socket, deadline, retries and judgement are ours. It is imported
only where an agent has a router to ask.
"""
