"""From one datagram to a notice, to an answer, or to the reason why there is neither. No sockets here."""

import hashlib
from collections import OrderedDict
from collections.abc import Iterable
from typing import NamedTuple

from collectors.snmp.endpoint import Community, UsmUser
from collectors.snmp.traps.meaning import Meanings
from collectors.snmp.traps.notification import NoNotification, acknowledgement, notification
from collectors.snmp.traps.opened import Dropped, Opened, by_community, version
from collectors.snmp.traps.secure import WINDOW, Receiver
from dc_monitor.clock import Clock
from dc_monitor.contract import Notice

MOST_REMEMBERED = 10_000
"""Notifications that must not count twice."""


class Heard(NamedTuple):
    """A notice, what is owed to its sender, and why there is no notice, where something is wrong."""

    notice: Notice | None
    reply: bytes = b""
    cause: str = ""


class Hearing:
    """Hears who shows one of these secrets; `receiver` is for users, and None where there are none."""

    def __init__(self, secrets: Iterable[Community | UsmUser], receiver: Receiver | None, clock: Clock) -> None:
        self._communities = {secret.text.encode() for secret in secrets if isinstance(secret, Community)}
        self._receiver = receiver
        self._clock = clock
        self._meanings = Meanings()
        self._heard = Lately(WINDOW, MOST_REMEMBERED)

    def hear(self, datagram: bytes, source: str) -> Heard:
        """What comes of a datagram of that address; never raises."""
        try:
            opened = self._opened(datagram)
            said = notification(opened.pdu)
            reply = opened.answer(acknowledgement(opened.pdu)) if said.confirmed else b""
            if said.confirmed or opened.signer:
                what = (opened.signer or source.encode()) + opened.pdu
                if self._heard.knows(what, self._clock.monotonic()):
                    return Heard(None, reply, "repeated")
            return Heard(Notice(source, said.origin, self._clock.now(), *self._meanings.of(said)), reply)
        except Dropped as dropped:
            return Heard(None, dropped.reply, dropped.cause)
        except NoNotification:
            return Heard(None, cause="kind")
        except Exception:  # a codec trips over garbage in many ways, and anybody may send some
            return Heard(None, cause="malformed")

    def _opened(self, datagram: bytes) -> Opened:
        if version(datagram) != 3:
            return by_community(datagram, self._communities)
        if self._receiver is None:
            raise Dropped("user")
        return self._receiver.open(datagram)


class Lately:
    """What was seen in the last so many seconds, `most` of it."""

    def __init__(self, seconds: float, most: int) -> None:
        self._seconds, self._most = seconds, most
        self._seen: OrderedDict[bytes, float] = OrderedDict()

    def knows(self, content: bytes, now: float) -> bool:
        """Whether it was seen; from now on it is."""
        while self._seen and (next(iter(self._seen.values())) < now - self._seconds or len(self._seen) >= self._most):
            self._seen.popitem(last=False)
        key = hashlib.blake2b(content, digest_size=16).digest()
        known = key in self._seen
        self._seen.setdefault(key, now)
        return known
