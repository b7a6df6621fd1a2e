"""SNMP: sessions, profiles as data, and the collector that joins them.

An answer's way: `session` brings it, `ask` sizes the requests, `recognise` and `discover` say what to ask (from
`profile` and `profiles/*.toml`), `translate` says what it means, `estimate` fills in for power that is not told.
"""

from collectors.snmp.collector import SnmpCollector

__all__ = ["SnmpCollector"]
