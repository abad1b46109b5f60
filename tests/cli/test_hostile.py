"""Whatever is typed, set or edited, and wherever the output goes: one of our exit codes, and words."""

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from lib.avara.client import AvaraClient
from lib.avara.connection import Connection
from lib.cli.exits import Exit
from lib.cli.main import main
from lib.journal.journal import Journal
from lib.people import ITSELF
from tests.avara.wire import HANG, reply, wire
from tests.runs.fakes import customer, plan_of

ROOT = Path(__file__).parents[2]
CODES = set(Exit)
PLANNED = ["plan", "--ids-file", "ids", "--action", "deactivate", "--reason"]
NOBODY = "http://127.0.0.1:9"  # no API listens at the port of `discard`


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder with a list of ids to work in, a data folder in it, and an API that is not there."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("EXPRESS_OPS_DATABASE_URL", raising=False)
    monkeypatch.setenv("EXPRESS_OPS_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("AVARA_API_KEY", "a-key")
    monkeypatch.setenv("AVARA_BASE_URL", NOBODY)
    (tmp_path / "home").mkdir(mode=0o700)
    (tmp_path / "ids").write_text("cus_" + "0" * 32)
    return tmp_path


def process(*command, **options):
    """What became of a process of its own, with Python's usual buffering; it must not end in a traceback."""
    environment = os.environb | {b"PYTHONPATH": os.fsencode(ROOT), b"PYTHONUNBUFFERED": b""} | options.pop("variables", {})
    ended = subprocess.run(
        command, env=environment, capture_output=True, timeout=120, stdin=subprocess.DEVNULL, check=False, **options
    )
    assert b"Traceback" not in ended.stderr, ended.stderr.decode(errors="replace")
    assert b"Exception ignored" not in ended.stderr, ended.stderr.decode(errors="replace")
    return ended


def line_of(*arguments):
    return shlex.join([sys.executable, "-m", "lib.runs", *map(str, arguments)])


def recorded(place, name="\x1b[2JEvil"):
    """The id of a run in the journal of this place, whose customer's name would steer a terminal."""
    journal = Journal(place / "home" / "journal.sqlite")
    plan = plan_of([customer(1, name=name)])
    made = journal.record(plan, plan.created_at, who=ITSELF)
    journal.close()
    return made.id


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([*PLANNED, b"lone \xff byte", "-o", "p"], "no text"),
        ([*PLANNED, "r", "--ticket", b"\xe4", "-o", "p"], "no text"),
        (["undo", "r", "--reason", b"\x80"], "no text"),
        (["show", b"run_\xff"], "no text"),
        (["list", "--limit", "9" * 20], "9 digits"),
        (["list", "--limit", "\u0663"], "9 digits"),
        (["apply", "p", "--confirm", "1" * 5000], "9 digits"),
        (["show", "r", "--steps", b"\xff\x1b[2J"], "invalid choice"),
        (["verify", "--head", b"\xff" * 64], "64 hexadecimal"),
        ([b"\xff"], "invalid choice"),
        (["list", b"--\xff\x1b[2J"], "unrecognized"),
        (["apply", "~nobody-of-that-name/p"], "home of nobody"),
        (["apply", b"no-\xe4.json"], "no-\ufffd.json can't be read"),
        (["apply", "/dev/zero"], "more than"),
        (["apply", "a/" * 5000], "can't be read"),
        (["apply", "."], "can't be read"),
        (["plan", "--ids-file", "quotes", *PLANNED[3:], "r", "-o", "p"], "CSV"),
        ([*PLANNED, "r", "-o", "p", "--where", "decision"], "decision=deactivate"),
        ([*PLANNED, "r", "-o", "p", "--column", "\x1b[2J"], "No column is called"),
        ([*PLANNED, "r", "-o", "p/" * 5000], "could not be reached"),
    ],
    ids=lambda value: repr(value)[:60],
)
def test_an_argument_that_can_not_be_used_is_refused_in_words(place, capfd, arguments, words):
    (place / "quotes").write_bytes(b'id,name\n"' + b"x" * 200_000 + b'",y')
    assert main([os.fsdecode(argument) for argument in arguments]) in {Exit.REFUSED, Exit.UNREACHABLE}
    out, err = capfd.readouterr()
    assert words in err
    assert "\x1b" not in out + err
    assert len(err) < 6000
    assert not (place / "p").exists()


def test_files_whose_names_are_no_text_are_read_and_written(place, start_sandbox, monkeypatch, capfd):
    server = start_sandbox()
    monkeypatch.setenv("AVARA_API_KEY", server.api_key)
    monkeypatch.setenv("AVARA_BASE_URL", server.base_url)
    client = AvaraClient(Connection(server.base_url, SecretStr(server.api_key), "test"))
    found = next(one for page in client.iter_pages() for one in page.customers if one.is_active and one.user_count < 20)
    client.close()
    listed, written = (os.fsdecode(name) for name in (b"ids-\xe4", b"plan \xe4?#"))
    (place / listed).write_text(found.id)
    assert main(["plan", "--ids-file", listed, *PLANNED[3:], "r", "-o", written]) == Exit.FINISHED
    assert "apply 'plan " in capfd.readouterr().err  # as a shell takes it
    assert main(["apply", written]) == Exit.REFUSED  # without --confirm
    assert "a list: ids-\ufffd" in capfd.readouterr().out


@pytest.mark.parametrize(
    ("redirect", "code"),
    [("| true", 0), (">/dev/full", 3), (">&-", 3), ("2>/dev/full", 0), ("<&- >&- 2>&-", 3)],
)
@pytest.mark.parametrize("command", ["list", "show RUN --json", "export RUN", "--help"])
def test_output_that_goes_nowhere_stops_no_command_and_is_told_unless_its_reader_has_gone(place, command, redirect, code):
    line = line_of(*command.replace("RUN", recorded(place)).split())
    ended = process("bash", "-c", f"set -o pipefail; {line} {redirect}")
    assert ended.returncode == code
    assert (b"Not all output could be written" in ended.stderr) == (code == Exit.PARTLY and "2>" not in redirect)


def test_a_file_that_takes_the_number_of_a_closed_stream_holds_nothing_but_its_own(place):
    line = line_of("export", recorded(place), "-o", "r.csv")
    assert process("bash", "-c", f"{line} >&- 2>&-").returncode == Exit.PARTLY
    assert (place / "r.csv").read_bytes().startswith(b"\xef\xbb\xbf")
    assert b"Written to" not in (place / "r.csv").read_bytes()
    assert main(["verify"]) == Exit.FINISHED


NUMBERS = [
    *(("caps", name) for name in ("max_customers", "max_percent", "max_users")),
    *(("canary", name) for name in ("steps", "from_size")),
    *(("breaker", name) for name in ("in_a_row", "error_rate", "window", "at_least")),
    ("snapshot", "max_age_minutes"),
]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"\xef\xbb\xbfconcurrency = 4\n", "could not be reached"),
        (b"concurrency = 4\r\n", "could not be reached"),
        (b"x = " + b"[" * 100_000, "is not TOML"),
        (b"x = " + b"{a=" * 100_000, "is not TOML"),
        (b"a = 1\x00", "is not TOML"),
        (b"# Universit\xe4t\n", "is not UTF-8"),
        ("concurrency = 4".encode("utf-16"), "is not UTF-8"),
        (b"recent_days = 999999999999", "recent_days"),
        (b"recent_days = " + b"9" * 5000, "is not TOML"),
        (b"recent_days = 2024-01-01", "recent_days"),
        (b"preflight = 1", "preflight"),
        (b"concurrency = '4'", "concurrency"),
        (b"concurrency = 4.0", "concurrency"),
        (b"concurrency = true", "concurrency"),
        (b"caps = 5", "caps"),
        (b"drift = 'name'", "drift"),
        (b"[protected]\nids = [5]", "ids"),
        (b"[protected]\nmetadata = {tier = 5}", "metadata"),
        *(
            (f"[{table}]\n{name} = {value}".encode(), name)
            for table, name in NUMBERS
            for value in ("true", "nan", "inf", "-1", "1" * 30)
        ),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_settings_edited_by_hand_are_taken_or_refused_in_words(place, capfd, text, words):
    (place / "home" / "settings.toml").write_bytes(text)
    main([*PLANNED, "r", "-o", "p"])
    err = capfd.readouterr().err
    assert words in err
    assert words == "could not be reached" or "settings.toml" in err


@pytest.mark.parametrize("kind", ["folder", "fifo", "circle", "device", "huge"])
def test_settings_that_are_no_file_to_read_are_refused_in_words(place, capfd, kind):
    file = place / "home" / "settings.toml"
    match kind:
        case "folder":
            file.mkdir(mode=0o700)
        case "fifo":
            os.mkfifo(file, 0o600)
        case "circle":
            file.symlink_to("settings.toml")
        case "device":
            file.symlink_to("/dev/zero")
        case "huge":
            file.touch(0o600)
            os.truncate(file, 10**12)
    assert main([*PLANNED, "r", "-o", "p"]) == Exit.REFUSED
    assert ("/dev/zero" if kind == "device" else "settings.toml") in capfd.readouterr().err


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        ("EXPRESS_OPS_HOME", b"caf\xe9 ?#%41", Exit.FINISHED),
        ("EXPRESS_OPS_HOME", b"~/here", Exit.FINISHED),
        ("EXPRESS_OPS_HOME", b"h/" * 3000, Exit.REFUSED),
        ("EXPRESS_OPS_HOME", b"~nobody-of-that-name", Exit.REFUSED),
        ("EXPRESS_OPS_HOME", b"/dev/null", Exit.REFUSED),
        ("EXPRESS_OPS_HOME", b"/proc/nowhere", Exit.REFUSED),
        ("EXPRESS_OPS_DATABASE_URL", b"\xff", Exit.REFUSED),
        ("EXPRESS_OPS_DATABASE_URL", b"sqlite:///", Exit.REFUSED),
        ("EXPRESS_OPS_DATABASE_URL", b"sqlite:///:memory:", Exit.REFUSED),
        ("EXPRESS_OPS_DATABASE_URL", b"sqlite:///~nobody-of-that-name/j", Exit.REFUSED),
        ("EXPRESS_OPS_DATABASE_URL", b"sqlite:///~/j", Exit.FINISHED),
        ("EXPRESS_OPS_DATABASE_URL", b"sqlite:///j?mode=memory", Exit.FINISHED),
        ("EXPRESS_OPS_DATABASE_URL", b"sqlite:///j#1%41.sqlite", Exit.FINISHED),
        ("EXPRESS_OPS_DATABASE_URL", b"sqlite:///file:j?mode=memory&uri=true", Exit.FINISHED),
        ("EXPRESS_OPS_DATABASE_URL", b"sqlite:///caf\xe9", Exit.FINISHED),
    ],
)
def test_a_path_in_a_variable_is_that_path_or_the_variable_is_named(place, monkeypatch, capfd, name, value, code):
    monkeypatch.setenv("HOME", str(place))
    monkeypatch.setenv(name, os.fsdecode(value))
    assert main(["list"]) == code
    assert ("no run yet" if code == Exit.FINISHED else name) in capfd.readouterr().err
    if code == Exit.FINISHED:
        path = place / os.fsdecode(value).removeprefix("sqlite:///").removeprefix("~/")
        journal = path if name.endswith("URL") else path / "journal.sqlite"
        assert journal.read_bytes().startswith(b"SQLite format 3")
        assert not (place / "home" / "journal.sqlite").exists()


def test_nothing_else_in_the_environment_is_in_the_way(place):
    odd = {b"PYTHONIOENCODING": b"ascii", b"COLUMNS": b"\xff", b"LC_ALL": b"nowhere", b"TZ": b"\xff", b"LOGNAME": b"\xff"}
    ended = process("bash", "-c", line_of("show", recorded(place, name="Zo\u00eb"), "--steps"), variables=odd)
    assert (ended.returncode, b"Zo?" in ended.stdout) == (Exit.FINISHED, True)


@pytest.mark.parametrize(
    "url", [b"\xff", b"garbage", b"http://[", b"https://a b", b"https://a:99999", b"https://\x7f", b"https://" + b"a" * 300]
)
def test_a_base_url_that_can_not_be_used_is_told_in_words(place, monkeypatch, capfd, url):
    monkeypatch.setenv("AVARA_BASE_URL", os.fsdecode(url))
    monkeypatch.setenv("HTTPS_PROXY", NOBODY)
    assert main([*PLANNED, "r", "-o", "p"]) in {Exit.REFUSED, Exit.UNREACHABLE}
    assert capfd.readouterr().err


@pytest.mark.parametrize("answer", [reply(429, b"", {"Retry-After": "900"}), HANG], ids=["asks to wait", "never answers"])
def test_ctrl_c_ends_a_reading_at_once_whatever_it_waits_for(place, answer):
    (place / "ids").write_text("\n".join(f"cus_{number:032x}" for number in range(20)))
    with wire(answer) as server:
        heard = signal.signal(signal.SIGINT, signal.default_int_handler)
        variables = os.environ | {"AVARA_BASE_URL": server.base_url, "PYTHONPATH": str(ROOT)}
        command = [sys.executable, "-m", "lib.runs", *PLANNED, "r", "-o", "p"]
        reading = subprocess.Popen(command, env=variables, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        signal.signal(signal.SIGINT, heard)
        deadline = time.monotonic() + 60
        while len(server.requests) < 2:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        asked = len(server.requests)
        reading.send_signal(signal.SIGINT)
        _, err = reading.communicate(timeout=45)
    assert reading.returncode == Exit.STOPPED
    assert "Stopped before anything was begun." in err
    assert "Traceback" not in err
    assert len(server.requests) <= asked + 4  # what was on its way


def test_who_it_was_is_text_whatever_bytes_the_login_has(place, monkeypatch, capfd):
    monkeypatch.setattr("pwd.getpwuid", lambda _: SimpleNamespace(pw_name=os.fsdecode(b"J\xf6rg\x1b[2J")))
    monkeypatch.setenv("LOGNAME", "somebody-else")  # which anybody can set
    assert main(["export", recorded(place), "--format", "jsonl"]) == Exit.FINISHED
    assert json.loads(capfd.readouterr().out.splitlines()[-1])["who"] == "J rg [2J"


WORDS = st.one_of(
    st.sampled_from(
        [
            "list",
            "show",
            "verify",
            "export",
            "plan",
            "apply",
            "undo",
            "resume",
            "retry",
            "cancel",
            "--json",
            "--limit",
            "--steps",
            "--head",
            "--format",
        ]
    ),
    st.sampled_from(
        [
            "-o",
            "--output",
            "--ids-file",
            "--column",
            "--where",
            "--sheet",
            "ids",
            "--action",
            "deactivate",
            "--reason",
            "--ticket",
            "--goes-on",
            "--confirm",
            "1",
            "-1",
            "run_0",
        ]
    ),
    st.sampled_from(["0" * 64, "all", "home", "csv", "--", "", "~", "~x/"]),
    st.text(st.characters(), max_size=8),
)
NAMES = [
    "recent_days",
    "concurrency",
    "caps.max_users",
    "caps.max_percent",
    "canary.steps",
    "drift",
    "protected.ids",
    "protected.metadata",
]
VALUES = st.one_of(st.integers(), st.floats(), st.sampled_from(["true", "[]", "{}", "1979-05-27", "'x'", "[[1]]"]))
TOML = st.one_of(
    st.binary(max_size=40),
    st.text(max_size=40).map(lambda text: text.encode(errors="replace")),
    st.builds(lambda name, value: f"{name} = {value}".encode(), st.sampled_from(NAMES), VALUES),
)


@given(words=st.one_of(st.lists(WORDS, max_size=10), st.just([*PLANNED, "r", "-o", "p"])), toml=TOML)
@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_is_typed_and_set_ends_with_a_code_of_ours(place, capfd, words, toml):
    (place / "home" / "settings.toml").write_bytes(toml)
    assert main(words) in CODES
    assert "\x1b" not in capfd.readouterr().err


def test_a_receipt_is_not_written_to_a_terminal_and_its_export_not_logged(place):
    run_id = recorded(place)
    for form in ("csv", "jsonl", "html"):
        # Of `script` the standard output is a terminal's.
        ended = process("script", "-qec", line_of("export", run_id, "--format", form), "/dev/null")
        assert ended.returncode == Exit.REFUSED
        assert b"not written to a terminal" in ended.stdout
        assert b"\x1b" not in ended.stdout
    journal = Journal(place / "home" / "journal.sqlite")
    assert "export" not in {entry.event for entry in journal.log.entries(run_id)}
    journal.close()


@pytest.mark.parametrize(
    ("options", "name", "code"),
    [
        ([], "x.pdf", Exit.REFUSED),
        ([], "x.csv.gz", Exit.REFUSED),
        ([], "x.HTML", Exit.FINISHED),
        ([], "x", Exit.FINISHED),
        ([], "~/x?#.csv", Exit.FINISHED),
        (["--format", "csv"], "x.txt", Exit.FINISHED),
    ],
)
def test_a_receipt_s_name_is_a_path_as_a_shell_means_it_with_an_ending_that_stands_for_a_form(
    place, monkeypatch, capfd, options, name, code
):
    monkeypatch.setenv("HOME", str(place))
    assert main(["export", recorded(place), "-o", name, *options]) == code
    assert (place / name.removeprefix("~/")).exists() == (code == Exit.FINISHED)
    assert (".csv, .jsonl, .html" in capfd.readouterr().err) == (code == Exit.REFUSED)


SECRET = "s3cr3t-0f-th3-d4t4b4se"
AT = "127.0.0.1:9/db"
BROKEN = [
    f"postgres:/user:{SECRET}@{AT}",
    f"postgres://user:{SECRET}@{AT}",
    f"postgresql://user:{SECRET}@{AT}",
    f"postgresql+psycopg:/user:{SECRET}@{AT}",
    f"postgresql+psycopg:user:{SECRET}@{AT}",
    f"postgresql+psycopg://user:p@{SECRET}@{AT}",
    f"postgresql+psycopg://user:a@{SECRET}/b@{AT}",
    f"postgresql+psycopg://user/x:{SECRET}@{AT}",
    f"postgresql+psycopg://user:{SECRET}",
    f"postgresql+psycopg://user:{SECRET}/db",
    f"postgresql+psycopg://user:{SECRET}@127.0.0.1:nine/db",
    f"postgresql+psycopg://user:{SECRET}@{AT}",
    f"postgresql+psycopg://user:{SECRET}%40%23@{AT}?connect_timeout=x",
    f"postgresql+psycopg://user:{SECRET}@{AT}?nonsense=1",
    f"postgresql+psycopg://user:{SECRET}@127.0.0.1:99999/db",
    f"mysql://user:{SECRET}@{AT}",
    f"sqlite://user:{SECRET}@{AT}",
    f"{SECRET}",
]
#: Runs the command line once for each URL, and tells where a part of the password went.
WATCHED = """
import os, sys
secret, *urls = sys.argv[1:]
def watch(event, arguments):
    if secret[:6] in repr(arguments) and event.startswith(("open", "os.mkdir", "socket", "sqlite3")):
        print("LEAK", event, file=sys.stderr)
sys.addaudithook(watch)
from lib.cli.main import main
from lib.people import ITSELF
for url in urls:
    os.environ["EXPRESS_OPS_DATABASE_URL"] = url
    print("CODE", main(["list"]), flush=True)
"""


def test_a_database_url_never_shows_its_password_wherever_it_is_broken(place):
    before = {path.name for path in place.rglob("*")}
    ended = process(sys.executable, "-c", WATCHED, SECRET, *BROKEN)
    told = (ended.stdout + ended.stderr).decode()
    codes = [int(line.split()[1]) for line in told.splitlines() if line.startswith("CODE")]
    assert (len(codes), set(codes)) == (len(BROKEN), {Exit.REFUSED, Exit.UNREACHABLE}), told
    assert [line for line in told.splitlines() if "LEAK" in line or SECRET[:6] in line] == []
    assert {path.name for path in place.rglob("*")} == before
