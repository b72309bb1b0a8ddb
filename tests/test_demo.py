"""The demo: all Spaces as tabs of one page, each with its own style, and the whole of it in a headless browser."""

from pathlib import Path

import gradio as gr
import pytest
import torch
from PIL import Image
from space_browser import CHROMIUM, Space, visit

from scorehub.spaces.demo import app as demo
from scorehub.spaces.demo import front_page

APP = Path(demo.__file__)
TITLES = [space.title for space in demo.SPACES]


@pytest.fixture(scope="module")
def opened(tmp_path_factory):
    """The demo on a dataset that is not there."""
    torch.set_num_threads(1)
    return demo.build_app(tmp_path_factory.mktemp("demo") / "nowhere")


def blocks_of(opened, kind):
    return [block for block in opened.blocks.values() if isinstance(block, kind)]


def test_every_space_of_the_project_has_a_tab(opened):
    folders = {path.parent.name for path in APP.parent.parent.glob("*/app.py")} - {"demo"}
    assert {space.name for space in demo.SPACES} == folders
    labels = [tab.label for tab in blocks_of(opened, gr.Tab) if tab.elem_id]
    assert labels == ["What is here", *TITLES]


def test_a_space_that_can_not_be_opened_says_why_and_the_others_are_there(opened):
    (reason,) = [block.value for block in blocks_of(opened, gr.HTML) if "can&#x27;t be shown" in str(block.value)]
    assert reason.startswith('<p class="reason">MusicScore can&#x27;t be shown: dataset must be the folder of a built')
    tabs = [tab for tab in blocks_of(opened, gr.Tab) if tab.elem_id in {space.name for space in demo.SPACES}]
    assert [len(tab.children) > 1 for tab in tabs] == [space.name != "musicscore" for space in demo.SPACES]


def test_the_first_tab_says_what_is_true_wherever_the_demo_runs():
    assert "with the models that" in front_page.INTRO
    assert "this machine" not in front_page.INTRO  # on the Hub, uploads leave the visitor's


def test_a_style_holds_in_its_own_tab_alone():
    css = demo.scoped(".a { color: red; }\n@media (max-width: 640px) { .a { color: blue; } }\n.dark .a {}", "tab")
    assert css.startswith("#tab {\n.a { color: red; }")
    assert "\n.dark & .a {}" in css  # the page is dark, not what is in the tab
    assert css.count("{") == css.count("}")


def test_one_job_of_a_network_runs_at_a_time_of_all_tabs(opened):
    assert {event.concurrency_id for event in opened.fns.values() if event.concurrency_limit == 1} == {"network"}


def test_launch_options_are_those_of_all_spaces():
    options = [space.app.LAUNCH_OPTIONS for space in demo.SPACES]
    assert {name for one in options for name in one} == set(demo.LAUNCH_OPTIONS)
    assert demo.LAUNCH_OPTIONS["max_file_size"] == "50mb"
    assert all(one["js"] in demo.LAUNCH_OPTIONS["js"] for one in options if "js" in one)


@pytest.mark.skipif(CHROMIUM is None, reason="neither chromium nor google-chrome is installed")
def test_a_visitor_goes_through_all_tabs(built_dataset, tmp_path):
    errors = []
    with Space(APP, tmp_path, {"MUSICSCORE_REPO": str(built_dataset)}) as space, visit(space) as page:
        page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.reload()
        every_space_can_be_opened_from_the_first_tab(page)
        styles_do_not_mix(page)
        a_roll_is_drawn(page)
        a_page_is_begun_and_stopped(page)
        what_was_made_is_still_there(page)
        page.get_by_role("tab", name="What is here").click()
        page.screenshot(path=tmp_path / "front.png")
    assert errors == []
    assert len(Image.open(tmp_path / "front.png").convert("RGB").getcolors(2**24)) > 50


def open_tab(page, title):
    page.get_by_role("tab", name=title, exact=True).click()


def every_space_can_be_opened_from_the_first_tab(page):
    """And shows its first content, which came before the tab was there."""
    firsts = {
        "musicscore": "6 of 6 pages",
        "text_to_score": "Press Draw",
        "music_transcription": "Picture and recording differ in",
        "score_following": "Follow the recording",
        "piano_roll_sde": "Noise: press Draw",
        "chorales": "Networks that have read Bach's chorales",
        "music_models": "from 1959 on",
    }
    for space in demo.SPACES:
        open_tab(page, "What is here")
        page.get_by_role("button", name=f"Open {space.title}", exact=True).click()
        page.locator(f"#{space.name}").get_by_text(firsts[space.name]).first.wait_for()
    pictures = page.locator("#front_page img")
    assert pictures.evaluate_all("pictures => pictures.every((one) => one.naturalWidth === 480)")


def computed(page, selector, name):
    return page.locator(selector).first.evaluate("(one, name) => getComputedStyle(one)[name]", name)


def styles_do_not_mix(page):
    """`sheet` and `facts` mean something else in other tabs; a dark page is dark in all."""
    assert computed(page, "#score_following .sheet", "display") == "block"
    assert computed(page, "#text_to_score .sheet", "display") == "flex"
    assert computed(page, "#score_following .facts", "borderCollapse") == "separate"
    assert computed(page, "#musicscore .facts", "borderCollapse") == "collapse"
    page.evaluate("document.body.classList.add('dark')")
    assert computed(page, "#music_transcription .listen audio", "colorScheme") == "dark"
    page.evaluate("document.body.classList.remove('dark')")
    assert "plain" in page.evaluate("navigator.mediaDevices.getUserMedia.toString()")


def a_roll_is_drawn(page):
    open_tab(page, "Piano rolls")
    panel = page.locator("#piano_roll_sde")
    steps = panel.get_by_label("Steps").and_(page.locator("input[type=number]:visible"))
    steps.fill("5")
    steps.press("Tab")
    panel.get_by_role("button", name="Draw", exact=True).click()
    panel.get_by_text("evaluations of the network in").wait_for()


def a_page_is_begun_and_stopped(page):
    """The job that a button ends is its own, though events were numbered anew."""
    open_tab(page, "Text to score")
    panel = page.locator("#text_to_score")
    panel.get_by_text("Preset, steps, guidance").click()
    panel.get_by_label("Paper's", exact=True).check()
    page.wait_for_function("[...document.querySelectorAll('input[type=number]')].some((box) => box.value == 250)")
    panel.get_by_role("button", name="Draw", exact=True).click()
    panel.get_by_text("of 250").wait_for()
    panel.get_by_role("button", name="Stop", exact=True).click()
    panel.get_by_text("Stopped").wait_for()


def what_was_made_is_still_there(page):
    open_tab(page, "Piano rolls")
    page.locator("#piano_roll_sde").get_by_text("evaluations of the network in").wait_for()
