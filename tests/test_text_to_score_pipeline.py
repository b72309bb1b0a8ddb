"""Text to score: prompts in and out, presets, what comes of pages, and a folder that loads without scorehub."""

import io

import numpy as np
import pymupdf
import pytest
import torch
from diffusers import DDIMScheduler, EulerDiscreteScheduler, HeunDiscreteScheduler, PNDMScheduler
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from tiny_diffusion import tiny_pipeline

from scorehub.pipelines.text_to_score.page import find_threshold, to_bitmap, to_pdf
from scorehub.pipelines.text_to_score.prompt import FIELDS, parse_prompt, write_prompt

PROMPT = "a music score, key is A major"


@pytest.fixture(scope="module")
def pipe():
    torch.set_num_threads(1)
    made = tiny_pipeline()
    made.set_progress_bar_config(disable=True)
    return made


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def draw(pipe, prompt=PROMPT, *arguments, **options):
    return pipe(prompt, *arguments, **{"num_inference_steps": 3, "output_type": "np", "generator": seeded()} | options)


def test_fields_are_the_prompt_that_they_make(pipe):
    fields = {"key": "A major", "genre": "", "instrumentation": "violin"}
    made = draw(pipe, fields)
    assert made.prompts == ["a music score, instrumentation is violin, key is A major"]
    np.testing.assert_array_equal(made.images, draw(pipe, made.prompts[0]).images)
    assert not np.allclose(made.images, draw(pipe, PROMPT).images)


VALUES = st.text(st.characters(exclude_categories=["Cc", "Cs", "Z"]), min_size=1)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.dictionaries(st.sampled_from(FIELDS), VALUES))
def test_prompts_are_read_as_they_were_written(fields):
    assert parse_prompt(write_prompt(fields)) == fields


def test_a_page_is_the_same_whatever_it_is_drawn_with(pipe):
    together = draw(pipe, [PROMPT, {"key": "B-flat minor"}], 2).images
    assert together.shape == (4, 96, 64, 1)
    np.testing.assert_allclose(together[:1], draw(pipe).images, atol=1e-5)
    generators = [seeded(1), seeded(2)]
    second = draw(pipe, PROMPT, 2, generator=generators).images[1]
    np.testing.assert_allclose(second, draw(pipe, generator=[seeded(2)]).images[0], atol=1e-5)


@pytest.mark.slow
def test_the_paper_preset_is_ddim_in_250_steps_at_guidance_4(pipe):
    own = pipe.scheduler
    made = pipe(PROMPT, preset="paper", output_type="np", generator=seeded())
    assert made.network_calls == 250
    assert pipe.scheduler is own
    try:
        pipe.scheduler = DDIMScheduler.from_config(own.config)
        options = {"num_inference_steps": 250, "guidance_scale": 4.0}
        np.testing.assert_array_equal(draw(pipe, **options).images, made.images)
    finally:
        pipe.scheduler = own


def test_the_default_calls_the_network_at_most_25_times(pipe):
    calls = []
    handle = pipe.unet.register_forward_hook(lambda *_: calls.append(1))
    made = pipe(PROMPT, output_type="latent")
    handle.remove()
    assert len(calls) == made.network_calls <= 25


@pytest.mark.parametrize("scheduler", [EulerDiscreteScheduler, HeunDiscreteScheduler, PNDMScheduler])
def test_any_scheduler_of_diffusers_will_do(pipe, scheduler):
    own = pipe.scheduler
    try:
        pipe.scheduler = scheduler.from_config(own.config)
        assert np.isfinite(draw(pipe, num_inference_steps=6).images).all()
    finally:
        pipe.scheduler = own


def test_guidance_and_negative_prompts_change_pages(pipe):
    pages = [
        draw(pipe, **options).images
        for options in ({}, {"guidance_scale": 1.0}, {"negative_prompt": {"key": "B-flat minor"}})
    ]
    assert not np.allclose(pages[0], pages[1])
    assert not np.allclose(pages[0], pages[2])


def test_unfinished_pages_end_as_the_finished_one(pipe):
    made = draw(pipe, num_inference_steps=6, intermediates_every=2, output_type="pil")
    assert len(made.intermediates) == 3
    first, _, last = (np.asarray(pages[0], float) for pages in made.intermediates)
    assert np.abs(last - np.asarray(made.images[0], float)).max() <= 1
    assert np.abs(first - last).mean() > 1


def test_steps_are_called_back(pipe):
    seen = []

    def watch(_, step, time, tensors):
        seen.append((step, tuple(tensors["latents"].shape)))
        return tensors

    draw(pipe, callback_on_step_end=watch)
    assert seen == [(step, (1, 4, 48, 32)) for step in range(3)]


def test_pages_may_have_other_sizes(pipe):
    assert draw(pipe, height=64, width=128).images.shape == (1, 64, 128, 1)
    latents = torch.randn(1, 4, 48, 32, generator=seeded())
    np.testing.assert_array_equal(draw(pipe, latents=latents).images, draw(pipe, latents=latents).images)


def test_pages_of_three_channels():
    made = tiny_pipeline(channels=3)
    assert made(PROMPT, num_inference_steps=1).images[0].mode == "RGB"


def page(ink=40, paper=220):
    """Four lines on paper."""
    grey = np.full((192, 128), paper, np.uint8)
    grey[60:100:10, 10:118] = ink
    return Image.fromarray(grey)


def test_bitmaps_are_black_ink_on_white_paper():
    found = to_bitmap(page())
    assert (found.mode, found.size) == ("1", (2338, 3507))
    rows = np.asarray(found)[:, 1100]
    assert int((np.diff(rows.astype(int)) == -1).sum()) == 4  # from paper to ink
    assert rows[:1000].all()


def test_bitmaps_keep_lines_thinner_than_a_pixel_beside_black_ink():
    grey = np.full((352, 256), 255, np.uint8)
    grey[100:116, 40:200] = 0  # a beam, by which the threshold is set
    for line in range(5):
        grey[200 + 4 * line : 202 + 4 * line, 20:240] = 190
    found = np.asarray(to_bitmap(Image.fromarray(grey)))
    scale = found.shape[1] / 256
    column = found[round(198 * scale) : round(222 * scale), found.shape[1] // 2]
    assert (np.diff(column.astype(int)) == -1).sum() == 5
    assert not found[round(102 * scale) : round(114 * scale), round(42 * scale) : round(198 * scale)].any()
    assert found[round(118 * scale) : round(196 * scale)].all()


@pytest.mark.parametrize(("ink", "paper"), [(0, 255), (40, 220), (100, 240), (5, 150)])
def test_the_threshold_parts_ink_from_paper(ink, paper):
    threshold = find_threshold(np.asarray(page(ink, paper)))
    assert abs(threshold - (ink + paper) / 2) < 2


@pytest.mark.parametrize(("grey", "is_white"), [(255, True), (0, False)])
def test_an_empty_page_stays_empty(grey, is_white):
    assert np.asarray(to_bitmap(Image.new("L", (64, 96), grey))).all() == is_white


def test_a_pdf_has_all_pages(pipe):
    data = draw(pipe, PROMPT, 2, output_type="pdf").images
    with pymupdf.open(stream=data, filetype="pdf") as document:
        assert [tuple(round(side) for side in each.rect[2:]) for each in document] == [(561, 842)] * 2
    with pymupdf.open(stream=to_pdf([page()]), filetype="pdf") as document:
        shown = Image.open(io.BytesIO(document[0].get_pixmap(dpi=72).tobytes("png"))).convert("L")
    assert 0.013 < (np.asarray(shown) < 128).mean() < 0.024  # four lines of 192, 108 px of 128


@pytest.mark.parametrize(
    ("prompt", "message"),
    [
        ("", "prompt must be a text or fields"),
        ("  ", "prompt must be a text or fields"),
        (None, "prompt must be a text or fields"),
        ([], "pages must be 1 to 256 in a call, got 0"),
        ("x" * 10_000, "prompt must have at most 2,000 characters, got 10,000"),
        ("a music score " * 20, "prompt must have at most 48 tokens"),
        ({"tempo": "Allegro"}, "fields must be some of composer.*got 'tempo'"),
    ],
)
def test_bad_prompts_are_refused(pipe, prompt, message):
    with pytest.raises(ValueError, match=message):
        draw(pipe, prompt)


@pytest.mark.parametrize(
    ("prompt", "message"),
    [
        ({"instrumentation": "kazoo"}, "instrumentation must be violin, piano; got 'kazoo'"),
        ({"composer": "Bach"}, "composer must be left out, as this model has not learnt it; got 'Bach'"),
        ("小提琴", "prompt must be like 'a music score, instrumentation is violin"),
        ("a music score, key is A major, key is A major", "each field once"),
        ("a sonata", "prompt must be like"),
    ],
)
def test_a_model_says_what_it_has_learnt(prompt, message):
    made = tiny_pipeline(vocabulary={"instrumentation": ["violin", "piano"], "key": ["A major"]})
    made.set_progress_bar_config(disable=True)
    with pytest.raises(ValueError, match=message):
        made(prompt)
    assert made("a music score, key is A major", num_inference_steps=1).images


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"preset": "best"}, "preset must be one of fast, paper, got 'best'"),
        ({"output_type": "svg"}, "output_type must be one of pil, bitmap"),
        ({"height": 63}, "height must be 64 to 2048 px, a multiple of 2, got 63"),
        ({"width": 4096}, "width must be 64 to 2048 px"),
        ({"num_inference_steps": 0}, "num_inference_steps must be from 1"),
        ({"guidance_scale": -1}, "guidance and intermediates_every from 0"),
        ({"num_images_per_prompt": 300}, "pages must be 1 to 256"),
        ({"generator": [seeded()] * 2}, "generators must be one per page, 1, got 2"),
    ],
)
def test_bad_arguments_are_refused(pipe, options, message):
    with pytest.raises(ValueError, match=message):
        draw(pipe, **options)


def test_a_missing_component_is_named():
    made = tiny_pipeline()
    made.unet = None
    with pytest.raises(ValueError, match="folder must have vae, text_encoder, tokenizer and unet, got no unet"):
        made(PROMPT)


@pytest.mark.slow
def test_the_folder_loads_without_scorehub(pipe, run_python, tmp_path):
    pipe.save_pretrained(tmp_path / "model")
    code = """
import sys
from diffusers import DiffusionPipeline
folder = sys.argv[1]
pipe = DiffusionPipeline.from_pretrained(folder, custom_pipeline=folder, trust_remote_code=True)
print(pipe({"key": "A major"}, num_inference_steps=2, output_type="np").images.shape)
pipe.save_pretrained(sys.argv[2])
again = DiffusionPipeline.from_pretrained(sys.argv[2], custom_pipeline=sys.argv[2], trust_remote_code=True)
print(type(again).__name__, folder in open(sys.argv[2] + "/model_index.json").read())
"""
    printed = run_python(code, tmp_path / "model", tmp_path / "again", without_scorehub=True)
    assert printed.splitlines() == ["(1, 96, 64, 1)", "TextToScorePipeline False"]
