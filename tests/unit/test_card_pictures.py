"""The pictures of cards in docs/cards/: well-formed, whole, and of the bodies that are sent."""

from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from agents.documents.cards import SERVICES, files
from agents.documents.drawing import WIDTH, Row, drawn
from agents.notifier.words import LANGUAGES
from config.destinations import KINDS

CARDS = Path(__file__).resolve().parents[2] / "docs/cards"
PICTURES = {name: text for name, text in files().items() if name.endswith(".svg")}


def words(svg: str) -> str:
    return "\n".join("".join(node.itertext()) for node in ET.fromstring(svg).iter() if node.tag.endswith("text"))


def test_no_picture_is_left_of_a_card_that_is_no_more() -> None:
    assert {path.name for path in CARDS.iterdir()} == files().keys()
    assert set(SERVICES) == set(KINDS) - {"slack-bot"}  # whose message is that of a webhook of Slack's


OTHERS = ("warning", "escalation", "corrected", "operations")


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("service", SERVICES)
def test_a_picture_shows_what_the_body_says(service: str, language: str) -> None:
    said = LANGUAGES[language]
    samples = ("breach", "acknowledged", "recovered", "digest")
    breach, taken, over, digest = (words(PICTURES[f"{service}-{sample}-{language}.svg"]) for sample in samples)
    assert "T-1042" in breach
    assert said["breach"] in breach
    assert "duty-1" in taken
    assert "duty-1" in over
    assert said["answered"].format(elapsed=said["minutes"].format(n=23)) in over
    assert "1,234" in digest
    others = {name: words(PICTURES[f"{service}-{name}-{language}.svg"]) for name in OTHERS}
    assert all(said[name] in shown for name, shown in others.items())
    assert [name for name, shown in others.items() if said["acknowledge"] in shown] in (["escalation"], [])
    if service != "webhook":
        assert said["deadline"] in breach
        assert said["acknowledge"] in breach
        assert said["acknowledge"] not in taken
        assert said["open_board"] in digest


def test_a_long_line_is_broken_and_nothing_of_it_is_lost() -> None:
    for text in ("word " * 100, "超" * 300, "x" * 500):
        svg = drawn("heading", [Row(text)])
        lines = words(svg).split("\n")[1:]
        assert len(lines) > 2
        assert "".join(lines).replace(" ", "") == text.replace(" ", "")
        assert all(len(line) < WIDTH / 4 for line in lines)


def test_text_breaks_out_of_no_picture() -> None:
    svg = drawn("<heading>", [Row('</text><script>alert("1")</script> & "quotes"')])
    assert {node.tag.rpartition("}")[2] for node in ET.fromstring(svg).iter()} == {"svg", "rect", "text"}
