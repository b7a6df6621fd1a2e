"""What comes in from outside, and what stays out with its sentence."""

import gzip
import tracemalloc
import zlib

import pytest

from dc_monitor.errors import Malformed
from dc_monitor.site import admission as module
from dc_monitor.site.admission import Admission, TooLarge, unpack
from dc_monitor.wire import parse_lines

NOON = 1_795_608_000 * 10**9  # 2026-11-25T12:00:00Z
DAY = 86_400 * 10**9


def reasons(admission: Admission, *texts: str) -> list[tuple[int, str]]:
    return [(bad.line, bad.reason) for bad in admission.admit("\n".join(texts).encode(), "ns", NOON).refused]


@pytest.mark.parametrize(
    ("precision", "time"), [("ns", NOON), ("us", NOON // 10**3), ("ms", NOON // 10**6), ("s", NOON // 10**9)]
)
def test_every_precision_is_kept_in_nanoseconds(precision, time):
    """The journal knows one unit of time."""
    admitted = Admission("Caen-1").admit(f"power,device=a,point=p watts=1 {time}".encode(), precision, 0)

    assert ([NOON], [NOON]) == ([line.time for line in admitted.lines], [x.time for x in parse_lines(admitted.body)[0]])


def test_what_is_kept_reads_back_as_what_was_admitted():
    """Escapes, texts and foreign tags survive the journal."""
    body = (
        f"power,device=a\\ b,point=x\\,y watts=1.5 {NOON}\n"
        f'device,site=S\\=1,device=ups up=1,message="it said \\"no\\", \\\\ twice" {NOON}\n'
        "# a comment\n\n"
        f"cpu,host=h usage=1i,ok=true {NOON}\n"
    )
    admitted = Admission("Caen-1").admit(body.encode(), "ns", NOON)
    back, bad = parse_lines(admitted.body)

    assert ([], []) == (admitted.refused, bad)
    assert [(x.measurement, x.tags, x.fields, x.time) for x in admitted.lines] == [
        (x.measurement, x.tags, x.fields, x.time) for x in back
    ]


def test_a_line_without_site_point_method_or_time_is_completed():
    """Scripts and Telegraf write what they know; whose reading it is must not depend on the reader."""
    line = Admission("Caen-1").admit(b"power,device=a watts=1", "ns", NOON).lines[0]

    assert ({"site": "Caen-1", "device": "a", "point": "total", "method": "measured"}, NOON) == (line.tags, line.time)


def test_lines_of_other_tools_get_a_site_and_nothing_else():
    """`memory` is a quantity of ours and a measurement of Telegraf's."""
    line = Admission("Caen-1").admit(b"memory,host=h,method=magic used=1", "ns", NOON).lines[0]

    assert {"site": "Caen-1", "host": "h", "method": "magic"} == line.tags


REFUSED = {
    "no line protocol": ("nonsense", "expected `measurement,tags fields time`"),
    "seconds taken for nanoseconds": (
        "power,device=a watts=1 1795608000",
        "time 1795608000 ns is not between 2000 and 2100; is the precision right?",
    ),
    "a text for a number": (
        f'power,device=a watts="many" {NOON}',
        "field watts: expected a number, a field keeps its type for ever",
    ),
    "an unknown method": (
        f"power,device=a,method=magic watts=1 {NOON}",
        'tag method = "magic": expected one of measured, derived, estimated, manual, simulated',
    ),
    "an unknown level": (
        f"power,device=a,level=half watts=1 {NOON}",
        'tag level = "half": expected one of total, phase, bank, outlet, sensor',
    ),
    "a site's name with an escape code": (
        f"power,site=a\x1b[31m,device=a watts=1 {NOON}",
        "site name 'a\\x1b[31m' is empty or holds control characters",
    ),
    "a site's name without end": (
        f"power,site={'x' * 300},device=a watts=1 {NOON}",
        f"site name '{'x' * 40}'… of 300 characters is too long for a folder",
    ),
    "a key without end": (
        f"power,device={'a' * 2000} watts=1 {NOON}",
        "measurement and tags of 2013 characters; at most 1024",
    ),
    "a text without end": (
        f'device,device=a up=1,message="{"x" * 5000}" {NOON}',
        "field message: text of 5000 characters; at most 4096",
    ),
    "fields without end": (
        f"device,device=a {','.join(f'f{n}=1' for n in range(65))} {NOON}",
        "65 fields; at most 64",
    ),
}


@pytest.mark.parametrize(("text", "reason"), REFUSED.values(), ids=REFUSED.keys())
def test_a_bad_line_is_refused_by_its_number_and_the_others_are_kept(text, reason):
    """Comments and empty lines count as lines, as in the file a person looks at."""
    admission = Admission("Caen-1")
    good = f"power,device=ok watts=1 {NOON}"
    admitted = admission.admit(f"# comment\n{good}\n\n{text}\n{good}\n".encode(), "ns", NOON)

    assert ([(4, reason)], 2) == ([(bad.line, bad.reason) for bad in admitted.refused], len(admitted.lines))


def test_reasons_of_both_kinds_come_in_the_order_of_lines():
    """The first one told is the first one in the body."""
    assert [1, 2, 3, 5] == [
        number
        for number, _ in reasons(
            Admission("x"), "power,device=a watts=1 5", "bad", "\x00\x80", f"a b=1 {NOON}", "power,device=b watts=1 5"
        )
    ]


def test_a_tag_that_is_a_value_meets_the_bound_and_old_series_still_pass():
    """A counter in a tag makes a series a line: it must not fill memory and disk, nor stop what was there."""
    admission = Admission("Caen-1", series_limit=3)
    assert [] == reasons(admission, *(f"power,device=d{n} watts=1 {NOON}" for n in range(3)))

    assert [(2, 'site "Caen-1" has sent 3 series today, and no more are taken; is a tag a value?')] == reasons(
        admission, f"power,device=d1 watts=2 {NOON}", f"power,device=d3 watts=2 {NOON}"
    )


def test_the_next_day_new_series_may_come():
    """Devices are replaced over the years; the bound is on a day."""
    admission = Admission("Caen-1", series_limit=1)
    for day in range(3):
        assert [] == admission.admit(f"power,device=d{day} watts=1 {NOON}".encode(), "ns", NOON + day * DAY).refused


def test_sites_are_bounded_and_known_ones_always_come_in():
    """A site is a folder; the archive's own sites count and pass."""
    admission = Admission("Caen-1", known_sites=["Paris"], site_limit=3)

    assert [(3, 'site "Oslo" would be one more than the 3 this process takes')] == reasons(
        admission, *(f"power,site={site},device=a watts=1 {NOON}" for site in ("Paris", "Rome", "Oslo", "Caen-1"))
    )


@pytest.mark.parametrize("members", [1, 3])
def test_gzip_is_unpacked_to_the_last_member(members):
    """Some tools append one gzip to another."""
    assert b"abc\n" * members == unpack(gzip.compress(b"abc\n") * members, "gzip", 1000)


def test_a_decompression_bomb_costs_what_we_allow_and_no_more():
    """64 MiB of zeros in 64 kB: unpacking stops one byte after the limit."""
    packer = zlib.compressobj(wbits=31)
    bomb = b"".join(packer.compress(bytes(1 << 20)) for _ in range(64)) + packer.flush()

    tracemalloc.start()
    try:
        with pytest.raises(TooLarge):
            unpack(bomb, "gzip", 1 << 16)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 1 << 20


def test_many_small_members_cannot_pass_the_limit_together():
    """The limit is on the body, not on a member."""
    with pytest.raises(TooLarge):
        unpack(gzip.compress(bytes(600)) * 2, "gzip", 1000)


@pytest.mark.parametrize(
    ("content", "encoding", "reason"),
    [
        (b"power watts=1", "gzip", "the body is not gzip"),
        (gzip.compress(b"power watts=1")[:-4], "gzip", "the gzip body ends too early"),
        (b"power watts=1", "br", "Content-Encoding 'br': expected gzip or none"),
    ],
    ids=["plain text called gzip", "cut off", "another encoding"],
)
def test_a_body_that_is_not_what_it_says_is_malformed(content, encoding, reason):
    """Each with its own sentence."""
    with pytest.raises(Malformed, match=reason):
        unpack(content, encoding, 1000)


def test_limits_are_far_from_what_an_agent_sends():
    """A device line has a dozen fields; an error message a few hundred characters."""
    assert module.MOST_FIELDS > 4 * 12
    assert module.LONGEST_TEXT > 4 * 500
