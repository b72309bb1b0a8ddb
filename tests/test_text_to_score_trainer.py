"""The text-to-score trainer: both losses, its data, low-rank matrices, what is saved and refused."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from datasets import Dataset
from diffusers import AutoencoderKL, DDPMScheduler, DPMSolverMultistepScheduler
from huggingface_hub import metadata_load
from PIL import Image as PILImage
from safetensors.torch import load_file
from short_text_to_score import HEIGHT, WIDTH, are_equal, short_training, staves, weights, write_source
from tiny_diffusion import tiny_pipeline
from torch import nn

from scorehub.pipelines.text_to_score.pipeline import TextToScorePipeline
from scorehub.trainers import text_to_score
from scorehub.trainers.text_to_score_components import find_base, load_components
from scorehub.trainers.text_to_score_data import (
    LatentItems,
    PageDraws,
    PixelItems,
    StreamedDraws,
    encode_pages,
    find_vocabulary,
    load_pages,
)
from scorehub.trainers.text_to_score_model import LatentDenoising, PageReconstruction, Weighting
from scorehub.trainers.text_to_score_settings import TextToScoreConfig, parse_config


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    return write_source(tmp_path_factory.mktemp("source"))


@pytest.fixture
def config(source, tmp_path):
    return short_training(source, tmp_path / "run")


class Answer(nn.Module):
    """A UNet that always predicts the same."""

    def __init__(self, value):
        super().__init__()
        self.value = nn.Parameter(torch.tensor(value))

    def forward(self, latents, times, states):
        return type("Output", (), {"sample": self.value.expand_as(latents)})


@pytest.mark.parametrize("prediction", ["epsilon", "v_prediction"])
def test_the_unweighted_loss_is_the_error_of_what_a_scheduler_calls_noise_or_velocity(prediction):
    scheduler = DDPMScheduler(beta_schedule="scaled_linear", prediction_type=prediction)
    module = LatentDenoising(nn.ModuleDict({"unet": Answer(0.25)}), scheduler, Weighting(0.0), 0.0)
    latents, noise = torch.randn(2, 3, 4, 5, 6, generator=torch.Generator().manual_seed(0))
    times = torch.tensor([0, 400, 999])
    wanted = noise if prediction == "epsilon" else scheduler.get_velocity(latents, noise, times)
    loss = module(latents, noise, (times + 0.5) / 1000, torch.zeros(3, 1, 1))["loss"]
    assert loss.item() == pytest.approx((0.25 - wanted).square().mean().item(), rel=1e-5)


def test_min_snr_counts_noise_up_to_its_gamma_and_both_predictions_alike():
    """Hang et al.: min(SNR, gamma) in units of the page, that is min / SNR of the noise and min / (SNR + 1) of v."""
    for prediction, plus in (("epsilon", 0), ("v_prediction", 1)):
        scheduler = DDPMScheduler(beta_schedule="scaled_linear", prediction_type=prediction)
        module = LatentDenoising(nn.ModuleDict({"unet": Answer(0.0)}), scheduler, Weighting(5.0), 0.0)
        for time in (10, 900):
            alpha = scheduler.alphas_cumprod[time].item()
            ratio = alpha / (1 - alpha)
            found = module._weights(torch.tensor([alpha]), prediction == "v_prediction").item()
            assert found == pytest.approx(min(ratio, 5) / (ratio + plus), rel=1e-4)


def test_errors_where_keys_stand_can_count_more():
    scheduler = DDPMScheduler(prediction_type="epsilon")
    noise = torch.zeros(1, 1, 2, 8)
    noise[..., :2] = 1
    losses = [
        LatentDenoising(nn.ModuleDict({"unet": Answer(0.0)}), scheduler, Weighting(0.0, weight), 0.0)(
            torch.zeros_like(noise), noise, torch.zeros(1), torch.zeros(1, 1, 1)
        )["loss"].item()
        for weight in (1.0, 4.0)
    ]
    assert losses == pytest.approx([0.25, 4 * 2 / 14])


def test_the_vaes_loss_is_its_errors_and_its_divergence_a_pixel(source):
    vae = AutoencoderKL.from_pretrained(source / "base" / "vae")
    pixels, noise = torch.rand(2, 1, 16, 16) * 2 - 1, torch.zeros(2, 4, 8, 8)
    with torch.no_grad():
        loss = PageReconstruction(vae, 0.1, 0.0)(pixels, noise)["loss"].item()
        mean, logvar = vae._encode(pixels).chunk(2, 1)
        error = vae.decode(mean).sample - pixels
    divergence = 0.5 * (mean**2 + logvar.exp() - 1 - logvar).sum().item() / pixels.numel()
    assert loss == pytest.approx(error.abs().mean().item() + error.square().mean().item() + 0.1 * divergence, rel=1e-4)


def test_a_crop_is_a_part_of_the_page_that_begins_at_a_latent(source):
    vae = AutoencoderKL.from_pretrained(source / "base" / "vae")
    items, whole = (PixelItems(vae, HEIGHT, WIDTH, crop) for crop in (32, 0))
    row = {"image": staves(1)}
    page = whole(row, 0, np.random.default_rng(0))["pixels"]
    assert page.shape == (1, HEIGHT, WIDTH)
    assert page.min() == -1
    assert page.max() == 1
    for number in range(20):
        item = items(row, number, np.random.default_rng(number))
        assert item["noise"].shape == (4, 16, 16)
        places = [(top, left) for top in range(0, 65, 2) for left in range(0, 33, 2)]
        assert any(torch.equal(item["pixels"], page[:, y : y + 32, x : x + 32]) for y, x in places)


@pytest.mark.parametrize("sizes", [(95, 64, 32), (96, 64, 33), (96, 64, 80)])
def test_sizes_that_latents_do_not_fit_are_refused(source, sizes):
    with pytest.raises(ValueError, match="height, width and crop must be multiples of 2 px"):
        PixelItems(AutoencoderKL.from_pretrained(source / "base" / "vae"), *sizes)


def test_a_vocabulary_is_the_values_that_are_found_often_enough():
    pages = Dataset.from_dict({"key": ["A major"] * 3 + ["C major"] * 2 + [""] * 5, "genre": ["", *["aria"] * 9]})
    assert find_vocabulary(pages, 3) == {"key": ["A major"], "genre": ["aria"]}


def test_prompts_drop_fields_and_empty_ones_are_for_guidance(source):
    pipe = tiny_pipeline()
    row = {"key": "A major", "instrumentation": "violin", "genre": "", "composer": "Unknown, A.", "image": None}
    learnt = {"key": ["A major"], "instrumentation": ["violin"]}
    items = LatentItems(pipe.tokenizer, None, learnt, (0.3, 0.2))
    prompts = [items.prompt(row, np.random.default_rng(number)) for number in range(2000)]
    assert set(prompts) == {
        "", "a music score", "a music score, key is A major", "a music score, instrumentation is violin",
        "a music score, instrumentation is violin, key is A major",
    }  # fmt: skip
    assert prompts.count("") / 2000 == pytest.approx(0.2, abs=0.03)
    assert prompts.count("a music score, instrumentation is violin, key is A major") / 2000 == pytest.approx(
        0.8 * 0.7**2, abs=0.04
    )
    fixed = LatentItems(pipe.tokenizer, None, learnt, (0.3, 0.2), fixed=True)
    whole = "a music score, instrumentation is violin, key is A major"
    assert {fixed.prompt(row, np.random.default_rng(number)) for number in range(20)} == {whole}


def test_latents_are_the_vaes_scaled_and_states_the_text_encoders(source):
    pages, _ = load_pages(str(source / "pages"), False, 0)
    pipe = tiny_pipeline()
    encoded = encode_pages(pages, pipe.vae, HEIGHT, WIDTH)
    items = LatentItems(pipe.tokenizer, pipe.text_encoder, None, (0, 0), fixed=True)
    item = items(encoded[0], 3, np.random.default_rng(5))
    pixels = PixelItems(pipe.vae, HEIGHT, WIDTH, 0)(pages[0], 0, np.random.default_rng(0))["pixels"][None]
    rng = np.random.default_rng(5)
    with torch.no_grad():
        posterior = pipe.vae.encode(pixels).latent_dist
    mean, std = posterior.mean[0] * pipe.vae.config.scaling_factor, posterior.std[0] * pipe.vae.config.scaling_factor
    drawn = mean + std * torch.from_numpy(rng.standard_normal(mean.shape, dtype=np.float32))
    assert torch.allclose(item["latents"], drawn, atol=2e-3)
    assert item["u"].item() == pytest.approx(3.5 / 16)
    prompt = "a music score, instrumentation is violin, key is A major"
    wanted = pipe.encode_prompt(prompt, "cpu", 1, False)[0][0]
    assert torch.allclose(item["text"], wanted, atol=1e-5)


def test_a_stream_draws_every_page_in_each_epoch_and_always_the_same(source):
    pages, _ = load_pages(str(source / "pages"), True, 0)

    def marks(count):
        def mark(row, number, rng):
            return {"page": torch.tensor(np.asarray(row["image"])[8, 10] == 0), "draw": torch.tensor(rng.random())}

        stream = iter(StreamedDraws(pages, mark, 1))
        return [next(stream) for _ in range(count)]

    first, again = marks(30), marks(30)
    assert first == again
    assert [sum(bool(item["page"]) for item in first[start : start + 10]) for start in (0, 10, 20)] == [5, 5, 5]
    assert len({item["draw"].item() for item in first}) == 30


def test_draws_meet_every_page_in_each_epoch(source):
    pages = Dataset.from_dict({"n": list(range(7))})
    draws = PageDraws(pages, lambda row, number, rng: row["n"], 21, seed=3)
    epochs = [[draws[n] for n in range(start, start + 7)] for start in (0, 7, 14)]
    assert all(sorted(epoch) == list(range(7)) for epoch in epochs)
    assert epochs[0] != epochs[1]
    assert [draws[n] for n in (20, 3)] == [epochs[2][6], epochs[0][3]]


def test_the_vae_learns_to_draw_pages_again_and_sets_its_scale(config, source):
    config = dataclasses.replace(config, preset="vae", scratch=True, max_steps=60, evaluate_every=60)
    results = text_to_score.run(config)
    untrained = text_to_score.run(dataclasses.replace(config, output_dir=config.output_dir + "0", max_steps=1))
    assert results["loss"] < 0.6 * untrained["loss"]
    vae = AutoencoderKL.from_pretrained(Path(config.output_dir) / "model")
    pages, _ = load_pages(str(source / "pages"), False, 0)
    means = np.concatenate([np.ravel(row["mean"]) for row in encode_pages(pages, vae, HEIGHT, WIDTH)])
    assert means.std() == pytest.approx(1, abs=0.1)
    assert list((Path(config.output_dir) / "drawn").glob("000060.png"))


def test_a_trained_pipeline_has_its_vocabulary_card_and_new_vae(config, source, tmp_path):
    vae = text_to_score.run(dataclasses.replace(config, preset="vae", output_dir=str(tmp_path / "vae"), max_steps=2))
    assert vae["steps"] == 2
    drawn = ["a music score, key is A major", "a music score"]
    config = dataclasses.replace(
        config, vae=str(tmp_path / "vae" / "model"), scratch=True, text_encoder=True, max_steps=6, draw=drawn
    )
    results = text_to_score.run(config)
    assert results["loss"] < 1
    folder = Path(config.output_dir)
    assert len(list((folder / "drawn").iterdir())) >= 2
    assert PILImage.open(folder / "drawn" / "000003.png").size == (2 * WIDTH, HEIGHT)
    pipe = TextToScorePipeline.from_pretrained(folder / "model", trust_remote_code=True)
    assert pipe.config.vocabulary == {"instrumentation": ["piano", "violin"], "key": ["A major"]}
    assert are_equal(weights(tmp_path / "vae" / "model"), {
        name.replace("vae/", "model/"): value.float()
        for name, value in weights(folder / "model" / "vae").items()
    }, 1e-3)  # fmt: skip
    card = metadata_load(folder / "model" / "README.md")
    assert card["model-index"][0]["results"][0]["metrics"][0]["value"] == pytest.approx(results["loss"], abs=1e-5)
    assert json.loads((folder / "results.json").read_text())["config"]["scratch"] is True


def test_low_rank_matrices_are_trained_alone_and_load_into_the_base(config, source):
    config = dataclasses.replace(config, lora_rank=2, learning_rate=1e-2, max_steps=8, ema_decay=0.0)
    results = text_to_score.run(config)
    folder = Path(config.output_dir) / "model"
    matrices = load_file(folder / "pytorch_lora_weights.safetensors")
    assert results["trained"] == sum(value.numel() for value in matrices.values())
    pipe = TextToScorePipeline.from_pretrained(source / "base", trust_remote_code=True)
    pipe.set_progress_bar_config(disable=True)

    def draw():
        generator = torch.Generator().manual_seed(0)
        return pipe("a music score", num_inference_steps=2, generator=generator, output_type="np").images

    before = draw()
    pipe.load_lora_weights(folder)
    assert np.abs(draw() - before).max() > 1e-3
    pipe.unload_lora_weights()
    assert np.array_equal(draw(), before)


def test_the_papers_settings_are_presets():
    vae = parse_config(["--preset", "paper_vae", "--output_dir", "o", "--data", "d"])
    unet = parse_config(["--preset", "paper_unet", "--output_dir", "o", "--data", "d"])
    assert (vae.batch_size, vae.learning_rate, vae.schedule, vae.weight_decay) == (8, 1e-5, "linear", 0)
    assert (unet.batch_size, unet.learning_rate, unet.schedule, unet.max_steps) == (64, 1e-5, "constant", 78_000)
    assert (unet.height, unet.width, unet.bf16, unet.text_encoder, unet.ema_decay) == (512, 512, False, False, 0)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"prediction": "sample"}, "prediction must be one of epsilon, v_prediction, got 'sample'"),
        ({"streaming": True, "max_steps": 0}, "max_steps must be from 1"),
        ({"lora_rank": 4, "scratch": True}, "lora_rank must be 0"),
        ({"data": "nowhere/pages"}, "data must be a folder of Parquet"),
        ({"base": "nowhere/base"}, "base must be a folder or a repository"),
        ({"vae": "nowhere"}, r"vae must be a folder with weights \(\*.safetensors\), got nowhere"),
        ({"ema_decay": 1.0}, "decay must be 0 to below 1"),
    ],
)
def test_wrong_settings_are_refused(config, changes, message):
    with pytest.raises(ValueError, match=message):
        text_to_score.run(dataclasses.replace(config, **changes))


def test_a_folder_belongs_to_one_training(config):
    text_to_score.run(dataclasses.replace(config, max_steps=1))
    with pytest.raises(ValueError, match="output_dir must be new or made with the same settings"):
        text_to_score.run(dataclasses.replace(config, max_steps=1, seed=1))


def test_a_tokenizer_made_of_prompts_knows_each_key_and_the_embedded_design_fits(source, tmp_path):
    config = TextToScoreConfig(output_dir="", data="", scratch=True, vae=str(source / "vae16"))
    base, _ = find_base(config)
    AutoencoderKL.from_config(AutoencoderKL.load_config(base / "vae")).save_pretrained(source / "vae16")
    prompts = [f"a music score, key is {key} major" for key in ("A", "E flat", "F sharp")] * 30
    parts = load_components(config, prompts)
    assert len({tuple(parts.tokenizer(prompt).input_ids) for prompt in prompts}) == 3
    states = parts.text_encoder(parts.tokenizer(prompts[:1], return_tensors="pt").input_ids)[0]
    assert parts.unet(torch.zeros(1, 6, 44, 32), 5, states).sample.shape == (1, 6, 44, 32)
    total = sum(w.numel() for part in (parts.vae, parts.text_encoder, parts.unet) for w in part.parameters())
    assert total * 2 < 40e6  # bytes in half precision
    assert isinstance(parts.scheduler, DPMSolverMultistepScheduler)
