"""Errors in the kinds a caller acts on.

The message is a sentence for an operator: what was attempted, on what, what came back, what happens next or
what to do. It never holds a secret. Keep the cause with `raise … from error`.
"""


class DcMonitorError(Exception):
    """Anything we say to an operator instead of a stack trace."""


class Unreachable(DcMonitorError):
    """No answer: try again later."""


class Refused(DcMonitorError):
    """The other side said no (credentials, rights): a person must act."""


class Absent(DcMonitorError):
    """The device does not have it: no failure, and nothing to report."""


class Malformed(DcMonitorError):
    """The bytes make no sense; whoever catches it keeps them."""


class ConfigError(DcMonitorError):
    """The configuration cannot be used: says file, key and cure."""
