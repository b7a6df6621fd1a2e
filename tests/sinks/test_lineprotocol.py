"""The HTTP sink against a real server: what each answer means, and that no good line is ever given up."""

import datetime as dt
import json
import re
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from email.utils import format_datetime
from ipaddress import IPv4Address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dc_monitor.errors import ConfigError, DcMonitorError, Refused, Unreachable
from dc_monitor.sinks.lineprotocol import Busy, LineProtocolSink, Rejected
from dc_monitor.wire import Parser
from sinks.http_server import Answer, WriteServer, write_server

BODY = b"power,site=a watts=1.0 1\npower,site=a watts=2.0 2\n"


@pytest.fixture
def server() -> Iterator[WriteServer]:
    with write_server() as one:
        yield one


def sink(server: WriteServer, **options: object) -> LineProtocolSink:
    settings: dict[str, object] = {"token": "s3cret", "credentials": "site-token", "timeout": 5.0} | options
    return LineProtocolSink("site", server.url, **settings)  # type: ignore[arg-type]


def lines(count: int, bad: frozenset[int] | set[int] = frozenset()) -> bytes:
    return b"".join(
        b"power,site=a watts=%s %d\n" % (b"nonsense" if number in bad else b"1.0", number) for number in range(count)
    )


def test_a_body_is_posted_as_every_v2_server_expects(server: WriteServer) -> None:
    """Path, organisation, bucket, precision and token as InfluxDB documents them; one connection is kept."""
    with closing(sink(server, org="my org", bucket="dc-monitor")) as one:
        assert [] == one.send(BODY)
        assert [] == one.send(BODY)

    first, second = server.requests
    assert "/api/v2/write?org=my+org&bucket=dc-monitor&precision=ns" == first.path
    assert "Token s3cret" == first.headers["Authorization"]
    assert BODY == first.body
    assert first.client == second.client


def test_a_larger_body_is_packed(server: WriteServer) -> None:
    """Thin lines to the outside are the rule at small sites."""
    body = lines(1_000)
    with closing(sink(server)) as one:
        one.send(body)

    assert body == server.requests[0].body
    assert int(server.requests[0].headers["Content-Length"]) < len(body) / 5


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("", "/api/v2/write"),
        ("/", "/api/v2/write"),
        ("/influx/", "/influx/api/v2/write"),
        ("/api/v2/write", "/api/v2/write"),
    ],
)
def test_the_url_may_have_a_prefix_or_be_complete(server: WriteServer, path: str, expected: str) -> None:
    """Behind a reverse proxy the API may live below a folder."""
    with closing(LineProtocolSink("site", server.url + path)) as one:
        one.send(BODY)

    assert expected == server.requests[0].path.split("?")[0]
    assert "Authorization" not in server.requests[0].headers


def test_a_kept_connection_that_the_server_closed_is_no_failure(server: WriteServer) -> None:
    """Servers close idle connections; only a new one tells whether they are there."""
    with closing(sink(server)) as one:
        one.send(BODY)
        answers = iter([None, Answer()])
        server.rule = lambda _: next(answers)

        assert [] == one.send(BODY)


def test_a_server_that_hangs_up_is_unreachable(server: WriteServer) -> None:
    """Twice without a word is a failure."""
    server.rule = lambda _: None
    with closing(sink(server)) as one, pytest.raises(Unreachable, match=r"http://127.0.0.1:\d+ is not reachable: "):
        one.send(BODY)


def test_nobody_listening_is_unreachable(free_port: Callable[[], int]) -> None:
    """The sentence names the server and what the system said."""
    with (
        closing(LineProtocolSink("site", f"http://127.0.0.1:{free_port()}")) as one,
        pytest.raises(Unreachable, match=r"http://127.0.0.1:\d+ is not reachable: Connection refused"),
    ):
        one.send(BODY)


def test_a_silent_server_is_given_up_after_the_timeout() -> None:
    """A server that accepts and says nothing does not hold the sink for ever."""
    with closing(socket.create_server(("127.0.0.1", 0))) as silent:
        one = LineProtocolSink("site", f"http://127.0.0.1:{silent.getsockname()[1]}", timeout=0.1)
        with closing(one), pytest.raises(Unreachable, match="no answer in time"):
            one.send(BODY)


def test_a_hanging_request_can_be_ended_from_outside() -> None:
    """A stopping agent does not wait for a server's timeout."""
    with closing(socket.create_server(("127.0.0.1", 0))) as silent:
        one = LineProtocolSink("site", f"http://127.0.0.1:{silent.getsockname()[1]}", timeout=60.0)
        ended: list[DcMonitorError] = []

        def hang() -> None:
            try:
                one.send(BODY)
            except DcMonitorError as error:
                ended.append(error)

        thread = threading.Thread(target=hang)
        thread.start()
        connection, _ = silent.accept()
        with connection:
            connection.recv(10)  # the request is under way
            one.abort()
            thread.join(10.0)

        assert 1 == len(ended)


def test_something_that_is_no_http_server_is_unreachable() -> None:
    """A wrong port must not look like a delivery."""
    with closing(socket.create_server(("127.0.0.1", 0))) as ssh:
        one = LineProtocolSink("site", f"http://127.0.0.1:{ssh.getsockname()[1]}", timeout=5.0)

        def greet() -> None:
            connection, _ = ssh.accept()
            with connection:
                connection.sendall(b"SSH-2.0-OpenSSH_9.2p1\r\n")
                while connection.recv(65_536):
                    pass

        thread = threading.Thread(target=greet)
        thread.start()
        with closing(one), pytest.raises(Unreachable, match="does not answer in HTTP"):
            one.send(BODY)
        thread.join()


@pytest.mark.parametrize("status", [429, 503])
def test_a_busy_server_says_when(server: WriteServer, status: int) -> None:
    """`Retry-After` is handed on, as seconds or as a date, within an hour."""
    later = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=90)
    with closing(sink(server)) as one:
        for written, low, high in (("30", 30, 30), (format_datetime(later, usegmt=True), 60, 90), ("1e9", 3600, 3600)):
            server.rule = lambda _, written=written: Answer(status, b"later", {"Retry-After": written})
            with pytest.raises(Busy, match=rf"cannot take data now \({status}\): later") as caught:
                one.send(BODY)
            assert low <= caught.value.retry_after <= high


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_a_server_in_trouble_is_unreachable_for_now(server: WriteServer, status: int) -> None:
    """Without a usable `Retry-After` the caller's own patience counts."""
    server.rule = lambda _: Answer(status, b'{"code":"x","message":"engine\\n is down"}', {"Retry-After": "soon"})
    with closing(sink(server)) as one, pytest.raises(Unreachable, match=rf"\({status}\): engine is down") as caught:
        one.send(BODY)

    assert not isinstance(caught.value, Busy)


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_token_names_the_credential_and_never_the_token(server: WriteServer, status: int) -> None:
    """A person must act, and knows on what."""
    server.rule = lambda _: Answer(status, b'{"code":"unauthorized","message":"s3cret is wrong"}')
    with closing(sink(server)) as one, pytest.raises(Refused) as caught:
        one.send(BODY)

    expected = f'token refused by {server.url} ({status}): check the token of credentials "site-token"'
    assert expected == str(caught.value)
    assert "s3cret" not in repr(one) + repr(vars(caught.value))


def test_a_server_that_wants_a_token_says_how(server: WriteServer) -> None:
    """Nothing configured is another mistake than a wrong one."""
    server.rule = lambda _: Answer(401)
    with (
        closing(sink(server, token="", credentials="")) as one,
        pytest.raises(Refused, match=r'asks for a token \(401\): name its credentials in \[send\] with token = "…"'),
    ):
        one.send(BODY)


@pytest.mark.parametrize("status", [200, 404, 405, 415])
def test_only_204_is_a_delivery(server: WriteServer, status: int) -> None:
    """A login page that answers 200 has stored nothing."""
    server.rule = lambda _: Answer(status, b"<html>Welcome</html>")
    with (
        closing(sink(server)) as one,
        pytest.raises(Refused, match=rf"does not take line protocol \({status}, expected 204\): <html>Welcome</html>"),
    ):
        one.send(BODY)


def test_a_moved_server_is_told_and_not_followed(server: WriteServer) -> None:
    """Following a redirect would carry the token to wherever it points."""
    server.rule = lambda _: Answer(308, b"", {"Location": "https://example.org/"})
    with closing(sink(server)) as one, pytest.raises(Refused, match=r"\(308\): write 'https://example.org/' as url"):
        one.send(BODY)


# Bad lines


def our_site(received: list[bytes]) -> Answer:
    """Answers as our site does: numbered errors, a hundred of them at most, good lines kept."""
    _, bad = Parser().parse(b"\n".join(received) + b"\n")
    if not bad:
        return Answer()
    errors = [{"line": one.line, "reason": one.reason, "text": one.text} for one in bad[:100]]
    return Answer(400, json.dumps({"code": "invalid", "message": "some refused", "errors": errors}).encode())


def strict_server(received: list[bytes]) -> Answer:
    """Refuses a request as a whole and does not say which line is bad."""
    if any(b"nonsense" in line for line in received):
        return Answer(422, b'{"code":"unprocessable entity","message":"unable to parse: invalid number"}')
    return Answer()


def partial_server(received: list[bytes]) -> Answer:
    """As InfluxDB 1 and 2 at a type conflict or beyond the retention: counts what it dropped."""
    dropped = sum(b"nonsense" in line for line in received)
    if dropped:
        return Answer(400, b'{"message":"partial write: points beyond retention policy dropped=%d"}' % dropped)
    return Answer()


def influx_3(received: list[bytes]) -> Answer:
    """As InfluxDB 3: the good lines are kept, the bad ones are named."""
    data = [
        {"original_line": line.decode()[:20], "line_number": number, "error_message": "invalid column type for 'watts'"}
        for number, line in enumerate(received, 1)
        if b"nonsense" in line
    ]
    told = {"error": "partial write of line protocol occurred", "data": data}
    return Answer(400, json.dumps(told).encode()) if data else Answer()


SERVERS = (our_site, strict_server, partial_server, influx_3)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), count=st.integers(1, 60), rule=st.sampled_from(SERVERS))
def test_bad_lines_are_set_apart_and_every_good_line_arrives(
    server: WriteServer, data: st.DataObject, count: int, rule: Callable[[list[bytes]], Answer]
) -> None:
    """Whoever the server is, one bad line costs one line: never the batch (the field's worst habit)."""
    bad = data.draw(st.sets(st.integers(0, count - 1)))
    body = lines(count, bad)
    server.taken.clear()
    server.rule = rule
    with closing(sink(server)) as one:
        rejected = one.send(body)

    sent = body.splitlines(keepends=True)
    assert [sent[number] for number in sorted(bad)] == sorted(
        (one.body for one in rejected), key=lambda line: int(line.split()[-1])
    )
    assert {sent[number].rstrip() for number in range(count) if number not in bad} == set(server.taken)


@pytest.mark.parametrize(
    ("rule", "reason"),
    [
        (our_site, "field watts: 'nonsense' is neither a number nor a quoted text"),
        (influx_3, "invalid column type for 'watts'"),
        (strict_server, "unable to parse: invalid number"),
    ],
)
def test_the_servers_reason_comes_with_its_line(
    server: WriteServer, rule: Callable[[list[bytes]], Answer], reason: str
) -> None:
    """What an operator reads in quarantine is why, not merely that."""
    server.rule = rule
    with closing(sink(server)) as one:
        rejected = one.send(lines(3, {1}))

    assert [Rejected(b"power,site=a watts=nonsense 1\n", reason)] == rejected


@pytest.mark.parametrize("rule", [our_site, influx_3])
def test_a_line_that_the_server_names_needs_no_search(
    server: WriteServer, rule: Callable[[list[bytes]], Answer]
) -> None:
    """Two requests, whatever the length: one to hear of it, one without it."""
    server.rule = rule
    with closing(sink(server)) as one:
        one.send(lines(1_000, {1, 500}))

    assert 2 == len(server.requests)


def test_more_bad_lines_than_the_server_names_are_found_too(server: WriteServer) -> None:
    """Nothing rests on a list of errors being complete."""
    server.rule = our_site
    with closing(sink(server)) as one:
        rejected = one.send(lines(300, set(range(250))))

    assert (250, 50) == (len(rejected), len(server.taken))


def test_an_old_backlog_beyond_the_retention_is_not_bisected_line_by_line(server: WriteServer) -> None:
    """InfluxDB says how many it dropped: all of them is known after one request."""
    server.rule = partial_server
    with closing(sink(server)) as one:
        rejected = one.send(lines(5_000, set(range(5_000))))

    assert (5_000, 1) == (len(rejected), len(server.requests))


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"not JSON",
        b"[]",
        b'{"errors": 3}',
        b'{"errors": [{"line": 99, "reason": "x"}, {"line": 0}, {"line": "2"}, 7]}',
        b'{"error": "x", "data": {"line_number": 8, "error_message": "x"}}',
        b"\xff\xfe",
        b'{"message": {"deep": 1}}',
    ],
)
def test_a_strange_answer_never_costs_a_good_line(server: WriteServer, said: bytes) -> None:
    """What the server says about lines is a hint; bisecting decides."""
    server.rule = lambda received: Answer(400, said) if any(b"nonsense" in line for line in received) else Answer()
    with closing(sink(server)) as one:
        rejected = one.send(lines(20, {7}))

    assert [b"power,site=a watts=nonsense 7\n"] == [one.body for one in rejected]
    assert 19 == len(server.taken)


def test_too_large_halves_the_request_and_is_remembered(server: WriteServer) -> None:
    """A proxy that takes 20 kB gets 20 kB, also the next time."""

    def small_proxy(received: list[bytes]) -> Answer:
        return Answer(413) if sum(map(len, received)) + len(received) > 20_000 else Answer()

    server.rule = small_proxy
    body = lines(3_000)
    with closing(sink(server)) as one:
        assert [] == one.send(body)
        refused = [request for request in server.requests if len(request.body) > 20_000]
        asked = len(server.requests)
        assert [] == one.send(body)

    assert len(refused) <= 3
    assert 3_000 == len(server.taken)
    assert {2} == set(server.taken.values())
    assert max(len(request.body) for request in server.requests[asked:]) <= 20_000


def test_a_server_that_takes_no_size_at_all_is_refused_and_nothing_is_given_up(server: WriteServer) -> None:
    """A misconfigured proxy must not send a site's history to quarantine."""
    server.rule = lambda _: Answer(413)
    with closing(sink(server)) as one, pytest.raises(Refused, match="413"):
        one.send(lines(3_000))


# Configuration


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("127.0.0.1:8427", 'expected url = "http://host:port"'),
        ("ftp://host", 'expected url = "http://host:port"'),
        ("http://", 'expected url = "http://host:port"'),
        ("http://host:99999", "Port out of range"),
        ("http://user:pass@host", "no password in an url"),
    ],
)
def test_an_url_that_cannot_work_is_told_at_once(url: str, sentence: str) -> None:
    """Not after the first poll."""
    with pytest.raises(ConfigError, match=re.escape(sentence)) as caught:
        LineProtocolSink("site", url)

    assert "pass@" not in str(caught.value)


def test_a_token_no_header_can_carry_is_told_without_showing_it() -> None:
    """A line break in a token is a copying accident."""
    with pytest.raises(ConfigError, match='credentials "x": the token holds characters') as caught:
        LineProtocolSink("site", "http://host", token="s3cret\n", credentials="x")

    assert "s3cret" not in str(caught.value)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A private authority's own certificate for 127.0.0.1, and its key."""
    folder = tmp_path_factory.mktemp("tls")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test authority")])
    now = dt.datetime.now(dt.UTC)
    address = x509.IPAddress(IPv4Address("127.0.0.1"))
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    (folder / "ca.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return folder / "ca.pem", folder / "key.pem"


def test_tls_is_verified_and_a_private_authority_can_be_named(certificate: tuple[Path, Path]) -> None:
    """A certificate nobody vouches for gets no token; with `ca_file` the same server is trusted."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    with write_server(context=context) as server:
        with closing(sink(server)) as one, pytest.raises(Refused, match=r"cannot be trusted: .*ca_file"):
            one.send(BODY)
        assert [] == server.requests
        with closing(sink(server, ca_file=str(certificate[0]))) as one:
            assert [] == one.send(BODY)


def test_a_missing_ca_file_is_told_at_once(tmp_path: Path) -> None:
    """With the file's name."""
    with pytest.raises(ConfigError, match=r"cannot use ca_file .*/none.pem: No such file or directory"):
        LineProtocolSink("site", "https://host", ca_file=str(tmp_path / "none.pem"))
