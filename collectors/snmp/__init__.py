"""SNMP: sessions, profiles as data, and the collector that joins them."""
