"""BER as far as an SNMP message around its PDU needs it: tag, length, content. PDUs are the engines' own matter."""

INTEGER, OCTETS, OID, SEQUENCE = 0x02, 0x04, 0x06, 0x30


def element(tag: int, *contents: bytes) -> bytes:
    """An element around its content, which is shorter than 64 KiB."""
    content = b"".join(contents)
    size = len(content)
    length = bytes([size]) if size < 0x80 else b"\x82" + size.to_bytes(2, "big")
    return bytes([tag]) + length + content


def integer(number: int) -> bytes:
    """An INTEGER that is not negative."""
    return element(INTEGER, number.to_bytes(number.bit_length() // 8 + 1, "big"))


def number(content: bytes) -> int:
    """What the content of an INTEGER means."""
    return int.from_bytes(content, "big", signed=True)


def whole(data: bytes) -> slice:
    """All of the data, for `fields` to look within."""
    return slice(0, len(data))


def fields(data: bytes, within: slice, *tags: int) -> list[slice]:
    """Where the contents of consecutive elements stand, which must have these tags; raises `ValueError`."""
    found, at = [], within.start
    for tag in tags:
        if within.stop - at < 2 or data[at] != tag:
            raise ValueError(f"no element of tag {tag:#04x} at {at}")
        size, start = data[at + 1], at + 2
        if size & 0x80:
            if not 0x81 <= size <= 0x84:
                raise ValueError(f"an element at {at} of no length")
            start += size & 0x7F
            size = int.from_bytes(data[at + 2 : start], "big")
        at = start + size
        if at > within.stop:
            raise ValueError(f"an element that would end at {at} is cut short")
        found.append(slice(start, at))
    return found
