"""Messages over a pipe arrive whole whatever the pieces, and what is no message ends the connection."""

import contextlib
import json
import os
import threading
import time
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from course_utils.grading import frames
from course_utils.grading.frames import HEADER, Closed, FrameError, Reader, send

messages = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=10,
)


@pytest.fixture
def pipe():
    reading, writing = os.pipe()
    yield reading, writing
    for descriptor in (reading, writing):
        with contextlib.suppress(OSError):
            os.close(descriptor)


@contextlib.contextmanager
def a_pipe():
    reading, writing = os.pipe()
    try:
        yield reading, writing
    finally:
        for descriptor in (reading, writing):
            with contextlib.suppress(OSError):
                os.close(descriptor)


def read_to_its_end(reader, *, at_most):
    for _ in range(at_most):
        reader.receive()


def frame(body):
    return HEADER.pack(len(body)) + body


@contextlib.contextmanager
def writing_in_the_background(work):
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    yield thread
    thread.join(10)
    assert not thread.is_alive()


# ---------------------------------------------------------------- round trips


@given(st.lists(messages, max_size=5), st.lists(st.integers(1, 40), min_size=1, max_size=20))
def test_messages_arrive_whole_whatever_pieces_the_stream_comes_in(sent, sizes):
    with a_pipe() as (reading, writing):
        for message in sent:
            send(writing, message)
        os.close(writing)
        stream = b"".join(iter(lambda: os.read(reading, 65536), b""))
    with a_pipe() as (reading, writing):
        reader, received, place = Reader(reading), [], 0
        while place < len(stream):
            size = sizes[place % len(sizes)]
            os.write(writing, stream[place : place + size])
            place += size
            while (found := reader.poll(0))[0]:
                received.append(found[1])
    assert received == sent


@given(messages)
def test_receive_returns_what_send_was_given(message):
    with a_pipe() as (reading, writing):
        send(writing, message)
        assert frames.receive(reading) == message


def test_half_characters_pass_through(pipe):
    reading, writing = pipe
    send(writing, "\ud800")
    assert frames.receive(reading) == "\ud800"


def test_a_message_larger_than_the_pipe_waits_for_its_reader(pipe):
    reading, writing = pipe
    long = "x" * 2_000_000
    with writing_in_the_background(lambda: send(writing, long)) as thread:
        time.sleep(0.2)
        assert thread.is_alive()  # a flood costs its sender's time
        assert frames.receive(reading) == long


# ---------------------------------------------------------------- what is no message


@given(st.binary(max_size=2000))
def test_any_bytes_end_in_messages_and_then_an_error(data):
    with a_pipe() as (reading, writing):
        os.write(writing, data)
        os.close(writing)
        reader = Reader(reading)
        with pytest.raises(FrameError):
            read_to_its_end(reader, at_most=len(data) + 1)


@given(st.binary(max_size=300))
def test_any_body_is_a_message_or_an_error(body):
    with a_pipe() as (reading, writing):
        os.write(writing, frame(body))
        try:
            received = frames.receive(reading)
        except FrameError:
            return
        assert json.dumps(received) == json.dumps(json.loads(body))


def test_a_length_over_the_limit_is_refused_before_the_rest_has_come(pipe):
    reading, writing = pipe
    os.write(writing, HEADER.pack(frames.MAX_FRAME + 1))
    with pytest.raises(FrameError, match="longer"):
        Reader(reading).poll(1)


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"\xff\xfe", b"[" * 100_000, b'{"a":' * 50_000, b"[1" + b",1" * frames.MAX_PARTS + b"]"],
    ids=["empty", "cut off", "no text", "nested lists", "nested objects", "too many parts"],
)
def test_what_is_no_json_or_too_much_of_it_is_refused(body, pipe):
    reading, writing = pipe
    with writing_in_the_background(lambda: os.write(writing, frame(body))), pytest.raises(FrameError):
        frames.receive(reading)


@pytest.mark.parametrize("begun", [b"", b"\0\0", HEADER.pack(5) + b"12"])
def test_an_end_in_the_middle_is_known_as_such(begun, pipe):
    reading, writing = pipe
    os.write(writing, begun)
    os.close(writing)
    with pytest.raises(Closed):
        frames.receive(reading)


def test_a_flood_takes_no_more_memory_than_the_limit_allows(pipe):
    reading, writing = pipe
    limit = 2**20
    junk = HEADER.pack(limit) + b"9" * (8 * limit)

    def flood():
        with contextlib.suppress(OSError):  # the reader has hung up
            os.write(writing, junk)

    tracemalloc.start()
    try:
        with writing_in_the_background(flood):
            with pytest.raises(FrameError):
                Reader(reading, limit=limit).receive()
            _, peak = tracemalloc.get_traced_memory()
            os.close(reading)
    finally:
        tracemalloc.stop()
    assert peak < 5 * limit


# ---------------------------------------------------------------- waiting


def test_a_silent_pipe_is_waited_for_so_long_and_no_longer(pipe):
    begun = time.monotonic()
    assert Reader(pipe[0]).poll(0.2) == (False, None)
    assert 0.2 <= time.monotonic() - begun < 5


def test_who_sends_byte_after_byte_does_not_hold_the_reader_up(pipe):
    reading, writing = pipe
    stop = threading.Event()

    def drip():
        os.write(writing, HEADER.pack(frames.MAX_FRAME))
        while not stop.is_set():
            os.write(writing, b"1")

    with writing_in_the_background(drip):
        begun = time.monotonic()
        found, _ = Reader(reading).poll(0.2)
        taken = time.monotonic() - begun
        stop.set()
        os.set_blocking(reading, False)
        with contextlib.suppress(BlockingIOError):
            while os.read(reading, 65536):
                pass
    assert not found
    assert taken < 5  # all of it would take half a minute


def test_what_has_arrived_is_kept_until_the_rest_comes(pipe):
    reading, writing = pipe
    reader, whole = Reader(reading), frame(b'"whole"')
    os.write(writing, whole[:6])
    assert reader.poll(0) == (False, None)
    os.write(writing, whole[6:])
    assert reader.poll(0) == (True, "whole")
