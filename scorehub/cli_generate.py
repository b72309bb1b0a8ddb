"""`scorehub generate`: music from the models."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from tqdm import tqdm

from scorehub.cli_parts import Model, one_line_errors

if TYPE_CHECKING:
    from scorehub.pipelines.score_sde.samplers import Callback
    from scorehub.pipelines.text_to_score.pipeline import Prompt

app = typer.Typer(no_args_is_help=True, help="Music from the models: new, or in place of a damaged passage.")

KINDS = {".mid": "midi", ".wav": "audio", ".png": "image", ".npy": "array"}

Target = Annotated[Path, typer.Option(help="File to write: .mid, .wav, .png or .npy.")]
Sampler = Annotated[str, typer.Option(help="ode_fast, ode, euler_maruyama or predictor_corrector.")]
Steps = Annotated[int | None, typer.Option(help="Steps of the sampler; its own number if none.")]
Seed = Annotated[int, typer.Option(help="The same seed makes the same music.")]


@app.command("roll")
def generate_roll(
    out: Target,
    sampler: Sampler = "ode_fast",
    steps: Steps = None,
    seed: Seed = 0,
    preset: Annotated[str, typer.Option(help="default: 8 s; paper: 28 s, a frame a second.")] = "default",
    model: Model = None,
) -> None:
    """Draw a piano roll from noise.

    scorehub generate roll --sampler ode --out x.mid
    """
    import torch

    from scorehub.repair import load_pipeline

    with one_line_errors():
        if out.suffix not in KINDS:
            raise ValueError(f"out must end in one of {', '.join(KINDS)}, got {out.name}")
        _check_steps(steps)
        pipe = load_pipeline(model, preset)
        draw = torch.Generator().manual_seed(seed)
        with _progress() as callback:
            made: Any = pipe(1, sampler=sampler, num_inference_steps=steps, generator=draw, callback=callback)
        _write(pipe.convert(made.rolls, KINDS[out.suffix])[0], out)
        typer.echo(f"wrote {out}, {made.evaluations[0]} evaluations of the network")


@app.command("repair")
def generate_repair(
    midi: Annotated[Path, typer.Argument(help="The piece, a MIDI file.")],
    start: Annotated[float, typer.Option(help="Where the passage begins, in seconds.")],
    end: Annotated[float, typer.Option(help="Where it ends; after the piece's end to go on.")],
    out: Annotated[Path, typer.Option(help="MIDI file to write.")],
    sampler: Sampler = "ode_fast",
    steps: Steps = None,
    seed: Seed = 0,
    model: Model = None,
) -> None:
    """Make a passage of a piece anew, so that it fits what is around it, or go on with the piece.

    scorehub generate repair damaged.mid --start 12 --end 15 --out repaired.mid
    """
    from scorehub.notes import MAX_MIDI_BYTES, read_midi, write_midi
    from scorehub.repair import Sampling, load_pipeline, repair_passage

    with one_line_errors():
        _check_steps(steps)
        with midi.open("rb") as file:
            piece = read_midi(file.read(MAX_MIDI_BYTES + 1))
        pipe = load_pipeline(model)
        with _progress() as callback:
            sampling = Sampling(sampler, steps, seed=seed, callback=callback)
            repaired = repair_passage(pipe, piece, start, end, sampling)
        out.write_bytes(write_midi(repaired))
        inside = (repaired.onset >= start) & (repaired.onset < end)
        typer.echo(f"wrote {out}, {inside.sum()} new notes from {start:g} to {end:g} s")


@app.command("page")
def generate_page(
    prompt: Annotated[str | None, typer.Argument(help="In the form of the example; or name fields instead.")] = None,
    composer: Annotated[str, typer.Option(help="Field of the prompt, such as 'Bach, Johann Sebastian'.")] = "",
    instrumentation: Annotated[str, typer.Option(help="Field of the prompt, such as violin.")] = "",
    key: Annotated[str, typer.Option(help="Field of the prompt, such as 'A major'.")] = "",
    piece_style: Annotated[str, typer.Option(help="Field of the prompt, such as Baroque.")] = "",
    genre: Annotated[str, typer.Option(help="Field of the prompt, such as sonatas.")] = "",
    out: Annotated[Path, typer.Option(help="File to write: .png, or .pdf in black and white.")] = Path("page.png"),
    count: Annotated[int, typer.Option(help="Pages: page-1.png, page-2.png and so on, or one PDF.")] = 1,
    bitmap: Annotated[bool, typer.Option("--bitmap", help="PNG in black and white, at 300 dpi.")] = False,
    preset: Annotated[
        str, typer.Option(help="fast: 20 steps, guidance 3; paper: DDIM, 250 steps, guidance 4.")
    ] = "fast",
    steps: Annotated[int | None, typer.Option(help="In place of the preset's.")] = None,
    guidance: Annotated[
        float | None, typer.Option(help="How much the prompt counts, in place of the preset's.")
    ] = None,
    negative: Annotated[str, typer.Option(help="Prompt that pages must not be like.")] = "",
    seed: Annotated[int, typer.Option(help="Of the first page; each one has the next.")] = 0,
    intermediates_every: Annotated[int, typer.Option(help="Also write unfinished pages, each so many steps.")] = 0,
    model: Model = None,
) -> None:
    """Draw pages of music from words.

    scorehub generate page "a music score, instrumentation is violin, key is A major" --out page.png

    scorehub generate page --instrumentation piano --key "D minor" --count 4 --out pages.pdf
    """
    from scorehub.pipelines.text_to_score.page import to_pdf
    from scorehub.text_to_score import Sampling, draw_pages, load_pipeline, page_paths, save_png

    with one_line_errors():
        fields = {"composer": composer, "instrumentation": instrumentation, "key": key}
        words = _one_prompt(prompt, fields | {"piece_style": piece_style, "genre": genre})
        paths, is_pdf = page_paths(out, count), out.suffix.lower() == ".pdf"
        pipe = load_pipeline(model)
        sampling = Sampling(preset, steps, guidance, negative or None)
        pages, calls, begun = [], 0, time.monotonic()
        for number, path in enumerate(paths):
            pipe.set_progress_bar_config(desc=path.stem, leave=False, disable=None)
            made = draw_pages(pipe, words, [seed + number], sampling, intermediates_every)
            for n_kept, (unfinished,) in enumerate(made.intermediates, 1):
                unfinished.save(path.with_name(f"{path.stem}-step-{n_kept * intermediates_every}.png"))
            if not is_pdf:
                save_png(made.images[0], path, bitmap)
            pages += made.images
            calls += made.network_calls
        if is_pdf:
            out.write_bytes(to_pdf(pages))
        written = out if is_pdf or count == 1 else f"{paths[0]} to {paths[-1]}"
        typer.echo(f"wrote {written}, {calls} network calls, {time.monotonic() - begun:.1f} s")


@app.command("chorale")
def generate_chorale(
    out: Annotated[Path, typer.Option(help="File to write: .mid, .musicxml or .png.")],
    melody: Annotated[Path | None, typer.Option(help="MIDI file whose highest voice is harmonised.")] = None,
    network: Annotated[str, typer.Option(help="bachbot, tonicnet, coconet or music_transformer.")] = "tonicnet",
    bars: Annotated[int, typer.Option(help="Of four quarters, without a melody.")] = 8,
    temperature: Annotated[float, typer.Option(help="Below 1 it dares less.")] = 0.8,
    tempo: Annotated[float, typer.Option(help="Quarters a minute, of the melody and of what is written.")] = 80.0,
    seed: Seed = 0,
    model: Model = None,
) -> None:
    """Write a chorale in four parts, or three parts below a melody.

    scorehub generate chorale --melody tune.mid --network coconet --out chorale.musicxml
    """
    from scorehub.chorales import SUFFIXES, load_writer, read_melody, write_chorale
    from scorehub.pipelines.chorales.grids import MAX_STEPS, STEPS_PER_BAR

    with one_line_errors():
        if out.suffix not in SUFFIXES:
            raise ValueError(f"out must end in one of {', '.join(SUFFIXES)}, got {out.name}")
        if not 1 <= bars <= MAX_STEPS // STEPS_PER_BAR:
            raise ValueError(f"bars must be 1 to {MAX_STEPS // STEPS_PER_BAR}, got {bars}")
        given = None if melody is None else read_melody(melody, tempo)
        write = load_writer(network, model)
        (made,) = write(given, steps=STEPS_PER_BAR * bars, seed=seed, temperature=temperature, tempo=tempo)
        write_chorale(made["pitches"], out, tempo)
        typer.echo(f"wrote {out}, {len(made['pitches']) / STEPS_PER_BAR:g} bars")


def _check_steps(steps: int | None) -> None:
    """The pipeline would name its own argument, which is no option."""
    if steps is not None and steps < 1:
        raise ValueError(f"steps must be 1 or more, got {steps}")


def _one_prompt(prompt: str | None, fields: dict[str, str]) -> "Prompt":
    """A text or fields, whichever is given."""
    if (prompt is None) != any(fields.values()):
        given = "none" if prompt is None else "both"
        raise ValueError(f"prompt must be a text, or fields by options such as --key, got {given}")
    return fields if prompt is None else prompt


def _write(made: Any, out: Path) -> None:
    """Writes what `ScoreSDEPipeline.convert` made of one roll."""
    import numpy as np
    import soundfile

    from scorehub.pipelines.score_sde.roll_output import SAMPLE_RATE

    if out.suffix == ".mid":
        out.write_bytes(made)
    elif out.suffix == ".wav":
        soundfile.write(out, made, SAMPLE_RATE)
    elif out.suffix == ".png":
        made.save(out)
    else:
        np.save(out, made)


@contextmanager
def _progress() -> Iterator["Callback"]:
    """A bar of the way from noise to the roll, moved by the callback that it gives."""
    with tqdm(total=100, unit="%", disable=None, leave=False) as bar:

        def move(number: int, time: float, noisy: Any) -> None:
            bar.update(round(100 * (1 - time)) - bar.n)  # back to the beginning where a passage has several parts

        yield move
