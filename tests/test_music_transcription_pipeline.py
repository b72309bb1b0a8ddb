"""transformers' pipeline of transcription: from files to music, places and times, and unwilling inputs."""

import numpy as np
import pytest
import soundfile
import torch
from PIL import Image
from random_transcriber import RATE, VOCABULARY, random_pipeline, staff, tone

from scorehub.notes import read_midi
from scorehub.pipelines.music_transcription.configuration_music_transcription import MusicTranscriptionConfig
from scorehub.pipelines.music_transcription.modeling_music_transcription import MusicTranscriptionModel, best_paths
from scorehub.pipelines.music_transcription.pipeline_music_transcription import MusicTranscriptionPipeline
from scorehub.pipelines.music_transcription.processing_music_transcription import MusicTranscriptionProcessor

# What a network is to write of three tones, or of noteheads at three heights.
PITCHES = {"note-C4_quarter": 261.63, "note-D4_quarter": 293.66, "note-E4_half": 329.63}
MELODIES = [[*PITCHES], [*reversed(PITCHES), "note-D4_quarter"]]


@pytest.fixture(autouse=True)
def _one_thread():
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def pipe():
    return random_pipeline()


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    path = tmp_path_factory.mktemp("files")
    Image.fromarray(staff()).convert("RGB").save(path / "staff.png")
    soundfile.write(path / "audio.wav", np.stack([tone()] * 2, axis=1), RATE, subtype="FLOAT")
    return path


def words(rows):
    return [row["token"] for row in rows]


def played(notes):
    return np.concatenate([tone(0.25, PITCHES[note]) for note in notes])


def drawn(notes):
    return staff(60 * (len(notes) + 1), heights=[8 - 4 * [*PITCHES].index(note) for note in notes])


@pytest.fixture(scope="module")
def trained():
    """Networks that have learnt two melodies by heart."""
    torch.manual_seed(0)
    settings = MusicTranscriptionConfig(vocabulary=VOCABULARY, width=0.15, dropout=0.0)
    model, processor = MusicTranscriptionModel(settings), MusicTranscriptionProcessor(VOCABULARY)
    labels = ["\t".join(notes) for notes in MELODIES]
    batch = processor([drawn(notes) for notes in MELODIES], [played(notes) for notes in MELODIES], labels=labels)
    optimiser = torch.optim.Adam(model.parameters(), 0.01)
    for _ in range(80):  # fewer leave tokens at which rounding decides
        optimiser.zero_grad()
        model(**batch).loss.backward()
        optimiser.step()
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = 1.0  # so that its statistics are those of the batch that comes
    with torch.no_grad():
        model(**batch)
    return MusicTranscriptionPipeline(model=model.eval(), processor=processor, device="cpu")


def test_what_networks_have_learnt_comes_out_as_music(trained):
    result = trained(image=drawn(MELODIES[1]), audio=played(MELODIES[1]))
    assert words(result["tokens"]) == words(result["optical"]) == words(result["audio"]) == MELODIES[1]
    assert result["disagreements"] == []
    assert [row["onset"] for row in result["tokens"]] == [0, 2, 3, 4]
    assert all(row["from"] == ["optical", "audio"] and 0.5 < row["probability"] <= 1 for row in result["tokens"])
    for name, most in (("x", 300), ("time", 1.0)):
        places = [row[name] for row in result["tokens"]]
        assert places == sorted(places)
        assert 0 <= places[0] <= places[-1] <= most
    notes = read_midi(result["midi"])
    assert list(zip(notes.onset.tolist(), notes.pitch.tolist(), strict=True)) == [(0, 64), (1, 62), (1.5, 60), (2, 62)]
    assert result["musicxml"].count("<pitch>") == 4


def test_a_picture_of_other_music_than_the_recording_disagrees_with_it(trained):
    result = trained(image=drawn(MELODIES[0]), audio=played(MELODIES[1]), weight=0.99)
    assert words(result["optical"]) == MELODIES[0]
    assert words(result["audio"]) == MELODIES[1]
    kept = {place for ends in result["disagreements"] for place in range(*ends["tokens"])}
    for place, row in enumerate(result["tokens"]):
        assert (row["from"] == ["optical", "audio"]) == (place not in kept)
    assert kept


def test_tokens_of_both_sides_are_those_of_the_network(pipe):
    result = pipe(image=staff(), audio=tone())
    with torch.no_grad():
        outputs = pipe.model(**pipe.processor(images=staff(), audio=tone()))
    for name in ("optical", "audio"):
        (path,) = best_paths(outputs[name], outputs[f"{name}_lengths"])
        assert words(result[name]) == pipe.processor.tokens(path)
        assert words(result[name])
        assert (
            result[name]
            == pipe(**{"image" if name == "optical" else "audio": (staff(), tone())[name == "audio"]})[name]
        )


def test_files_are_read_as_what_they_hold(pipe, files):
    from_files = pipe(image=str(files / "staff.png"), audio=files / "audio.wav")
    assert from_files == pipe(image=staff(), audio=tone())
    with Image.open(files / "staff.png") as picture:
        assert pipe(image=picture)["tokens"] == from_files["optical"]


def test_places_are_in_the_pixels_of_the_picture_as_it_is_given(pipe):
    small = pipe(image=staff())["tokens"]
    large = pipe(image=staff().repeat(3, 0).repeat(3, 1))["tokens"]
    assert words(large) == words(small)
    assert all(0 < row["x"] < 600 for row in small)
    for row, three_times in zip(small, large, strict=True):
        assert three_times["x"] == pytest.approx(3 * row["x"])


@pytest.mark.parametrize(
    ("audio", "seconds_a_frame"), [("default", 2 * 512 / RATE), ("baseline", 2 * 512 / RATE * 120 / 256)]
)
def test_times_are_those_of_the_networks_frames(audio, seconds_a_frame):
    pipe = random_pipeline(optical=None, audio=audio)
    times = [row["time"] / seconds_a_frame for row in pipe(audio=tone())["tokens"]]
    assert times
    assert times == pytest.approx(np.round(times))
    assert max(times) * seconds_a_frame <= 1.0


def test_lists_are_transcribed_one_by_one(pipe):
    pictures, sounds = [staff(), staff(480)], [tone(), tone(0.5, 330.0)]
    both = pipe(image=pictures, audio=sounds)
    assert both == [pipe(image=picture, audio=sound) for picture, sound in zip(pictures, sounds, strict=True)]
    assert pipe(image=pictures[:1]) == [pipe(image=pictures[0])]


def test_colour_transparency_and_white_on_black_change_nothing(pipe):
    expected = words(pipe(image=staff())["tokens"])
    clear = Image.new("RGBA", (600, 120), (0, 0, 0, 0))
    clear.putalpha(Image.fromarray(255 - staff()))
    for picture in (np.stack([staff()] * 3, axis=2), clear, 255 - staff()):
        assert words(pipe(image=picture)["tokens"]) == expected


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, r"image or audio must be given, .* got neither"),
        ({"image": [staff()], "audio": [tone()] * 2}, "got 2 of unlike lengths"),
        ({"image": [staff()], "audio": tone()}, "got 2 of unlike lengths"),
        ({"image": []}, "image or audio must be given"),
        ({"image": np.full((100, 600), 255, np.uint8)}, "got a blank one"),
        ({"image": staff(n_staves=2)}, "image must show one staff, got 2"),
        ({"image": staff(300, n_staves=5)}, "image must show one staff, got 5"),
        ({"image": np.zeros((100, 600))}, "picture must be uint8"),
        ({"image": np.zeros((9000, 9000), np.uint8)}, "at most 64,000,000 pixels"),
        ({"image": staff(60)[:, :20]}, "16 to 8192 px wide"),
        ({"audio": np.zeros(RATE, np.float32)}, "audio must have sound"),
        ({"audio": np.full(RATE, np.nan, np.float32)}, "audio must be finite"),
        ({"audio": tone(0.05)}, "audio must last 0.1 to 600 seconds"),
        ({"audio": np.zeros(601 * 4000, np.float32), "sampling_rate": 4000}, "audio must last 0.1 to 600 seconds"),
        ({"audio": tone(), "sampling_rate": 10}, "sampling_rate must be"),
        ({"image": staff(), "fusion": "vote"}, "fusion must be one of"),
        ({"image": staff(), "audio": tone(), "weight": 2.0}, "weight must be 0 to 1, got 2.0"),
    ],
)
def test_what_can_not_be_transcribed_is_refused(pipe, given, message):
    with pytest.raises(ValueError, match=message):
        pipe(**given)


@pytest.mark.parametrize("content", [b"", b"neither", b"RIFF\x00\x00\x00\x00WAVEfmt ", b"\x89PNG\r\n\x1a\n"])
@pytest.mark.parametrize("name", ["image", "audio"])
def test_files_that_can_not_be_read_are_refused_by_name(pipe, tmp_path, name, content):
    (tmp_path / "given.bin").write_bytes(content)
    with pytest.raises(ValueError, match=rf"{name} must be a .* that can be read, got given\.bin"):
        pipe(**{name: tmp_path / "given.bin"})
    with pytest.raises(FileNotFoundError):
        pipe(**{name: tmp_path / "missing.bin"})


def test_a_file_that_claims_a_day_of_sound_is_not_read(pipe, tmp_path):
    soundfile.write(tmp_path / "long.flac", np.zeros(700 * 4000, np.int16), 4000)
    with pytest.raises(ValueError, match=r"audio must have 0.1 to 600 seconds .* got 700.000 s"):
        pipe(audio=tmp_path / "long.flac")


@pytest.mark.parametrize(
    ("networks", "given", "message"),
    [
        ({"audio": None}, {"audio": tone()}, "audio must be None for a model without a network for it"),
        ({"optical": None}, {"image": staff()}, "image must be None for a model without a network for it"),
        ({"optical": "paper", "audio": "grad_spsa"}, {"audio": tone()}, "image must be given for each audio"),
    ],
)
def test_a_model_takes_what_it_has_networks_for(networks, given, message):
    with pytest.raises(ValueError, match=message):
        random_pipeline(**networks)(**given)


def test_grad_spsa_reads_a_picture_alone_and_with_its_recording():
    pipe = random_pipeline("paper", "grad_spsa")
    assert set(pipe(image=staff())) == {"tokens", "optical", "disagreements", "musicxml", "midi"}
    assert pipe(image=staff(), audio=tone())["optical"] == pipe(image=staff())["tokens"]


def test_a_processor_of_another_vocabulary_is_refused(pipe):
    other = MusicTranscriptionProcessor([*VOCABULARY[:-1], "rest-half"])
    with pytest.raises(ValueError, match="processor must have the model's vocabulary"):
        MusicTranscriptionPipeline(model=pipe.model, processor=other, device="cpu")(image=staff())
