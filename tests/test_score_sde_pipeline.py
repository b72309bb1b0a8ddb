"""The score-SDE pipeline: what it samples, keeps and says, and that its folder loads without scorehub."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import UNet2DModel
from slow_parameters import some_slow

from scorehub.notes import read_midi
from scorehub.pipelines.score_sde.paper.unet.score_net import ScoreNet
from scorehub.pipelines.score_sde.pipeline import STEPS, ScoreSDEPipeline
from scorehub.pipelines.score_sde.roll_output import RollMeaning, to_audio, to_image, to_midi, to_notes
from scorehub.pipelines.score_sde.scheduler.sde_scheduler import VPSDE, SigmaPowerSDE
from scorehub.rolls import RollSpec, make_roll, roll_to_notes

FOLDER = Path(__file__).parents[1] / "pipelines" / "score_sde"
BLOCKS = {
    "down_block_types": ("DownBlock2D", "AttnDownBlock2D"),
    "up_block_types": ("AttnUpBlock2D", "UpBlock2D"),
    "block_out_channels": (4, 8),
    "layers_per_block": 1,
    "norm_num_groups": 2,
    "attention_head_dim": 4,
}


@pytest.fixture
def pipe():
    """A network of 4 and 8 channels with seeded weights, rolls of 2 instruments, 8 pitches from 60, 12 frames."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    unet = UNet2DModel(sample_size=(8, 12), in_channels=2, out_channels=2, **BLOCKS).eval()
    unet.conv_out.weight.data *= 0.05  # an untrained network is rough, which takes RK45 many steps
    return ScoreSDEPipeline(unet, VPSDE(), fs=4.0, lowest=60, programs=[0, 40])


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("sampler", STEPS)
def test_a_seed_makes_a_roll_again_and_batch_mates_change_nothing(pipe, sampler):
    options = {"sampler": sampler, "num_inference_steps": 3}
    together = pipe(3, generator=seeded(), **options)
    alone = pipe(1, generator=seeded(), **options)
    second = pipe(2, generator=[seeded(1), seeded(2)], **options).rolls[1:]

    assert together.rolls.shape == (3, 2, 8, 12)
    assert together.rolls.dtype == np.float32
    np.testing.assert_allclose(together.rolls[:1], alone.rolls, atol=1e-2 if sampler == "ode" else 1e-4, rtol=1e-3)
    np.testing.assert_array_equal(pipe(1, generator=seeded(), **options).rolls, alone.rolls)
    np.testing.assert_allclose(second, pipe(1, generator=[seeded(2)], **options).rolls, atol=1e-2, rtol=1e-3)
    assert not np.allclose(together.rolls[0], together.rolls[1])


def test_evaluations_are_those_of_the_network(pipe):
    calls = []
    pipe.unet.register_forward_hook(lambda *_: calls.append(1))
    for sampler, expected in (("ode_fast", 5), ("euler_maruyama", 5), ("predictor_corrector", 9)):
        calls.clear()
        result = pipe(2, sampler=sampler, num_inference_steps=4, denoise=True)
        assert result.evaluations.tolist() == [expected] * 2
        assert len(calls) == expected


@pytest.mark.parametrize("shape", [(2, 8, 12), (2, 16, 6), (2, 7, 13)])
def test_any_shape_can_be_sampled_and_repaired(pipe, shape):
    known = np.where(np.random.default_rng(0).random(shape) < 0.2, 1.0, -1.0)
    mask = np.arange(shape[2]) < 4  # a continuation of 4 frames, of all pitches and instruments

    result = pipe(2, shape=shape, known=known, mask=mask, resamples=2, num_inference_steps=3, generator=seeded())

    assert result.rolls.shape == (2, *shape)
    assert (result.rolls[..., :4] == known[..., :4]).all()
    assert not np.allclose(result.rolls[..., 4:], known[..., 4:])
    assert result.evaluations.tolist() == [2 * 3 + 1] * 2


def test_guidance_raises_what_it_asks_for(pipe):
    plain, guided = (
        pipe(4, guidance=guidance, num_inference_steps=10, generator=seeded()).rolls.mean()
        for guidance in (None, lambda rolls: torch.full_like(rolls, 2.0))
    )
    assert guided > plain + 0.3


def test_likelihood_is_one_number_a_roll_and_the_offset_is_that_of_the_levels(pipe):
    rolls = np.random.default_rng(0).uniform(-1, 1, (2, 2, 8, 12)).astype(np.float32)
    plain, offset = (pipe.log_likelihood(rolls, levels, generator=seeded(), tolerance=1e-2) for levels in (None, 256))
    assert plain.shape == (2,)
    np.testing.assert_allclose(offset, plain + 7, rtol=1e-5)


def test_outputs_say_what_the_rolls_say(pipe):
    midi = pipe(2, num_inference_steps=2, generator=seeded(), output_type="midi")
    assert [len(read_midi(file)) for file in midi.outputs] == [
        len(to_notes(roll.clip(-1, 1), pipe.meaning)) for roll in midi.rolls
    ]
    (pictures,) = pipe(2, num_inference_steps=2, output_type="image", return_dict=False)
    assert [picture.size for picture in pictures] == [(48, 32)] * 2


@pytest.mark.parametrize("values", ["binary", "velocity"])
@pytest.mark.parametrize("articulation", [False, True])
def test_midi_holds_the_notes_that_the_roll_maker_put_in(values, articulation):
    spec = RollSpec(8.0, 36, 20, 4.0, "program", (0, 40), values, articulation)
    meaning = RollMeaning(8.0, 36, values, articulation, (0, 40))
    cells = np.random.default_rng(1).choice([-1.0, 0.0, 0.3, 0.6, 1.0], size=spec.shape, p=[0.7, 0.1, 0.05, 0.05, 0.1])
    cells = np.where((cells == 0) & (not articulation), -1, cells)

    expected, found = roll_to_notes(cells, spec), read_midi(to_midi(cells, meaning))

    def columns(notes):
        facts = (notes.program, notes.pitch, notes.onset, notes.duration, notes.velocity)
        return np.array(sorted(zip(*facts, strict=True)))

    np.testing.assert_allclose(columns(found), columns(expected), atol=2e-3)
    np.testing.assert_array_equal(make_roll(found, spec) > spec.meaning.threshold, cells > spec.meaning.threshold)


def test_the_lowest_row_is_the_lowest_pitch():
    roll = np.full((1, 28, 28), -1.0)
    roll[0, 0, 2:5] = 1
    notes = read_midi(to_midi(roll, RollMeaning(fs=1.0, lowest=56)))
    assert (notes.pitch.tolist(), notes.onset.tolist(), notes.duration.tolist()) == ([56], [2.0], [3.0])


def test_audio_is_in_tune_and_begins_with_the_note():
    roll = np.full((1, 1, 16), -1.0)
    roll[0, 0, 8:] = 1
    audio = to_audio(roll, RollMeaning(fs=8.0, lowest=69))
    spectrum = np.abs(np.fft.rfft(audio[22050 : 2 * 22050] * np.hanning(22050)))
    assert len(audio) == 4 * 22050
    assert np.abs(audio).max() <= 1
    assert not audio[: 22050 - 100].any()
    assert 400 + spectrum[400:500].argmax() == pytest.approx(440, abs=1)


def test_pictures_have_low_notes_at_the_bottom():
    roll = np.full((1, 3, 5), -1.0)
    roll[0, 0, 1] = 1
    picture = np.asarray(to_image(roll, scale=2).convert("L"))
    assert picture.shape == (6, 10)
    assert np.unique(np.argwhere(picture < 255), axis=0).tolist() == [[4, 2], [4, 3], [5, 2], [5, 3]]


LOAD = """
import sys, torch
from diffusers import DiffusionPipeline
torch.set_num_threads(1)
source, options = sys.argv[1], {"custom_pipeline": sys.argv[2]} if sys.argv[2] else {}
pipe = DiffusionPipeline.from_pretrained(source, trust_remote_code=True, **options)
rolls = pipe(1, num_inference_steps=2, generator=torch.Generator().manual_seed(0)).rolls
print(type(pipe.scheduler).__name__, pipe.meaning.lowest, f"{float(rolls.mean()):.4f}")
if len(sys.argv) > 3:
    pipe.save_pretrained(sys.argv[3])
"""


def expected_line(pipe):
    rolls = pipe(1, num_inference_steps=2, generator=seeded()).rolls
    return f"{type(pipe.scheduler).__name__} {pipe.meaning.lowest} {float(rolls.mean()):.4f}\n"


def tiny_paper():
    torch.manual_seed(0)
    net = ScoreNet(sample_size=(28, 28), channels=(8, 8, 8, 8), embed_dim=8).eval()
    return ScoreSDEPipeline(net, SigmaPowerSDE(), fs=1.0, lowest=56)


@pytest.mark.slow
@pytest.mark.parametrize("preset", ["default", "paper"])
def test_a_saved_folder_loads_without_scorehub_and_can_be_saved_again(pipe, preset, tmp_path, run_python):
    saved, again = tmp_path / "saved", tmp_path / "again"
    pipe = pipe if preset == "default" else tiny_paper()
    pipe.save_pretrained(saved)

    line = expected_line(pipe)
    assert run_python(LOAD, saved, saved, again, without_scorehub=True) == line
    assert run_python(LOAD, again, "", without_scorehub=True) == line

    files = sorted(path.relative_to(saved) for path in saved.rglob("*") if path.is_file())
    assert files == sorted(path.relative_to(again) for path in again.rglob("*") if path.is_file())
    for path in files:
        assert (saved / path).read_bytes() == (again / path).read_bytes(), path


@pytest.mark.slow
def test_a_folder_on_the_hub_loads_without_scorehub(pipe, tmp_path, run_python, loopback_hub):
    pipe.save_pretrained(tmp_path / "saved")
    paths = [path for path in (tmp_path / "saved").rglob("*") if path.is_file()]
    content = {path.relative_to(tmp_path / "saved").as_posix(): path.read_bytes() for path in paths}
    loopback_hub.put("model", "tester/rolls", content)

    for custom_pipeline in ("", "tester/rolls"):
        printed = run_python(LOAD, "tester/rolls", custom_pipeline, env=loopback_hub.env, without_scorehub=True)
        assert printed == expected_line(pipe)


@pytest.mark.parametrize("preset", some_slow(["", "paper"], ""))
def test_the_projects_folder_loads_with_weights_of_its_configurations(preset, tmp_path, run_python):
    torch.manual_seed(0)
    folder = tmp_path / "score_sde"
    shutil.copytree(FOLDER, folder, ignore=shutil.ignore_patterns("*.safetensors", "__pycache__"))
    model = ScoreNet if preset else UNet2DModel
    net = model.from_config(model.load_config(folder / preset / "unet"))
    net.save_pretrained(folder / preset / "unet")
    index = json.loads((folder / preset / "model_index.json").read_text())
    scheduler = SigmaPowerSDE() if preset else VPSDE(prediction_type="v_prediction")
    pipe = ScoreSDEPipeline(net.eval(), scheduler, fs=index["fs"], lowest=index["lowest"])

    assert run_python(LOAD, folder / preset, folder, without_scorehub=True) == expected_line(pipe)


def test_the_papers_network_is_the_papers():
    net = ScoreNet()
    sizes, h = [], torch.zeros(1, 1, 28, 28)
    for conv in net.down:
        h = conv(h)
        sizes.append(tuple(h.shape[1:]))
    assert sizes == [(32, 26, 26), (64, 12, 12), (128, 5, 5), (256, 2, 2)]
    assert "embed.0.frequencies" in net.state_dict()
    assert "embed.0.frequencies" not in dict(net.named_parameters()), "Fourier features are not trained"
    assert 20 < float(net.state_dict()["embed.0.frequencies"].std()) < 40
    # With nothing but its last bias the network says 1 / std(t).
    net.last.weight.data.zero_()
    net.last.bias.data.fill_(1.0)
    t = torch.tensor([0.1, 1.0])
    scores = net(torch.randn(2, 1, 28, 28), t).sample
    torch.testing.assert_close(scores[:, 0, 0, 0], 1 / SigmaPowerSDE(25.0).std(t))


@pytest.mark.parametrize("size", [(17, 17), (28, 28), (64, 128), (88, 101)])
def test_the_papers_network_takes_any_size_and_channels(size):
    torch.manual_seed(0)
    net = ScoreNet(in_channels=3, channels=(8, 8, 8, 8), embed_dim=8)
    assert net(torch.randn(2, 3, *size), torch.tensor([0.5, 1.0])).sample.shape == (2, 3, *size)
    with pytest.raises(ValueError, match="at least 17 x 17"):
        net(torch.randn(1, 3, 16, 40), torch.ones(1))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"sampler": "ddim"}, "sampler must be one of"),
        ({"output_type": "wav"}, "output_type must be one of"),
        ({"batch_size": 0}, "batch_size must be 1 or more"),
        ({"shape": (1, 8, 12)}, r"shape must be \(2, pitches, frames\)"),
        ({"num_inference_steps": 0}, "num_inference_steps and resamples must be 1 or more"),
        ({"known": np.zeros((2, 8, 12))}, "known and mask must be given together"),
        ({"known": np.zeros((2, 8, 5)), "mask": np.ones((2, 8, 12))}, "known and mask must broadcast"),
        ({"known": np.full((2, 8, 12), np.nan), "mask": np.ones((2, 8, 12))}, "known must be finite"),
        ({"batch_size": 2, "generator": [torch.Generator()]}, "generators must be one per sample"),
    ],
)
def test_bad_arguments_are_refused(pipe, options, message):
    with pytest.raises(ValueError, match=message):
        pipe(**options)


def test_bad_rolls_and_meanings_are_refused(pipe):
    for rolls in (np.zeros((2, 8, 12)), np.zeros((1, 2, 8, 11)), np.full((1, 2, 8, 12), np.inf)):
        with pytest.raises(ValueError, match="rolls must be finite"):
            pipe.log_likelihood(rolls)
    with pytest.raises(ValueError, match="roll must be finite"):
        to_notes(np.zeros((1, 30, 4)), RollMeaning(lowest=100))
    for options in ({"fs": 0}, {"lowest": 128}, {"values": "loud"}, {"programs": ()}, {"programs": (128,)}):
        with pytest.raises(ValueError, match="must be"):
            RollMeaning(**options)
