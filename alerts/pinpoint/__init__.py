"""The locator at work: what Prometheus holds of the last seconds, turned into outages as they happen.

watching.py   what is measured over which path            (pure)
events.py     raw counters -> what completed when         (pure)
sight.py      what completed when -> counts on each path  (pure)
holding.py    causes, tick by tick -> outages             (pure)
"""
