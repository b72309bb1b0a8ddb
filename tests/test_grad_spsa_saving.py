"""What a trained transcriber is saved as: weights, settings, language model, code; and its use without scorehub."""

import json

import pytest
import soundfile
import torch
from PIL import Image
from random_transcriber import RATE, VOCABULARY, random_pipeline, staff, tone
from safetensors.torch import load_file

from scorehub.pipelines.music_transcription.decoding import DecodingSettings
from scorehub.pipelines.music_transcription.language_model import NgramModel
from scorehub.pipelines.music_transcription.modeling_music_transcription import MusicTranscriptionModel
from scorehub.pipelines.music_transcription.pipeline_music_transcription import MusicTranscriptionPipeline
from scorehub.pipelines.music_transcription.processing_music_transcription import MusicTranscriptionProcessor
from scorehub.trainers.grad_spsa_saving import save_folder, save_processor

DECODING = {"weight": 0.3, "fusion": "minimum_bayes_risk", "audio": {"acoustic_scale": 1.5}}


@pytest.fixture(autouse=True)
def _one_thread():
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def language_model():
    return NgramModel.fit([[2, 3, 4, 1], [2, 4, 5, 1]], len(VOCABULARY) - 1, 2, "witten-bell")


@pytest.fixture(scope="module")
def folder(tmp_path_factory, language_model):
    path = tmp_path_factory.mktemp("saved") / "model"
    saved = random_pipeline(decoding=DECODING, language_model=language_model)
    save_folder(saved.model, saved.processor, path)
    return path


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    path = tmp_path_factory.mktemp("files")
    Image.fromarray(staff()).convert("RGB").save(path / "staff.png")
    soundfile.write(path / "audio.wav", tone(), RATE, subtype="FLOAT")
    return path


def words(rows):
    return [row["token"] for row in rows]


def test_a_folder_has_weights_in_half_precision_settings_and_language_model(folder, language_model):
    assert {value.dtype for value in load_file(folder / "model.safetensors").values()} == {torch.float16, torch.int64}
    assert MusicTranscriptionModel.from_pretrained(folder).dtype == torch.float32
    processor = MusicTranscriptionProcessor.from_pretrained(folder)
    assert processor.decoding == DecodingSettings.of(DECODING)
    assert processor.vocabulary == VOCABULARY
    for sequence in ([2, 3], [5, 1, 1]):
        expected = language_model.log_probability(sequence)
        assert processor.language_model.log_probability(sequence) == pytest.approx(expected, rel=1e-6)
    assert "language_model" not in json.loads((folder / "config.json").read_text())


def test_settings_of_a_folder_can_be_replaced(folder, tmp_path):
    saved = MusicTranscriptionProcessor.from_pretrained(folder)
    decoding = {"weight": 0.9, "fusion": "fuse_networks"}
    save_processor(MusicTranscriptionProcessor(VOCABULARY, decoding=decoding), tmp_path)
    assert json.loads((tmp_path / "processor_config.json").read_text())["auto_map"]
    found = MusicTranscriptionProcessor.from_pretrained(tmp_path)
    assert found.decoding == DecodingSettings.of(decoding) != saved.decoding
    assert found.language_model is None


def test_a_processor_of_another_vocabulary_is_refused(tmp_path):
    other = MusicTranscriptionProcessor([*VOCABULARY[:-1], "rest-half"])
    with pytest.raises(ValueError, match="processor must have the model's vocabulary"):
        save_folder(random_pipeline().model, other, tmp_path)


def test_weights_that_half_precision_can_not_hold_are_refused(tmp_path):
    pipe = random_pipeline()
    pipe.model.audio_head.bias.data[0] = 1e5
    with pytest.raises(ValueError, match=r"weights must be finite in half precision, got others in audio_head.bias"):
        save_folder(pipe.model, pipe.processor, tmp_path)


def test_a_language_model_must_have_the_vocabularys_tokens(language_model):
    with pytest.raises(ValueError, match="language_model must be of 1 tokens, as the vocabulary, got 6"):
        MusicTranscriptionProcessor(VOCABULARY[:2], language_model=language_model)


def test_a_broken_language_model_is_refused(folder, tmp_path):
    (tmp_path / "processor_config.json").write_bytes((folder / "processor_config.json").read_bytes())
    (tmp_path / "language_model.safetensors").write_bytes(b"no model")
    with pytest.raises(ValueError, match=r"language model must be a file that NgramModel.save wrote"):
        MusicTranscriptionProcessor.from_pretrained(tmp_path)


USE = """
from transformers import AutoProcessor, pipeline
pipe = pipeline("music-transcription", model=sys.argv[1], trust_remote_code=True, device="cpu")
result = pipe(image=sys.argv[2], audio=sys.argv[3])
result["midi"] = result["midi"].hex()
processor = AutoProcessor.from_pretrained(sys.argv[1], trust_remote_code=True)
assert type(processor).__name__ == "MusicTranscriptionProcessor"
import json
print(json.dumps(result))
"""


def check_same(printed, folder, files):
    """What another process made of a folder is what this one makes, with its word graphs and fusion."""
    found = json.loads(printed)
    model = MusicTranscriptionModel.from_pretrained(folder).eval()
    processor = MusicTranscriptionProcessor.from_pretrained(folder)
    pipe = MusicTranscriptionPipeline(model=model, processor=processor, device="cpu")
    expected = pipe(image=files / "staff.png", audio=files / "audio.wav")
    for name in ("tokens", "optical", "audio"):
        assert words(found[name]) == words(expected[name])
        assert [row["probability"] for row in found[name]] == pytest.approx(
            [row["probability"] for row in expected[name]], abs=1e-3
        )
    assert found["musicxml"] == expected["musicxml"]
    assert bytes.fromhex(found["midi"]) == expected["midi"]


@pytest.mark.slow
def test_a_folder_transcribes_where_scorehub_is_not_installed(folder, files, run_python):
    code = f"import sys\n{USE}"
    printed = run_python(code, folder, files / "staff.png", files / "audio.wav", without_scorehub=True)
    check_same(printed, folder, files)


def test_a_repository_of_the_hub_transcribes_where_scorehub_is_not(folder, files, run_python, loopback_hub):
    loopback_hub.put("model", "tester/staff", {path.name: path.read_bytes() for path in folder.iterdir()})
    arguments = "tester/staff", files / "staff.png", files / "audio.wav"
    printed = run_python(f"import sys\n{USE}", *arguments, env=loopback_hub.env, without_scorehub=True)
    check_same(printed, folder, files)
