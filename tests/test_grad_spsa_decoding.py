"""The choice of scales, fusion and weight for a trained pair, on a dozen bars of music."""

from itertools import product

import numpy as np
import pytest
import torch
from random_transcriber import staff

from scorehub.pipelines.music_transcription.configuration_music_transcription import BLANK, MusicTranscriptionConfig
from scorehub.pipelines.music_transcription.decoding import FUSIONS, DecodingSettings
from scorehub.pipelines.music_transcription.language_model import NgramModel
from scorehub.pipelines.music_transcription.modeling_music_transcription import MusicTranscriptionModel
from scorehub.pipelines.music_transcription.processing_music_transcription import MusicTranscriptionProcessor
from scorehub.study.posteriors import pack
from scorehub.trainers.grad_spsa_decoding import WEIGHTS, DecodingConfig, choose, count_errors, load_part
from scorehub.trainers.grad_spsa_saving import save_folder
from scorehub.transcription import load_transcriber

BARS = ("''4C8DE4FG/", "'4GECx4F/", "''2C4DE/", "'8GAGF4EC/")
VOCABULARY = [BLANK, "a", "b", "c"]


@pytest.fixture(scope="module")
def incipits(tmp_path_factory):
    folder = tmp_path_factory.mktemp("incipits")
    for number in range(12):
        data = BARS[number % 4] + BARS[number // 4]
        (folder / f"tune{number}.pae").write_text(f"@clef:G-2\n@keysig:\n@timesig:4/4\n@data:{data}\n")
    return str(folder)


@pytest.fixture(scope="module")
def chosen(incipits, tmp_path_factory):
    """A pair of random weights, how it is to be decoded, and what was chosen."""
    folder = tmp_path_factory.mktemp("pair")
    config = DecodingConfig(str(folder), incipits, order=2, staves=2)
    texts = load_part(config, incipits, "train")["semantic"]
    vocabulary = [BLANK, *sorted({token for text in texts for token in text.split()})]
    torch.manual_seed(0)
    model = MusicTranscriptionModel(MusicTranscriptionConfig(vocabulary=vocabulary, width=0.1))
    save_folder(model, MusicTranscriptionProcessor(vocabulary, 120), folder)
    return folder, choose(config)


def test_the_best_of_what_was_tried_is_in_the_folder(chosen):
    folder, found = chosen
    settings = MusicTranscriptionProcessor.from_pretrained(folder).decoding
    assert settings == DecodingSettings.of(found["settings"])
    errors = {(tried["fusion"], tried["weight"]): tried["errors"] for tried in found["fusion"]}
    assert errors[settings.fusion, settings.weight] == min(errors.values())
    equal = [weight for (_, weight), total in errors.items() if total == min(errors.values())]
    assert abs(settings.weight - 0.5) == min(abs(weight - 0.5) for weight in equal)
    assert {tried["fusion"] for tried in found["fusion"]} == set(FUSIONS)
    for side in ("optical", "audio"):
        assert len(found[side]) == 12  # 5 insertions, 3 and 4 scales
        last = found[side][-4:]
        scale = min(last, key=lambda tried: tried["errors"])["language_scale"]
        assert getattr(settings, side).language_scale == scale


def test_the_folder_reads_by_the_language_model_of_the_training_part(chosen, incipits):
    folder, _ = chosen
    pipe = load_transcriber(folder)
    texts = load_part(DecodingConfig(str(folder), incipits), incipits, "train")["semantic"]
    number_of = {token: number for number, token in enumerate(pipe.processor.vocabulary)}
    sequences = [[number_of[token] for token in text.split()] for text in texts]
    expected = NgramModel.fit(sequences, len(number_of) - 1, 2)
    assert pipe.processor.language_model.order == 2
    for sequence in sequences:
        found = pipe.processor.language_model.log_probability(sequence)
        assert found == pytest.approx(expected.log_probability(sequence), rel=1e-5)
    assert all(0 < row["probability"] <= 1 for row in pipe(staff())["tokens"])


def spikes(*classes):
    """Log posteriors of frames, nine tenths for the class that is named."""
    frames = np.full((2 * len(classes), len(VOCABULARY)), 0.1 / (len(VOCABULARY) - 1))
    frames[np.arange(0, len(frames), 2), classes] = 0.9
    frames[1::2, 0] = 0.9
    return np.log(frames)


def test_errors_are_counted_on_staves_that_both_sides_have():
    """The sound of the first is wrong in one token; the second has no sound."""
    optical = pack(["1", "2"], ["a b", "c"], VOCABULARY, iter([spikes(1, 2), spikes(3)]))
    audio = pack(["1"], ["a b"], VOCABULARY, iter([spikes(1, 3)]))
    model = NgramModel.fit([[1, 2], [1, 3], [3]], 3, 2, "witten-bell")
    errors = count_errors(optical, audio, model, DecodingSettings())
    assert {weight for fusion, weight in errors if fusion.startswith("lightly")} == {0.5}
    assert {tried for tried in errors if not tried[0].startswith("lightly")} == set(product(FUSIONS[:4], WEIGHTS))
    assert (errors["fuse_networks", 0.9], errors["fuse_networks", 0.1]) == (0, 1)
    assert (errors["minimum_bayes_risk", 0.9], errors["minimum_bayes_risk", 0.1]) == (0, 1)
