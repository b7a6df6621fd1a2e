"""Which periods are what standards call a year."""

from datetime import UTC, datetime, timedelta


def twelve_months(start: int, end: int) -> bool:
    """Whether both ends are the midnight that begins a month somewhere on earth, twelve months apart."""
    months = []
    for edge in (start, end):
        near = datetime.fromtimestamp(edge // 10**9, UTC) + timedelta(hours=14)  # from UTC-12 to UTC+14
        first = near.replace(day=1, hour=0, minute=0, second=0)
        if near - first > timedelta(hours=26):
            return False
        months.append(12 * first.year + first.month)
    return months[1] - months[0] == 12
