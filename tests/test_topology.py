"""The meter tree: nothing is counted twice, dates cut time, a declared branch is told as low, likely, high."""

import pytest

from dc_monitor.topology import Dated, Declared, Meter, Span, Topology, category, contains

ALWAYS = Span()


def meter(name: str, role: str, reads: str | None = None, *fed_by: str, **more: object) -> Meter:
    device, _, point = (reads or f"{name}/total").partition("/")
    return Meter(name, (Dated(role),), (device, point), fed_by=tuple(map(Dated, fed_by)), **more)  # type: ignore[arg-type]


def test_a_sound_chain_has_no_problems() -> None:
    """Two supplies, a transfer switch's two feeds, a UPS and two PDUs."""
    tree = Topology(
        (
            meter("grid", "total"),
            meter("genset", "total", kind="generator"),
            meter("ups", "ups", "ups-a/output", "grid", "genset"),
            meter("pdu-1", "it", None, "ups"),
            meter("pdu-2", "it", None, "ups"),
        )
    )

    assert [] == tree.problems()


@pytest.mark.parametrize(
    ("meters", "expected"),
    [
        pytest.param(
            [meter("ups", "it"), meter("pdu", "it", None, "ups")],
            'meter "pdu" is fed by "ups" and both have the role it: IT energy would count the same energy twice; '
            "keep the role on one of them",
            id="IT under IT",
        ),
        pytest.param(
            [meter("a", "it"), meter("b", "other", None, "a"), meter("c", "it", None, "b")],
            'meter "c" is fed by "a" and both have the role it: IT energy would count the same energy twice; '
            "keep the role on one of them",
            id="IT under IT at a distance",
        ),
        pytest.param(
            [meter("grid", "total"), meter("sub", "total", None, "grid")],
            'meter "sub" is fed by "grid" and both have the role total: total data centre energy would count the same '
            "energy twice; keep the role on one of them",
            id="total under total",
        ),
        pytest.param(
            [meter("a", "it", "pdu/total"), meter("b", "it", "pdu/outlet/3")],
            'meters "a" and "b" read the same watts: pdu/total and pdu/outlet/3; keep one of them, '
            "or feed one by the other on another device",
            id="total and its outlet",
        ),
        pytest.param(
            [meter("a", "other", None, "b"), meter("b", "other", None, "a")],
            "meters feed each other in a circle: a → b → a",
            id="circle",
        ),
        pytest.param(
            [meter("a", "it", None, "nobody")], 'meter "a" is fed by "nobody", which is no meter', id="unknown feeder"
        ),
        pytest.param([meter("a", "it"), meter("a", "it", "x/y")], 'meter "a" is written 2 times', id="name twice"),
        pytest.param(
            [Meter("a", (Dated("other"),), declared=Declared(3, 2, 4))],
            'meter "a": declared must be 0 <= low <= likely <= high',
            id="declared upside down",
        ),
    ],
)
def test_a_tree_that_lies_is_refused_in_words(meters: list[Meter], expected: str) -> None:
    assert expected in Topology(tuple(meters)).problems()


def test_what_was_moved_is_not_counted_twice_because_dates_say_so() -> None:
    """Until June the UPS was the IT meter, since June the PDU behind it is."""
    ups = Meter("ups", (Dated("it", Span(end=100)), Dated("ups", Span(start=100))), ("ups-a", "output"))
    pdu = Meter("pdu", (Dated("it", Span(start=100)),), ("pdu-a", "total"), fed_by=(Dated("ups"),))
    tree = Topology((ups, pdu))

    assert [] == tree.problems()
    assert (["ups"], ["pdu"]) == ([m.name for m in tree.of_role("it", 99)], [m.name for m in tree.of_role("it", 100)])


def test_a_period_is_cut_where_anything_dated_changes() -> None:
    tree = Topology(
        (
            Meter(
                "a",
                (Dated("it"),),
                ("x", "y"),
                fed_by=(Dated("b", Span(start=20)),),
                ratios=(Dated(1.0, Span(end=30)), Dated(2.0, Span(start=30))),
                span=Span(start=10),
            ),
        )
    )

    assert [(0, 10), (10, 20), (20, 30), (30, 40)] == list(tree.segments(0, 40))


@pytest.mark.parametrize(
    ("outer", "inner", "expected"),
    [
        ("total", "outlet/3", True),
        ("total", "l1", True),
        ("output", "output/l1", True),
        ("output/total", "output/l1", True),
        ("output", "output/total", True),
        ("output/l1", "output/l2", False),
        ("outlet/1", "outlet/10", False),
        ("total", "input/l1", False),
        ("input/total", "output/total", False),
        ("bank/1", "outlet/1", False),
        ("input/total", "cpu/package-0", True),
        ("input/total", "psys", True),
        ("psys", "dram/package-1", True),
        ("cpu/package-0", "dram/package-0", False),
        ("input/total", "output/l1", False),
    ],
)
def test_what_holds_what_within_one_device(outer: str, inner: str, expected: bool) -> None:
    assert expected == contains(outer, inner)


@pytest.mark.parametrize(
    ("kind", "point", "expected"),
    [
        ("ups", "output/total", 1),
        ("ups", "input/total", None),
        ("pdu", "total", 2),
        ("pdu", "outlet/7", 3),
        ("server", "psu/1", 3),
        ("server", "supply/1", 3),
        ("server", "board/1/12v", None),
        ("rectifier", "output/total", 1),
        ("meter", "total", None),
        ("unknown", "output", None),
    ],
)
def test_where_it_energy_is_read_gives_the_category(kind: str, point: str, expected: int | None) -> None:
    """A submeter of unknown place gives none: a category is never guessed."""
    assert expected == category(meter("it", "it", f"x/{point}"), kind)


def test_a_declared_place_wins_over_the_device() -> None:
    assert 2 == category(meter("it", "it", "x/total", measured_at="pdu-output"), "meter")
