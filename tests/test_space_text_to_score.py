"""The Space of text-to-score: prompts and fields, jobs, and the whole of it in a headless browser."""

import io
from pathlib import Path

import gradio as gr
import numpy as np
import pymupdf
import pytest
import torch
from PIL import Image
from playwright.sync_api import expect
from space_browser import CHROMIUM, Space, set_number, until, visit
from tiny_diffusion import tiny_pipeline

from scorehub.engraving import Layout, engrave_score
from scorehub.page_reader import PageReading, StaffReading
from scorehub.pipelines.text_to_score.prompt import FIELDS
from scorehub.spaces import watching
from scorehub.spaces.text_to_score import drawing, prompts, show, verdict
from scorehub.spaces.text_to_score.desk import make_desk
from scorehub.spaces.text_to_score.events import Events
from scorehub.svg import rasterise
from scorehub.text_to_score import Sampling, draw_pages

APP = Path(show.__file__).with_name("app.py")
VOCABULARY = {"instrumentation": ["violin", "piano"], "key": ["A major", "B flat minor"], "genre": []}
PROMPT = "a music score, instrumentation is violin, key is A major"


@pytest.fixture(scope="module")
def pipe():
    torch.set_num_threads(1)
    made = tiny_pipeline(vocabulary=VOCABULARY)
    made.set_progress_bar_config(disable=True)
    return made


def test_fields_are_those_that_the_model_has_learnt():
    assert prompts.field_choices(VOCABULARY) == {
        "instrumentation": ["violin", "piano"],
        "key": ["A major", "B flat minor"],
    }
    assert prompts.field_choices(None) == {name: [] for name in prompts.LABELS}
    assert set(prompts.LABELS) == set(FIELDS)


def test_what_there_is_to_try_can_be_drawn():
    assert prompts.prompts_to_try(VOCABULARY) == {
        "violin, A major": PROMPT,
        "any music": "a music score",
        "piano": "a music score, instrumentation is piano",
    }
    assert prompts.prompts_to_try({}) == {"any music": "a music score"}
    assert "cello, D minor, Baroque" in prompts.prompts_to_try(None)


@pytest.mark.parametrize(
    ("prompt", "said"),
    [
        (PROMPT, ("violin", "A major")),
        ("a music score, key is H major", ("", "")),
        ("a music score, composer is Bach, key is A major", ("", "A major")),
        ("a sonata for kazoo", ("", "")),
        ("", ("", "")),
    ],
)
def test_fields_are_read_from_a_prompt(prompt, said):
    choices = prompts.field_choices(VOCABULARY)
    assert prompts.read_fields(prompt, choices) == dict(zip(choices, said, strict=True))


def test_any_text_is_a_field_of_a_model_without_a_vocabulary():
    choices = prompts.field_choices(None)
    said = prompts.read_fields("a music score, composer is Bach, Johann Sebastian, genre is fugues", choices)
    assert {name: value for name, value in said.items() if value} == {
        "composer": "Bach, Johann Sebastian",
        "genre": "fugues",
    }


def test_watching_changes_nothing_and_counts_the_evaluations(pipe):
    job = drawing.draw_watched(pipe, PROMPT, [3, 4], Sampling(steps=6))
    seen = list(job)
    alone = draw_pages(pipe, PROMPT, [3, 4], Sampling(steps=6))
    assert [page.tobytes() for page in job.result.images] == [page.tobytes() for page in alone.images]
    assert job.evaluations == 6 == alone.network_calls
    assert seen[0].step == 1
    assert [page.size for page in seen[0].pages] == [(64, 96)] * 2


def test_what_is_shown_is_the_page_at_that_step(pipe):
    kept = pipe(PROMPT, num_inference_steps=3, generator=[torch.Generator().manual_seed(0)], intermediates_every=1)
    for unfinished in drawing.draw_watched(pipe, PROMPT, [0], Sampling(steps=3)):
        assert unfinished.pages[0].tobytes() == kept.intermediates[unfinished.step - 1][0].tobytes()


def test_a_job_that_nobody_watches_any_more_ends_and_makes_room_for_the_next(pipe):
    long = drawing.draw_watched(pipe, PROMPT, [0], Sampling(steps=1000))
    watching = iter(long)
    next(watching)
    watching.close()
    job = drawing.draw_watched(pipe, PROMPT, [0], Sampling(steps=2))
    assert [unfinished.step for unfinished in job][:1] == [1]
    assert job.evaluations == 2
    assert not hasattr(long, "result")


def test_news_are_made_only_when_it_is_time_for_them():
    network = torch.nn.Identity()
    made = []

    def work(tell):
        for number in range(1000):
            network(torch.zeros(1))
            tell(lambda number=number: made.append(number) or number)
        return "done"

    job = watching.WatchedJob(network, work)
    assert list(job) == made
    assert made[0] == 0
    assert len(made) < 100
    assert (job.result, job.evaluations) == ("done", 1000)


def test_a_job_that_takes_too_long_ends_with_a_reason(pipe, monkeypatch):
    monkeypatch.setattr(watching, "MAX_SECONDS", -1.0)
    with pytest.raises(ValueError, match="sampling must end within -1 s, got none in time: take fewer steps"):
        list(drawing.draw_watched(pipe, PROMPT, [0], Sampling(steps=2)))


def test_what_goes_wrong_in_a_job_reaches_who_watches(pipe):
    with pytest.raises(ValueError, match="instrumentation must be violin, piano; got 'kazoo'"):
        list(drawing.draw_watched(pipe, "a music score, instrumentation is kazoo", [0], Sampling()))


def test_files_hold_the_pages(pipe, tmp_path):
    pages = draw_pages(pipe, PROMPT, [7, 8], Sampling(steps=1)).images
    grey, bitmap = drawing.write_png(pages[0], 7, tmp_path)
    pdf = drawing.write_pdf(pages, 7, tmp_path)
    assert [path.name for path in (grey, bitmap, pdf)] == ["page_7.png", "page_7_1bit.png", "pages_7.pdf"]
    with Image.open(grey) as image:
        assert image.tobytes() == pages[0].tobytes()
    with Image.open(bitmap) as image:
        assert image.mode == "1"
    with pymupdf.open(pdf) as document:
        assert len(document) == 2


def reading(clefs, fifths, systems=None):
    """Of staves with these clefs and signatures, each a system of its own unless it is said."""
    places = range(len(clefs)) if systems is None else systems
    staves = tuple(StaffReading(*staff) for staff in zip(clefs, fifths, places, strict=True))
    return PageReading(len(staves), staves)


VIOLIN = reading(["G2"] * 4, [3, 3, 3, 2])
PIANO = reading(["G2", "F4"] * 2, [-1] * 4, [0, 0, 1, 1])


@pytest.mark.parametrize(
    ("read", "fields", "heading", "found"),
    [
        (VIOLIN, {"instrumentation": "violin", "key": "A major"}, "Reads as asked", [True, True, True]),
        (
            VIOLIN,
            {"instrumentation": "cello", "key": "A major"},
            "Reads as music, but not as asked",
            [True, False, True],
        ),
        (VIOLIN, {"key": "D minor"}, "Reads as music, but not as asked", [True, None, False]),
        (VIOLIN, {"genre": "sonata"}, "Reads as music", [True, None, None]),
        (PIANO, {"instrumentation": "piano", "key": "D minor"}, "Reads as asked", [True, True, True]),
        (reading(["G2"] * 2, [3] * 2), {"key": "A major"}, "Does not read as music", [False, None, False]),
        (reading([], []), {"key": "A major"}, "Does not read as music", [False, None, False]),
    ],
)
def test_a_verdict_says_whether_a_page_is_as_it_was_asked_for(read, fields, heading, found):
    made = verdict.make_verdict(read, fields)
    assert made.heading == heading
    assert [finding.agrees for finding in made.findings] == found


def test_findings_are_told_in_words():
    html = show.verdict_html(verdict.make_verdict(VIOLIN, {"instrumentation": "viola", "key": "C major"}))
    assert "Staves: <b>4 with a clef</b></dd>" in html
    assert "Clef: <b>treble</b><small>asked: alto, for viola</small>" in html
    assert "<b>3 sharps on 3 of 4 staves</b><small>asked: no sharps or flats, for C major</small>" in html
    html = show.verdict_html(verdict.make_verdict(PIANO, {"instrumentation": "Piano", "key": "F major"}))
    assert "<b>treble over bass</b><small>asked: treble over bass, for Piano</small>" in html
    assert "<b>1 flat on 4 of 4 staves</b><small>asked: 1 flat, for F major</small>" in html
    html = show.verdict_html(verdict.make_verdict(reading([], []), {"instrumentation": "<b>", "key": "F major"}))
    assert "<b>0 with a clef</b><small>a page of music has 3 or more</small>" in html


def test_only_a_key_with_a_signature_is_judged():
    assert verdict.visible_fields("a music score, instrumentation is cello, key is H major") == {
        "instrumentation": "cello"
    }
    assert verdict.visible_fields("a music score, key is B-flat minor") == {"key": "B-flat minor"}
    assert verdict.visible_fields("a sonata for kazoo") == {}


def test_an_engraved_page_reads_as_asked_and_an_empty_one_does_not():
    pae = "@clef:C-3\n@keysig:bBEA\n@timesig:4/4\n@data:" + "4'CDEF/GFED/" * 16
    page = rasterise(engrave_score(pae, Layout(width_mm=110, height_mm=150)).pages[0], 600)
    made = verdict.judge_page(page, "a music score, instrumentation is viola, key is C minor")
    assert made.heading == "Reads as asked"
    made = verdict.judge_page(page, "a music score, instrumentation is violin, key is C major")
    assert [finding.agrees for finding in made.findings] == [True, False, False]
    assert verdict.judge_page(Image.new("L", (256, 352), 255), PROMPT).heading == "Does not read as music"


@pytest.mark.parametrize(
    ("prompt", "reason"),
    [
        ("x" * 10_000, "Prompt must have at most 2,000 characters, got 10,000"),
        ("a music score, instrumentation is kazoo", "Instrumentation must be violin, piano; got &#x27;kazoo&#x27;"),
        ("скрипка", "Prompt must be like"),
        ("<script>alert(1)</script>", "&lt;script&gt;"),
        ("   ", "Prompt must be a text or fields such as key"),
    ],
)
def test_what_can_not_be_drawn_is_said_in_the_page(pipe, prompt, reason):
    with gr.Blocks():
        desk = make_desk(pipe)
    *_, last = Events(pipe, desk).draw(prompt, 1, 0, "fast", 2, 3.0, "")
    assert reason in last[desk.buttons.status]
    assert "<script>" not in last[desk.buttons.status]
    assert last[desk.buttons.start].interactive


@pytest.mark.skipif(CHROMIUM is None, reason="neither chromium nor google-chrome is installed")
def test_a_visitor_picks_fields_sees_pages_and_takes_them_home(pipe, tmp_path):
    pipe.save_pretrained(tmp_path / "model")
    with Space(APP, tmp_path, {"TEXT_TO_SCORE_MODEL": str(tmp_path / "model")}) as space, visit(space) as page:
        pick(page)
        draw(page, pipe, tmp_path)
        stop(page)
        refuse(page)


def prompt_box(page):
    return page.get_by_role("textbox", name="Prompt Made of")


def write(page, prompt):
    prompt_box(page).fill(prompt)
    prompt_box(page).press("Tab")


def some_input(value, kind="input"):
    return f"[...document.querySelectorAll('{kind}')].some((box) => box.value == '{value}')"


def press(page, name):
    page.get_by_role("button", name=name, exact=True).click()


def pick(page):
    """Fields make the prompt, and the prompt makes them."""
    expect(prompt_box(page)).to_have_value(PROMPT)
    choose(page, "Instrument", "piano")
    page.wait_for_function("document.querySelector('textarea').value.includes('piano, key is A major')")
    expect(page.get_by_label("Something to try")).to_have_value("")
    until(page, lambda: write(page, "a music score, key is B flat minor"), some_input("B flat minor"))
    expect(page.get_by_label("Instrument").first).to_have_value("any")
    choose(page, "Something to try", "violin, A major")
    page.wait_for_function("document.querySelector('textarea').value.includes('violin, key is A major')")


def choose(page, label, value):
    page.get_by_label(label).first.click()
    page.get_by_role("option", name=value, exact=True).click()


def draw(page, pipe, folder):
    """Two pages in five steps, the very ones of their seeds."""
    page.get_by_text("Preset, steps, guidance").click()
    set_number(page, "Steps", 5)
    page.locator(".count").get_by_label("2").check()
    press(page, "Draw")
    page.get_by_text("5 evaluations of the network").wait_for()
    pictures = page.locator(".card:visible .sheet img")
    expect(pictures).to_have_count(2)
    expect(page.get_by_text("Does not read as music")).to_have_count(2)  # the network's weights are random
    expected = draw_pages(pipe, PROMPT, [0, 1], Sampling(steps=5)).images
    name, data = download(page, "Download PNG >> nth=1", folder / "page.png")
    assert name == "page_1.png"
    with Image.open(io.BytesIO(data)) as image:
        assert np.abs(np.asarray(image, float) - np.asarray(expected[1], float)).max() <= 1
    name, data = download(page, "Download 1-bit >> nth=0", folder / "bitmap.png")
    with Image.open(io.BytesIO(data)) as image:
        assert (name, image.mode) == ("page_0_1bit.png", "1")
    name, data = download(page, "Download PDF of 2 pages", folder / "pages.pdf")
    with pymupdf.open(stream=data, filetype="pdf") as document:
        assert (name, len(document)) == ("pages_0.pdf", 2)


def stop(page):
    """The paper's preset brings its steps; a job that takes too long is stopped, and leaves empty paper."""
    choose_preset(page, "Paper's", 250)
    page.locator(".count").get_by_label("4").check()
    press(page, "Another seed")
    page.get_by_text("of 250").wait_for()
    press(page, "Stop")
    page.get_by_text("Stopped").wait_for()
    page.get_by_text("Press Draw").wait_for()
    expect(page.get_by_label("Seed").first).to_have_value("4")


def refuse(page):
    """Reasons are in the page, and the next drawing works."""
    prompt_box(page).fill("小提琴 " * 3000)
    press(page, "Draw")
    page.get_by_text("Prompt must have at most 2,000 characters").wait_for()
    prompt_box(page).fill("a music score, key is A major")
    choose_preset(page, "Fast", 20)
    set_number(page, "Steps", 2)
    press(page, "Draw")
    page.get_by_text("2 evaluations of the network").wait_for()


def choose_preset(page, name, steps):
    wanted, other = (page.get_by_label(label, exact=True) for label in (name, "Fast" if name != "Fast" else "Paper's"))

    def choose_again():
        if wanted.is_checked():
            other.check()
            page.wait_for_timeout(500)
        wanted.check()

    until(page, choose_again, some_input(steps, "input[type=number]"))


def download(page, button, path):
    with page.expect_download() as event:
        page.locator(f"text={button}").click()
    event.value.save_as(path)
    return event.value.suggested_filename, path.read_bytes()
