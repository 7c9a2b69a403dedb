"""A container's log."""

import asyncio

from harness.embedded.kubelet.logs import BUDGET, LINE_LIMIT, ContainerLog


def filled(*texts: str) -> ContainerLog:
    log = ContainerLog()
    for moment, text in enumerate(texts):
        log.feed("stdout", text.encode(), float(moment))
    return log


def texts(log: ContainerLog, **options: int) -> list[str]:
    return [line.data.decode() for line in log.lines(**options)]


def test_pieces_become_lines() -> None:
    """A line is shown when its newline comes, however it was cut on the way."""
    log = filled("on", "e\ntw", "o\nthr")
    assert texts(log) == ["one\n", "two\n"]


def test_the_rest_is_shown_at_the_end() -> None:
    """What has no newline when the container ends is not lost."""
    log = filled("half")
    log.close(1.0)
    assert texts(log) == ["half"]


def test_streams_do_not_mix_within_a_line() -> None:
    """Half a line of one stream is not joined with the other's."""
    log = ContainerLog()
    log.feed("stdout", b"out", 0)
    log.feed("stderr", b"err\n", 0)
    log.feed("stdout", b"put\n", 0)
    assert texts(log) == ["err\n", "output\n"]


def test_tail_and_since() -> None:
    """tail takes the last lines, since those not older than a moment."""
    log = filled("a\n", "b\n", "c\n")
    assert texts(log, tail=2) == ["b\n", "c\n"]
    assert texts(log, tail=0) == []
    assert texts(log, tail=9) == ["a\n", "b\n", "c\n"]
    assert texts(log, since=1) == ["b\n", "c\n"]


def test_timestamps_come_first() -> None:
    """With timestamps each line begins with its moment in UTC."""
    assert filled("a\n").lines()[0].render(timestamps=True) == b"1970-01-01T00:00:00.000000000Z a\n"


def test_long_lines_are_cut() -> None:
    """A line without end does not grow without end."""
    assert max(len(line.data) for line in filled("x" * 3 * LINE_LIMIT).lines()) == LINE_LIMIT


def test_old_lines_go_when_the_budget_is_spent() -> None:
    """The newest lines stay, within the budget."""
    log = filled(*["y" * 9999 + "\n"] * (BUDGET // 10000 + 50), "last\n")
    assert sum(len(line.data) for line in log.lines()) <= BUDGET
    assert texts(log)[-1] == "last\n"


def test_a_follower_sees_each_line_once_and_the_end() -> None:
    """Following gives what comes after a line, in order, and stops when the container's output ends."""

    async def scenario() -> list[bytes]:
        log = filled("a\n", "b\n")
        seen: list[bytes] = []

        async def follow() -> None:
            seen.extend([line.data async for line in log.follow(0)])

        task = asyncio.create_task(follow())
        await asyncio.sleep(0)
        log.feed("stderr", b"c\n", 2.0)
        await asyncio.sleep(0)
        log.close(3.0)
        await asyncio.wait_for(task, 30)
        return seen

    assert asyncio.run(scenario()) == [b"b\n", b"c\n"]


def test_the_ending_is_the_last_of_the_output() -> None:
    """FallbackToLogsOnError takes the end of the log."""
    assert filled("a\n", "b\n").ending(limit=2) == "b\n"
