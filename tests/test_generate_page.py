"""Pages from the command line: what is written, what is said, and what is refused in one line."""

import json

import numpy as np
import pymupdf
import pytest
import torch
from PIL import Image
from tiny_diffusion import tiny_pipeline
from typer.testing import CliRunner

from scorehub import text_to_score
from scorehub.cli import app
from scorehub.pipelines.text_to_score.page import to_bitmap
from scorehub.text_to_score import Sampling, draw_pages, load_pipeline, page_size

VOCABULARY = {"instrumentation": ["violin", "piano"], "key": ["A major", "B flat minor"]}
PROMPT = "a music score, instrumentation is violin, key is A major"


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A folder as a training leaves it, in half precision."""
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("pages") / "model"
    tiny_pipeline(vocabulary=VOCABULARY).to(torch.float16).save_pretrained(folder)
    return folder


@pytest.fixture
def run(model, tmp_path, monkeypatch):
    """`run(*arguments)` draws in an empty folder, by the tiny model in three steps unless they say otherwise."""
    monkeypatch.chdir(tmp_path)

    def generate(*arguments):
        return CliRunner().invoke(app, ["generate", "page", "--model", str(model), "--steps", "3", *arguments])

    return generate


def pixels(path):
    with Image.open(path) as image:
        return np.asarray(image)


def drawn(model, prompt=PROMPT, seed=0, **options):
    """What the pipeline itself draws."""
    pipe = load_pipeline(model)
    made = pipe(prompt, generator=[torch.Generator().manual_seed(seed)], **{"num_inference_steps": 3} | options)
    return np.asarray(made.images[0])


def test_a_prompt_becomes_a_page(run, model, tmp_path):
    result = run(PROMPT)
    assert result.exit_code == 0, result.output
    assert result.output.startswith("wrote page.png, 3 network calls, ")
    assert [path.name for path in tmp_path.iterdir()] == ["page.png"]
    np.testing.assert_array_equal(pixels("page.png"), drawn(model))


def test_fields_are_as_good_as_a_prompt(run):
    run(PROMPT)
    run("--key", "A major", "--instrumentation", "violin", "--out", "fields.png")
    np.testing.assert_array_equal(pixels("fields.png"), pixels("page.png"))


def test_a_seed_draws_the_same_page_in_any_company(run):
    assert "wrote page-1.png to page-3.png, 9 network calls" in run(PROMPT, "--count", "3", "--seed", "5").output
    run(PROMPT, "--seed", "6", "--out", "second.png")
    np.testing.assert_array_equal(pixels("page-2.png"), pixels("second.png"))
    assert (pixels("page-1.png") != pixels("page-2.png")).any()


def test_a_pdf_has_all_pages(run):
    assert "wrote pages.pdf, 6 network calls" in run(PROMPT, "--count", "2", "--out", "pages.pdf").output
    with pymupdf.open("pages.pdf") as document:
        assert len(document) == 2
        assert document[0].get_images()[0][4] == 1  # bits of a pixel


def test_a_bitmap_is_the_page_in_black_and_white_at_300_dpi(run, model):
    run(PROMPT, "--bitmap")
    with Image.open("page.png") as image:
        assert image.mode == "1"
        assert image.size == (2338, 3507)  # 64 x 96 px in A4's height
        assert image.info["dpi"] == pytest.approx((300, 300), abs=0.1)
    np.testing.assert_array_equal(pixels("page.png"), np.asarray(to_bitmap(Image.fromarray(drawn(model)))))


def test_unfinished_pages_are_written_beside_the_finished_one(run, tmp_path):
    run(PROMPT, "--steps", "5", "--intermediates-every", "2", "--out", "x.png")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["x-step-2.png", "x-step-4.png", "x.png"]
    assert (pixels("x-step-2.png") != pixels("x-step-4.png")).any()


def test_guidance_negative_prompt_and_preset_reach_the_network(run, model):
    run(PROMPT, "--guidance", "7", "--negative", "a music score, key is B flat minor")
    options = {"guidance_scale": 7.0, "negative_prompt": "a music score, key is B flat minor"}
    np.testing.assert_array_equal(pixels("page.png"), drawn(model, **options))
    run(PROMPT, "--preset", "paper")
    np.testing.assert_array_equal(pixels("page.png"), drawn(model, preset="paper"))


def test_half_precision_is_for_folders_only(model):
    pipe = load_pipeline(model)
    assert {part.dtype for part in (pipe.unet, pipe.vae, pipe.text_encoder)} == {torch.float32}
    assert page_size(pipe) == (64, 96)


def test_any_folder_of_stable_diffusions_shape_will_do(tmp_path):
    made = tiny_pipeline()
    made.save_pretrained(tmp_path)
    for code in tmp_path.glob("*.py"):
        code.unlink()
    index = json.loads((tmp_path / "model_index.json").read_text())
    del index["vocabulary"]
    (tmp_path / "model_index.json").write_text(json.dumps(index | {"_class_name": "StableDiffusionPipeline"}))
    pipe = load_pipeline(tmp_path)
    generator = [torch.Generator().manual_seed(0)]
    again = draw_pages(pipe, "a sonata", [0], Sampling(steps=2)).images[0]
    first = made("a sonata", num_inference_steps=2, generator=generator).images[0]
    np.testing.assert_allclose(np.asarray(again, float), np.asarray(first, float), atol=1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "prompt must be a text, or fields by options such as --key, got none"),
        ([PROMPT, "--key", "A major"], "such as --key, got both"),
        ([""], "prompt must be a text or fields such as key"),
        (["x" * 10_000], "prompt must have at most 2,000 characters, got 10,000"),
        (["ヴァイオリン"], "prompt must be like 'a music score, instrumentation is violin"),
        (["--instrumentation", "kazoo"], "instrumentation must be violin, piano; got 'kazoo'"),
        (["--composer", "Bach"], "composer must be left out, as this model has not learnt it"),
        ([PROMPT, "--negative", "no kazoo"], "got 'no kazoo'"),
        ([PROMPT, "--out", "page.jpg"], "out must end in one of .png, .pdf, got page.jpg"),
        ([PROMPT, "--out", "nowhere/page.png"], "out must be in a folder that exists, got nowhere/page.png"),
        ([PROMPT, "--count", "0"], "count must be 1 to 256, got 0"),
        ([PROMPT, "--steps", "1001"], "steps must be 1 to 1000, got 1001"),
        ([PROMPT, "--guidance", "nan"], "guidance must be 0 to 100, got nan"),
        ([PROMPT, "--seed", "-1"], "seed must be 0 to 9223372036854775807, got -1"),
        ([PROMPT, "--preset", "best"], "preset must be one of fast, paper, got 'best'"),
        ([PROMPT, "--model", "nowhere"], "model must be a folder or Hub repository of pages, got nowhere"),
    ],
)
def test_what_can_not_be_drawn_is_named_in_one_line(run, tmp_path, arguments, message):
    result = run(*arguments)
    assert result.exit_code == 2, result.output
    assert message in result.output
    assert "Traceback" not in result.output
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("part", ["unet/config.json", "vae/diffusion_pytorch_model.safetensors", "model_index.json"])
def test_a_damaged_folder_is_named(model, tmp_path, part):
    for path in [path for path in model.rglob("*") if path.is_file()]:
        copy = tmp_path / path.relative_to(model)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(path.read_bytes()[: 300 if str(path).endswith(part) else None])
    with pytest.raises(ValueError, match="model must be a folder or Hub repository of pages, got"):
        load_pipeline(tmp_path)


def test_a_model_of_another_kind_is_named():
    with pytest.raises(ValueError, match=r"model must .* got .*score_sde.*: "):
        load_pipeline(text_to_score.files("scorehub.pipelines.score_sde"))


def test_where_no_model_is_embedded_one_must_be_named(tmp_path, monkeypatch):
    monkeypatch.setattr(text_to_score, "files", lambda _: tmp_path)
    with pytest.raises(ValueError, match="model must be a folder or Hub repository where no trained one is embedded"):
        load_pipeline()


def test_a_page_is_drawn_without_a_network_and_without_remarks(model, run_python, tmp_path):
    code = """
import socket, sys
def refuse(*_):
    raise SystemExit("asked for the network")
socket.socket.connect = socket.getaddrinfo = refuse
from typer.testing import CliRunner
from scorehub.cli import app
result = CliRunner().invoke(app, ["generate", "page", "--key", "A major", "--steps", "2", "--model", sys.argv[1]])
print(result.exit_code, result.output)
"""
    printed = run_python(code, model, env={"HF_HUB_OFFLINE": "0"})
    assert printed.startswith("0 wrote page.png, 2 network calls")
    assert len(printed.strip().splitlines()) == 1
    assert (tmp_path / "page.png").is_file()
