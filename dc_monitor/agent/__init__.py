"""The agent: devices read on schedule, into the spool, out to the sinks."""
