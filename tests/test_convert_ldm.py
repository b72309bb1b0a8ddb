"""Checkpoints in CompVis's naming: the same outputs after conversion, every key accounted for, nothing unpickled."""

import pickle
import zipfile

import pytest
import torch
from diffusers import DiffusionPipeline
from ldm_naming import small_models, to_compvis
from safetensors.torch import save_file
from typer.testing import CliRunner

from scorehub.cli import app
from scorehub.convert_ldm import convert_ldm
from scorehub.ldm_checkpoint import read_checkpoint

UNET = "model.diffusion_model."


@pytest.fixture(scope="module")
def models():
    return small_models()


@pytest.fixture(scope="module")
def tokenizer(models, tmp_path_factory):
    folder = tmp_path_factory.mktemp("tokenizer")
    models[-1].save_pretrained(folder)
    return str(folder)


@pytest.fixture
def weights(models):
    return to_compvis(*models[:3])


def converted(weights, tokenizer, tmp_path, **options):
    """The pipeline of a checkpoint as MusicScore's authors saved theirs, and the keys that are not needed."""
    torch.save({"model_state_dict": weights, "global_step": 78_000}, tmp_path / "model.ckpt")
    left = convert_ldm(tmp_path / "model.ckpt", tmp_path / "out", tokenizer, **options)
    folder = str(tmp_path / "out")
    return DiffusionPipeline.from_pretrained(folder, custom_pipeline=folder, trust_remote_code=True), left


@torch.no_grad()
def test_outputs_are_the_same_before_and_after(models, weights, tokenizer, tmp_path):
    pipe, left = converted(weights, tokenizer, tmp_path)
    unet, vae, text, words = models
    tokens = torch.tensor([words("a music score, key is A major").input_ids])
    known = text(tokens).last_hidden_state
    torch.testing.assert_close(pipe.text_encoder(tokens).last_hidden_state, known)
    noise = torch.randn(1, 4, 16, 16, generator=torch.Generator().manual_seed(1))
    time = torch.tensor([500])
    expected = unet(noise, time, encoder_hidden_states=known).sample
    torch.testing.assert_close(pipe.unet(noise, time, encoder_hidden_states=known).sample, expected)
    page = torch.rand(1, 3, 32, 32)
    torch.testing.assert_close(pipe.vae.encode(page).latent_dist.mean, vae.encode(page).latent_dist.mean)
    torch.testing.assert_close(pipe.vae.decode(noise).sample, vae.decode(noise).sample)
    assert {name.split(".")[-1] for name in left if "resblocks" not in name} == {"logit_scale", "text_projection"}
    assert all("resblocks.2." in name for name in left if "resblocks" in name)


def test_every_key_of_the_checkpoint_is_in_one_place(weights, tmp_path):
    save_file({name: value.contiguous() for name, value in weights.items()}, tmp_path / "model.safetensors")
    found = read_checkpoint(tmp_path / "model.safetensors")
    parts = (found.unet, found.vae, found.text, found.averaged, found.schedule, found.left)
    assert sum(map(len, parts)) == len(weights)


def test_the_pipeline_has_the_schedule_of_the_training(weights, tokenizer, tmp_path):
    weights["scale_factor"] = torch.tensor(0.25)
    pipe, _ = converted(weights, tokenizer, tmp_path, prediction="v_prediction")
    torch.testing.assert_close(pipe.scheduler.betas, weights["betas"])
    assert pipe.scheduler.config.beta_schedule == "scaled_linear"
    assert pipe.scheduler.config.prediction_type == "v_prediction"
    assert pipe.vae.config.scaling_factor == 0.25
    made = pipe("a music score, key is A major", num_inference_steps=2, height=64, width=64, output_type="np")
    assert made.images.shape == (1, 64, 64, 3)


def test_another_schedule_is_kept_as_it_is(weights, tokenizer, tmp_path):
    weights["betas"] = torch.linspace(1e-4, 0.02, 1000)
    pipe, _ = converted(weights, tokenizer, tmp_path)
    torch.testing.assert_close(pipe.scheduler.betas, weights["betas"])


def test_averages_are_taken_where_they_are_wanted(weights, tokenizer, tmp_path):
    prefix = "model.diffusion_model."
    own = {name: value for name, value in weights.items() if name.startswith(prefix)}
    averages = {"model_ema." + name.removeprefix("model.").replace(".", ""): value + 1 for name, value in own.items()}
    weights |= averages | {"model_ema.decay": torch.tensor(0.9999), "model_ema.num_updates": torch.tensor(7)}
    pipe, left = converted(weights, tokenizer, tmp_path, averaged=True)
    torch.testing.assert_close(pipe.unet.conv_in.weight, own[f"{prefix}input_blocks.0.0.weight"] + 1)
    assert {"model_ema.decay", "model_ema.num_updates"} <= set(left)
    (tmp_path / "plain").mkdir()
    pipe, left = converted(weights, tokenizer, tmp_path / "plain")
    torch.testing.assert_close(pipe.unet.conv_in.weight, own[f"{prefix}input_blocks.0.0.weight"])
    assert len([name for name in left if "average" in name]) == len(own)


def test_names_of_a_distributed_training_are_known(weights, tmp_path):
    torch.save({"module." + name: value for name, value in weights.items()}, tmp_path / "model.pt")
    assert len(read_checkpoint(tmp_path / "model.pt").unet) == sum("diffusion_model" in name for name in weights)


def test_half_precision(weights, tokenizer, tmp_path):
    torch.save(weights, tmp_path / "model.ckpt")
    convert_ldm(tmp_path / "model.ckpt", tmp_path / "out", tokenizer, half=True)
    stored = (tmp_path / "out/unet/diffusion_pytorch_model.safetensors").stat().st_size
    assert stored < 2.1 * sum(value.numel() for name, value in weights.items() if "diffusion_model" in name)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda w: w.update({"control_model.x": torch.zeros(1)}), "latent diffusion alone, got 1 others"),
        (lambda w: w.pop("model.diffusion_model.out.2.bias"), "all weights of UNet2DConditionModel"),
        (lambda w: w.pop("first_stage_model.quant_conv.weight"), "got no quant_conv.weight"),
        (lambda w: w.update({"first_stage_model.extra": torch.zeros(3)}), "AutoencoderKL alone, got 3 more"),
        (lambda w: [w.pop(name) for name in list(w) if name.startswith("cond_stage")], "got no text"),
        (
            lambda w: w.pop(f"{UNET}input_blocks.1.0.out_layers.3.weight"),
            "got no input_blocks.1.0.out_layers",
        ),
        (lambda w: w.pop(f"{UNET}middle_block.1.transformer_blocks.0.attn2.to_k.weight"), "got no middle_block.1"),
        (lambda w: w.update({f"{UNET}input_blocks.3000000.x": torch.zeros(1)}), "without a gap, got a block 3000000"),
        (lambda w: w.update({f"{UNET}out.2.weight": torch.tensor(1.0)}), "got no out.2.weight"),
        (lambda w: [w.pop(name) for name in list(w) if name.startswith(f"{UNET}input_blocks.1.")], "got a block"),
        (lambda w: w.pop("first_stage_model.encoder.down.0.block.0.conv2.weight"), "got no encoder.down.0.block.0"),
        (lambda w: [w.pop(name) for name in list(w) if name.endswith("token_embedding.weight")], "got no token_emb"),
        (lambda w: w.update({"first_stage_model.quant_conv.bias": torch.zeros(8, 1)}), "all weights of AutoencoderKL"),
    ],
)
def test_what_is_not_such_a_checkpoint_is_refused(change, message, weights, tokenizer, tmp_path):
    change(weights)
    with pytest.raises(ValueError, match=message):
        converted(weights, tokenizer, tmp_path)
    assert not (tmp_path / "out").exists()


class Bomb:
    """Writes a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


@pytest.mark.parametrize("wrap", [lambda bomb: bomb, lambda bomb: {"state_dict": bomb}])
def test_nothing_is_unpickled(wrap, tmp_path):
    torch.save(wrap(Bomb(tmp_path / "hit")), tmp_path / "model.ckpt")
    (tmp_path / "plain.ckpt").write_bytes(pickle.dumps(wrap(Bomb(tmp_path / "hit"))))
    for name in ("model.ckpt", "plain.ckpt"):
        with pytest.raises(ValueError, match="checkpoint must hold tensors alone"):
            read_checkpoint(tmp_path / name)
    assert not (tmp_path / "hit").exists()


@pytest.mark.parametrize("is_zip", [True, False])
def test_a_class_with_an_endless_name_is_refused_at_once(is_zip, tmp_path):
    content = b"c" + b"x" * 200_000 + b"\ny\n."  # a pattern would search it for hours
    path = tmp_path / "model.ckpt"
    path.write_bytes(content)
    if is_zip:
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("model/data.pkl", content)
    with pytest.raises(ValueError, match=r"checkpoint must hold tensors alone, .* a class has 200002 characters"):
        read_checkpoint(path)


@pytest.mark.parametrize("name", ["model.ckpt", "model.safetensors"])
def test_a_cut_file_is_refused(name, weights, tmp_path):
    path = tmp_path / name
    save_file(weights, path) if path.suffix == ".safetensors" else torch.save(weights, path)
    path.write_bytes(path.read_bytes()[:-5000])
    with pytest.raises(ValueError, match="whole"):
        read_checkpoint(path)


@pytest.mark.parametrize(
    "content", [[1, 2], {"state_dict": {"a": 1}}, {"state_dict": torch.zeros(3)}, torch.zeros(3), {}]
)
def test_other_contents_are_refused(content, tmp_path):
    torch.save(content, tmp_path / "model.ckpt")
    with pytest.raises(ValueError, match="checkpoint must"):
        read_checkpoint(tmp_path / "model.ckpt")


def test_the_command(weights, tokenizer, tmp_path):
    torch.save(weights, tmp_path / "model.ckpt")
    arguments = ["convert", "ldm", str(tmp_path / "model.ckpt"), "--out", str(tmp_path / "out")]
    result = CliRunner().invoke(app, [*arguments, "--tokenizer", tokenizer])
    assert result.exit_code == 0, result.output
    assert "keys of the training are not needed" in result.output
    again = CliRunner().invoke(app, [*arguments, "--tokenizer", tokenizer])
    assert (again.exit_code, "error: output must be a new or an empty folder" in again.output) == (2, True)


def test_the_tokenizer_must_fit(models, weights, tmp_path):
    models[-1].train_new_from_iterator(["a"], 280).save_pretrained(tmp_path / "small")
    with pytest.raises(ValueError, match="tokenizer must have the text encoder's"):
        converted(weights, str(tmp_path / "small"), tmp_path)


def test_predictions_are_named(tmp_path):
    with pytest.raises(ValueError, match="prediction must be one of epsilon, v_prediction, got 'x'"):
        convert_ldm(tmp_path / "model.ckpt", tmp_path / "out", "tokenizer", prediction="x")
