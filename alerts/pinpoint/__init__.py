"""The locator at work: what Prometheus holds of the last seconds, turned into outages as they happen.

Its parts, and why they are as they are: README.md beside this file.
"""
