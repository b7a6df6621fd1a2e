import string

import pytest

from dc_monitor.kpi.sentences import CATALOGUE, LANGUAGES, Sentence, duration, moment, number, percent, say


def fields(template):
    """What a template asks for, and how it is to be written."""
    return {(name, spec) for _, name, spec, _ in string.Formatter().parse(template) if name}


@pytest.mark.parametrize("code", CATALOGUE)
def test_every_sentence_says_the_same_in_every_language(code):
    """Same values in the same form, and each language has its words."""
    templates = CATALOGUE[code]

    assert set(LANGUAGES) == set(templates)
    assert fields(templates["en"]) == fields(templates["fr"])
    assert all(text.rstrip().endswith(".") or text.endswith("\xa0».") for text in templates.values())


@pytest.mark.parametrize("code", CATALOGUE)
@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_sentence_can_be_said(code, lang):
    """No template asks for a format we do not have."""
    values = {name: "X" if spec == "" else 10**18 for name, spec in fields(CATALOGUE[code][lang])}

    text = Sentence(code, values).text(lang)

    assert "{" not in text
    assert text[0].isupper() or text[0] == "X"


def test_numbers_are_written_as_the_language_writes_them():
    """French: a comma, narrow no-break spaces; English: a point and commas."""
    assert "12,345.7" == number(12345.67, 1)
    assert "12\u202f345,7" == number(12345.67, 1, "fr")
    assert ("87%", "87\u202f%", "99.9%", "100%") == (
        percent(0.87),
        percent(0.87, "fr"),
        percent(0.999),
        percent(1.0),
    )


def test_times_and_durations_are_written_for_people():
    """A minute is enough for an instant, two units for a duration."""
    assert ("2023-11-14 22:13 UTC", "14/11/2023 à 22:13 UTC") == (
        moment(1_700_000_000 * 10**9),
        moment(1_700_000_000 * 10**9, "fr"),
    )
    assert ("3 d 4 h", "3 j 4 h", "2 h", "45 s", "0 s") == (
        duration((3 * 86400 + 4 * 3600 + 59) * 10**9),
        duration((3 * 86400 + 4 * 3600 + 59) * 10**9, "fr"),
        duration(7200 * 10**9),
        duration(45 * 10**9),
        duration(0),
    )


def test_sentence_about_a_silent_meter():
    """What a principal reads."""
    sentence = say("silent", meter="Compteur général", since=1_700_000_000 * 10**9)

    assert "Compteur général has sent nothing since 2023-11-14 22:13 UTC." == sentence.text()
    assert "Compteur général n’envoie plus rien depuis le 14/11/2023 à 22:13 UTC." == sentence.text("fr")


def test_language_nobody_speaks_is_answered_in_english():
    """A page asked in German still says something."""
    assert say("no_total").text("en") == say("no_total").text("de")
