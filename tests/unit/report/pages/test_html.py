"""The HTML page of a run: it fetches nothing, runs nothing, escapes everything, and shows first what is broken."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from harness.report.pages import html
from harness.report.pages.view import View
from harness.report.record import RunRecord, State
from tests.unit.report.pages.pages_ground import ABORTED, CATALOGUE, EVIL, RUN

VOID = {"meta", "input", "br"}
FETCHING = {"src", "srcset", "action", "background", "data", "poster", "formaction", "ping"}


class Reader(HTMLParser):
    """Every tag with its attributes, and whether each is closed where it should be."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.words: list[tuple[str, str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if data.strip():
            self.words.append((self.open[-1] if self.open else "", data.strip()))

    def said_in(self, tag: str) -> list[str]:
        """What stands directly in tags of a name."""
        return [words for place, words in self.words if place == tag]


def read(run: RunRecord) -> tuple[str, Reader]:
    """The page, as text and read."""
    text, reader = html.page(View(run, CATALOGUE)), Reader()
    reader.feed(text)
    reader.close()
    return text, reader


def rules(text: str) -> Iterator[str]:
    """The style rules that hide something."""
    (style,) = re.findall(r"<style>(.*?)</style>", text, re.DOTALL)
    yield from (each for each in style.split("}") if "display: none" in each)


@pytest.mark.parametrize("run", [RUN, ABORTED, replace(RUN, tests=())], ids=["all", "aborted", "none"])
def test_it_fetches_and_runs_nothing(run: RunRecord) -> None:
    """No script, no handler, nothing with a source, no link but to the page itself; its own policy forbids the rest."""
    text, reader = read(run)
    names = {tag for tag, _ in reader.tags}
    assert not names & {"script", "link", "img", "iframe", "object", "embed", "base", "form", "svg", "video", "audio"}
    for _, attributes in reader.tags:
        assert not FETCHING & attributes.keys()
        assert not [name for name in attributes if name.startswith("on") or name == "style"]
        assert (attributes.get("href") or "#").startswith("#")
    (style,) = re.findall(r"<style>(.*?)</style>", text, re.DOTALL)
    assert "url(" not in style
    assert "@import" not in style
    policies = [each["content"] for tag, each in reader.tags if tag == "meta" and "http-equiv" in each]
    assert policies == ["default-src 'none'; style-src 'unsafe-inline'"]


@pytest.mark.parametrize("run", [RUN, ABORTED], ids=["all", "aborted"])
def test_its_tags_are_closed_and_its_ids_are_unique(run: RunRecord) -> None:
    """It is a whole document, in which every label and link leads somewhere."""
    _, reader = read(run)
    assert not reader.open
    ids = [str(each["id"]) for _, each in reader.tags if "id" in each]
    assert len(ids) == len(set(ids))
    led = [str(each["for"]) for tag, each in reader.tags if tag == "label"]
    led += [str(each["href"])[1:] for tag, each in reader.tags if tag == "a"]
    assert set(led) <= set(ids)


def test_what_a_cluster_says_stays_words() -> None:
    """Markup, colours and what turns lines around are shown, not obeyed."""
    text, reader = read(RUN)
    assert "<script>" not in text
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert any("<script>alert(1)</script>" in words for _, words in reader.words)
    assert 'title="One is &#34;one&#34; &amp; &lt;one&gt;."' in text


def test_what_is_broken_stands_first_open_and_explained() -> None:
    """The first card is the failure: its ids, the layer, the command that asks again, and the whole story."""
    text, reader = read(RUN)
    cards = [each for tag, each in reader.tags if tag == "details" and "card" in str(each.get("class"))]
    assert [("open" in each, str(each["class"]).split()[2]) for each in cards] == [
        (True, "is-fail"),
        (False, "is-unknown"),
    ]
    first = text[text.index("<details") :]
    assert first.index("y/a → x/a: expected denied, seen reached; layer: policy") < first.index("y/a → x/a  denied")
    assert "pytest 'suites/dns/test_a.py::test_two[it'\"'\"'s]' --cluster=kind '--cni=my file.yaml'" in reader.said_in(
        "code"
    )
    assert "harness rerun --failed" in reader.said_in("code")
    assert RUN.asked.command in reader.said_in("code")


def test_the_headline_says_how_it_went() -> None:
    """Title and heading are one sentence, coloured by the worst verdict."""
    _, reader = read(RUN)
    said = "6 promises asked: 2 broken, 1 unknown, 2 skipped, 1 hold"
    assert reader.said_in("h1") == reader.said_in("title") == [said]
    assert ("h1", {"class": "fail"}) in reader.tags


@pytest.mark.parametrize(
    ("state", "said"),
    [
        (State.ABORTED, "This run was aborted after 1 of 6 tests: interrupted."),
        (State.UNFINISHED, "If no run goes on any more, it was aborted there"),
    ],
)
def test_an_aborted_run_says_so_before_all_else(state: State, said: str) -> None:
    """The title begins with it, and below it stands how far the run came and how to go on."""
    _, reader = read(replace(ABORTED, state=state))
    assert reader.said_in("title")[0].startswith(f"{state.upper()} after 1 of 6 tests. ")
    assert any(said in words for words in reader.said_in("p"))
    assert "harness rerun --unfinished" in reader.said_in("code")
    assert any("suites/svc/test_b.py::test_four" in words for words in reader.said_in("pre"))


def test_the_filters_hide_what_they_do_not_name_without_a_script() -> None:
    """For each area and verdict there is a radio button, and one rule that hides all tests without that class."""
    text, reader = read(RUN)
    (rule,) = [each for each in rules(text) if ":checked" in each]
    radios = [str(each["id"]) for tag, each in reader.tags if tag == "input" and each["type"] == "radio"]
    assert radios == ["v-all", "v-fail", "v-unknown", "v-skip", "v-pass", "a-all", "a-DNS", "a-SVC", "a-POL"]
    for each in radios:
        shown = f".{each}" if each.startswith("a-") else f".is-{each[2:]}"
        assert (f"#{each}:checked ~ main .t:not({shown})" in rule) == (not each.endswith("-all"))
    rows = [str(each["class"]).split() for tag, each in reader.tags if tag == "tr" and "class" in each]
    assert ["t", "is-fail", "a-DNS", "a-POL"] in rows
    assert len(rows) == len(RUN.tests)


def test_light_and_dark_are_both_there() -> None:
    """The page follows the reader's choice of colours."""
    text, _ = read(RUN)
    assert "color-scheme: light dark" in text
    assert "prefers-color-scheme: dark" in text


def test_convergence_times_begin_with_the_longest() -> None:
    """What took longest to settle is the first row."""
    text, _ = read(RUN)
    assert text.index("4.50") < text.index("0.25")
    assert EVIL not in text
