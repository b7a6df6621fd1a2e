"""A small server room that speaks SNMP for real, on loopback."""
