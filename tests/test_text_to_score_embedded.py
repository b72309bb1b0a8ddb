"""The trained text-to-score model of the project: what it draws can be read, also where scorehub is not installed."""

from importlib.resources import files
from pathlib import Path

import pytest
from typer.testing import CliRunner

from scorehub.cli import app
from scorehub.page_reader import agreement, read_score_page
from scorehub.text_to_score import draw_pages, load_pipeline
from scorehub.text_to_score_evaluation import Setting, draw

FOLDER = Path(str(files("scorehub.pipelines.text_to_score")))
MAX_BYTES = 40 * 2**20
MOST_ERRORS = {"staves": 1, "clef": 1, "key": 3}  # of eight pages, by model or reader


@pytest.fixture(scope="module")
def pipe():
    return load_pipeline()


def test_it_is_small_enough_to_be_embedded():
    weights = list(FOLDER.rglob("*.safetensors"))
    assert len(weights) == 3
    assert sum(path.stat().st_size for path in weights) <= MAX_BYTES


@pytest.mark.slow
def test_pages_have_the_staves_clefs_and_keys_that_were_asked_for(pipe):
    wanted = [("violin", "A major"), ("viola", "F major"), ("cello", "D minor"), ("piano", "D major")] * 2
    verdicts = []
    for seed, (instrument, key) in enumerate(wanted):
        fields = {"instrumentation": instrument, "key": key}
        page = draw_pages(pipe, fields, [seed]).images[0]
        verdicts.append(agreement(read_score_page(page), fields))
    for name, most in MOST_ERRORS.items():
        assert sum(not verdict[name] for verdict in verdicts) <= most, name


def test_other_schedulers_take_their_settings_from_its_own(pipe):
    fields = {"instrumentation": "violin", "key": "A major"}
    page = draw(pipe, [fields], Setting(4.0, 25, "ddim"), seed=0)[0]
    assert agreement(read_score_page(page), fields) == {"staves": True, "clef": True, "key": True}


def test_what_it_has_not_learnt_is_refused(pipe):
    with pytest.raises(ValueError, match=r"instrumentation must be .*violin.*; got 'kazoo'"):
        draw_pages(pipe, {"instrumentation": "kazoo"}, [0])


def test_the_command_of_the_readme_draws_a_page(tmp_path):
    prompt, out = "a music score, instrumentation is violin, key is A major", tmp_path / "page.png"
    result = CliRunner().invoke(app, ["generate", "page", prompt, "--out", str(out)])
    assert result.exit_code == 0, result.output
    assert "20 network calls" in result.output
    assert out.stat().st_size > 5000


@pytest.mark.slow
def test_it_loads_without_scorehub(run_python):
    code = """
import sys
from diffusers import DiffusionPipeline
pipe = DiffusionPipeline.from_pretrained(sys.argv[1], custom_pipeline=sys.argv[1], trust_remote_code=True)
print(pipe("a music score, key is A major", num_inference_steps=2).images[0].size)
"""
    assert run_python(code, FOLDER, without_scorehub=True).splitlines()[-1] == "(256, 352)"
