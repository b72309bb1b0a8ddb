"""The transcription networks: sizes worked by hand, items that do not touch each other, learning, saving."""

import itertools
import json
import shutil
from pathlib import Path

import pytest
import torch

from scorehub.pipelines.music_transcription import residual
from scorehub.pipelines.music_transcription.baseline import AudioNetwork, OpticalNetwork
from scorehub.pipelines.music_transcription.configuration_music_transcription import MusicTranscriptionConfig
from scorehub.pipelines.music_transcription.grad_spsa import GradSPSANetwork
from scorehub.pipelines.music_transcription.modeling_music_transcription import (
    MusicTranscriptionModel,
    best_paths,
    ctc_loss,
)

VOCABULARY = ["<blank>", "barline", "clef-G2", "note-C4_quarter", "note-D4_quarter", "tie"]
ROWS = {"default": 120, "baseline": 256, "grad_spsa": 256}
PAIRS = [("default", None), ("paper", None), (None, "default"), (None, "baseline"), ("paper", "grad_spsa")]
FLAGS = ["third_block", "interaction", "dense"]


@pytest.fixture(autouse=True)
def _one_thread():
    torch.set_num_threads(1)


def config(optical="paper", audio="grad_spsa", **settings):
    settings = {"vocabulary": VOCABULARY, "width": 1 / 8} | settings
    return MusicTranscriptionConfig(optical=optical, audio=audio, **settings)


def small_model(*pair, seed=0, **settings):
    torch.manual_seed(seed)
    return MusicTranscriptionModel(config(*pair, **settings)).eval()


def inputs(model, widths=(61, 40), seed=1):
    """Noise for each network of a model, padded with what must not matter."""
    generator = torch.Generator().manual_seed(seed)
    lengths = torch.tensor(widths)
    found = {}
    for name, rows in (("image", 64), ("audio", ROWS.get(model.config.audio))):
        if getattr(model.config, "optical" if name == "image" else "audio") is not None:
            found[name] = torch.rand(len(widths), rows, max(widths), generator=generator)
            found[f"{name}_widths"] = lengths
    return found


def alone(batch, number):
    """One item of a batch without its padding."""
    single = {}
    for name in ("image", "audio"):
        if name in batch:
            width = batch[f"{name}_widths"][number]
            single[name] = batch[name][number : number + 1, :, :width]
    return single


def n_weights(module):
    return sum(parameter.numel() for parameter in module.parameters())


def test_the_papers_networks_have_as_many_weights_as_by_hand():
    with torch.device("meta"):
        settings = config(width=1.0)
        optical, baseline, grad_spsa = OpticalNetwork(settings), AudioNetwork(settings), GradSPSANetwork(settings)
        plain = GradSPSANetwork(config(width=1.0, third_block=False, interaction=False, dense=False))
    lstm = 2 * 4 * 256 * (512 + 256 + 2)  # both ways, four gates, two biases
    conv = 64 * 25 + 64 * 64 * 25 + 128 * 64 * 9 + 128 * 128 * 9 + 2 * (64 + 64 + 128 + 128)
    assert n_weights(optical) == conv + 2 * lstm == 3_479_872
    conv = 8 * 10 * 2 + 8 * 8 * 8 * 5 + 2 * (8 + 8)
    assert n_weights(baseline) == conv + 2 * lstm == 3_156_672
    linear = 2 * 512 * 513
    attention = 3 * 128 * 513 + 512 * 129
    feed_forward = 1024 * 513 + 512 * 1025
    interaction = linear + attention + feed_forward + 2 * 2 * 512
    wide_lstm = 2 * 4 * 256 * (1024 + 256 + 2)
    assert n_weights(grad_spsa) == conv + 8 * 8 * 9 + 16 + interaction + wide_lstm == 4_469_392
    assert n_weights(plain) == n_weights(baseline)  # of which nothing is left but the baseline


def test_the_default_networks_have_two_million_weights():
    with torch.device("meta"):
        settings = MusicTranscriptionConfig()
        for network in (residual.optical_network(settings), residual.audio_network(settings)):
            assert 1.9e6 < n_weights(network) < 2.5e6


@pytest.mark.parametrize(
    ("optical", "audio", "lengths"),
    [
        # Widths 61 and 40. The papers' poolings round down, strided convolutions up.
        ("paper", None, [30, 20]),
        ("default", None, [8, 5]),
        (None, "baseline", [30, 20]),
        (None, "default", [31, 20]),
        ("paper", "grad_spsa", [15, 10]),
    ],
)
def test_frames_are_as_many_as_by_hand(optical, audio, lengths):
    model = small_model(optical, audio)
    output = model(**inputs(model))
    name = "audio" if audio else "optical"
    assert output[f"{name}_lengths"].tolist() == lengths
    assert output[name].shape == (2, lengths[0], len(VOCABULARY))
    torch.testing.assert_close(output[name].exp().sum(-1), torch.ones(2, lengths[0]))


@pytest.mark.parametrize(("optical", "audio"), PAIRS)
@pytest.mark.parametrize("widths", [(61, 40, 37, 4), (37, 61), (9, 37), (38, 37)])
def test_an_item_does_not_depend_on_its_batch_nor_on_what_pads_it(optical, audio, widths):
    model = small_model(optical, audio)
    for module in model.modules():  # statistics that would show whatever is not masked
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.uniform_(-1, 1)
            module.bias.data.uniform_(-1, 1)
    batch = inputs(model, widths)
    with torch.no_grad():
        output = model(**batch)
        for number in range(len(widths)):
            single = model(**alone(batch, number))
            for name in ("optical", "audio"):
                if name in output:
                    length = single[f"{name}_lengths"].item()
                    assert output[f"{name}_lengths"][number] == length == single[name].shape[1]
                    torch.testing.assert_close(output[name][number, :length], single[name][0], atol=1e-5, rtol=0)


def test_widths_that_are_not_given_are_all_of_the_picture():
    model = small_model("default", None)
    image = torch.rand(2, 64, 30)
    given = model(image=image, image_widths=torch.tensor([30, 30]))
    torch.testing.assert_close(model(image=image).optical, given.optical)


@pytest.mark.parametrize(("optical", "audio"), PAIRS)
@pytest.mark.parametrize("loaded", [False, True])
def test_gradients_reach_all_that_learns_and_nothing_of_the_fixed_optical_network(tmp_path, optical, audio, loaded):
    model = small_model(optical, audio, width=1 / 4).train()  # of one channel, batch norm undoes any scale
    if loaded:
        model.save_pretrained(tmp_path)
        model = MusicTranscriptionModel.from_pretrained(tmp_path).train()
    labels = torch.tensor([[2, 3, 1], [3, 1, -100]])
    model(**inputs(model), labels=labels).loss.backward()
    for name, parameter in model.named_parameters():
        if model.optical_is_fixed and name.startswith("optical"):
            assert parameter.grad is None
        else:
            assert parameter.grad is not None, name
            # All keys shifted alike change no attention.
            assert parameter.grad.any() or name == "audio.interaction.attention.key.bias", name


def test_training_grad_spsa_leaves_the_optical_network_as_it_is():
    model = small_model().train()
    before = {name: tensor.clone() for name, tensor in model.optical.state_dict().items()}
    optimizer = torch.optim.AdamW(model.parameters(), weight_decay=0.1)
    batch = inputs(model)
    output = model(**batch, labels=torch.tensor([[2, 3], [3, 1]]))
    (output.loss + model.sharing_penalty(gamma=1.0)).backward()
    optimizer.step()
    assert output.optical is None
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.optical.state_dict().items())
    assert torch.equal(model.eval()(**batch).optical, small_model()(**batch).optical)


def test_grad_spsa_hears_what_it_sees():
    model = small_model()
    batch = inputs(model)
    other = batch | {"image": 1 - batch["image"]}
    assert not torch.allclose(model(**batch).audio, model(**other).audio)
    without = small_model("paper", "grad_spsa", interaction=False)
    torch.testing.assert_close(without(**batch).audio, without(**other).audio)
    audio_only = {name: batch[name] for name in ("audio", "audio_widths")}
    torch.testing.assert_close(without(**batch).audio, without(**audio_only).audio)


@pytest.mark.parametrize(
    ("flag", "frames", "n_joined", "n_features"),
    # Units of an eighth: 1 channel x 64 rows heard, 2 x 32 units of a BiLSTM and of the interaction block.
    [("third_block", 30, 128, 192), ("interaction", 15, 128, 192), ("dense", 15, 64, 64), (None, 15, 128, 192)],
)
def test_each_ablation_leaves_out_what_it_says(flag, frames, n_joined, n_features):
    model = small_model("paper", "grad_spsa", **({flag: False} if flag else {}))
    assert model.audio.lstm2.ahead.input_size == n_joined
    assert model.audio_head.in_features == n_features
    assert (model.audio.interaction is None) == (flag == "interaction")
    output = model(**inputs(model), labels=torch.tensor([[2, 3], [3, 1]]))
    assert output.audio.shape[1] == frames
    assert output.loss.isfinite()


def test_ablations_combine():
    for flags in itertools.product([True, False], repeat=3):
        model = small_model("paper", "grad_spsa", **dict(zip(FLAGS, flags, strict=True)))
        assert model(**inputs(model)).audio.isfinite().all()
    alone = small_model(None, "grad_spsa", interaction=False)
    assert alone(**inputs(alone)).audio.isfinite().all()


def test_the_loss_is_what_all_paths_together_have():
    posteriors = torch.randn(1, 4, 3).log_softmax(-1)
    total = 0.0
    for path in itertools.product(range(3), repeat=4):
        if [symbol for symbol, _ in itertools.groupby(path) if symbol] == [2, 1]:
            total += posteriors[0, range(4), path].sum().exp().item()
    expected = -torch.tensor(total).log() / 2  # PyTorch's mean is by tokens
    lengths = torch.tensor([4])
    found = ctc_loss([(posteriors, lengths)], torch.tensor([[2, 1, -100]]))
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(
        ctc_loss([(posteriors, lengths)] * 2, torch.tensor([[2, 1, 7]]), lengths - 2), 2 * expected
    )
    assert ctc_loss([(posteriors, torch.tensor([1]))], torch.tensor([[2, 1]])) == 0  # more tokens than frames
    assert ctc_loss([], torch.tensor([[2, 1]])) is None


def test_both_networks_of_a_pair_count():
    model = small_model("default", "default")
    batch, labels = inputs(model), torch.tensor([[2, 3], [3, 1]])
    both = model(**batch, labels=labels).loss
    one = model(image=batch["image"], image_widths=batch["image_widths"], labels=labels).loss
    other = model(audio=batch["audio"], audio_widths=batch["audio_widths"], labels=labels).loss
    torch.testing.assert_close(both, one + other)


def test_the_best_path_leaves_out_repeats_and_blanks_and_padding():
    frames = [1, 1, 0, 1, 2, 2, 0, 0, 3]
    posteriors = torch.nn.functional.one_hot(torch.tensor([frames, frames]), 4).float()
    assert best_paths(posteriors, torch.tensor([9, 5])) == [[1, 1, 2, 3], [1, 1, 2]]


def staves():
    """Three strips of signs: a sign's height on the staff is its token, repeats and touching signs included."""
    texts = [[2, 3, 3, 1, 4], [2, 4, 5, 4, 1, 3, 1], [2, 1]]
    image = torch.zeros(3, 64, 8 * 7)
    for strip, text in zip(image, texts, strict=True):
        for place, token in enumerate(text):
            strip[10 * token : 10 * token + 8, 8 * place + 2 : 8 * place + 7] = 1
    widths = torch.tensor([8 * len(text) for text in texts])
    labels = torch.nn.utils.rnn.pad_sequence(list(map(torch.tensor, texts)), batch_first=True, padding_value=-100)
    return {"image": image, "image_widths": widths, "labels": labels}, texts


def learn_by_heart(model, batch):
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    for _ in range(80):
        optimizer.zero_grad()
        model(**batch).loss.backward()
        optimizer.step()
    return model.eval()(**batch)


@pytest.mark.parametrize(("optical", "pixels"), [("default", 4), ("paper", 1)])  # frames are 8 and 2 px wide
def test_three_staves_are_learnt_by_heart(optical, pixels):
    model = small_model(optical, None, width=1 / 4, dropout=0.0).train()
    batch, texts = staves()
    batch["image"] = batch["image"].repeat_interleave(pixels, 2)
    batch["image_widths"] = pixels * batch["image_widths"]
    output = learn_by_heart(model, batch)
    assert best_paths(output.optical, output.optical_lengths) == texts


def test_grad_spsa_learns_by_heart():
    model = small_model("paper", "grad_spsa", dropout=0.0).train()
    batch, texts = staves()
    batch["audio"] = batch["image"].repeat_interleave(4, 1)  # what is heard is what is seen, 256 rows high
    batch["audio_widths"] = batch["image_widths"]
    output = learn_by_heart(model, batch)
    assert best_paths(output.audio, output.audio_lengths) == texts


@pytest.mark.parametrize(("optical", "audio"), PAIRS)
def test_a_saved_model_is_the_same_when_loaded(tmp_path, optical, audio):
    model = small_model(optical, audio, dense=False)
    model.save_pretrained(tmp_path)
    loaded = MusicTranscriptionModel.from_pretrained(tmp_path)
    assert loaded.config.vocabulary == VOCABULARY
    assert not loaded.config.dense
    weights = loaded.state_dict()
    assert all(torch.equal(weights[name], tensor) for name, tensor in model.state_dict().items())
    batch = inputs(model)
    for name, tensor in model(**batch).items():
        torch.testing.assert_close(loaded(**batch)[name], tensor)


@pytest.mark.slow
def test_a_saved_model_runs_where_scorehub_is_not_installed(tmp_path, run_python):
    folder = tmp_path / "transcriber"
    model = small_model()
    model.save_pretrained(folder)
    # What `register_for_auto_class` would do, which changes the class for all tests that follow.
    for file in Path(residual.__file__).parent.glob("*.py"):
        shutil.copy(file, folder)
    settings = json.loads((folder / "config.json").read_text())
    settings["auto_map"] = {
        "AutoConfig": "configuration_music_transcription.MusicTranscriptionConfig",
        "AutoModel": "modeling_music_transcription.MusicTranscriptionModel",
    }
    (folder / "config.json").write_text(json.dumps(settings))
    code = """
import sys, torch
from transformers import AutoModel
model = AutoModel.from_pretrained(sys.argv[1], trust_remote_code=True)
generator = torch.Generator().manual_seed(3)
image, audio = (torch.rand(1, rows, 40, generator=generator) for rows in (64, 256))
print(repr(model(image=image, audio=audio).audio.double().sum().item()))
"""
    generator = torch.Generator().manual_seed(3)
    image, audio = (torch.rand(1, rows, 40, generator=generator) for rows in (64, 256))
    expected = model(image=image, audio=audio).audio.double().sum().item()
    assert float(run_python(code, folder, without_scorehub=True)) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"vocabulary": ["barline"]}, "begin with '<blank>'"),
        ({"vocabulary": ["<blank>", "tie", "tie"]}, "'tie' twice"),
        ({"optical": "resnet"}, "optical must be one of"),
        ({"audio": "paper"}, "audio must be one of"),
        ({"optical": None, "audio": None}, "got None for both"),
        ({"optical": None}, "must be 'paper' where grad_spsa"),
        ({"optical": "default"}, "must be 'paper' where grad_spsa"),
        ({"width": 0.0}, "width"),
        ({"dropout": 1.0}, "dropout"),
    ],
)
def test_configurations_that_make_no_sense_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        config(**settings)


IMAGE, AUDIO = torch.rand(2, 64, 40), torch.rand(2, 256, 40)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "got neither"),
        ({"audio": AUDIO}, "image must be given for each audio that GradSPSA hears, got 0 for 2"),
        ({"audio": AUDIO, "image": IMAGE[:1]}, "got 1 for 2"),
        ({"image": IMAGE[:, :60]}, r"image must be of shape \(B, 64, W\)"),
        ({"image": IMAGE[0]}, r"image must be of shape \(B, 64, W\)"),
        ({"image": IMAGE, "audio": AUDIO[..., :3]}, "with W from 4"),
        ({"image": IMAGE, "image_widths": torch.tensor([40, 41])}, "from 2 to 40"),
        ({"image": IMAGE, "image_widths": torch.tensor([40, 1])}, "from 2 to 40"),
        ({"image": IMAGE, "image_widths": torch.tensor([40])}, r"of shape \(2,\)"),
        ({"image": IMAGE, "audio": AUDIO, "labels": torch.tensor([[0], [1]])}, "labels must be from 1 to 5"),
        ({"image": IMAGE, "audio": AUDIO, "labels": torch.tensor([[1], [6]])}, "labels must be from 1 to 5"),
        ({"image": IMAGE, "audio": AUDIO, "labels": torch.tensor([[1]])}, r"labels must be of shape \(2, L\)"),
    ],
)
def test_inputs_of_other_shapes_are_refused(given, message):
    with pytest.raises(ValueError, match=message):
        small_model()(**given)


def test_inputs_without_a_network_are_refused():
    with pytest.raises(ValueError, match="audio must be None"):
        small_model("paper", None)(audio=AUDIO)
    with pytest.raises(ValueError, match="'paper' and 'grad_spsa' to share"):
        small_model("default", "default").sharing_penalty()
