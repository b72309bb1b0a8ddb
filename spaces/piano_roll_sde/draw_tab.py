"""The tab that draws rolls from noise."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import gradio as gr
import numpy as np
import torch

from scorehub.pipelines.score_sde.pipeline import ScoreSDEOutput, ScoreSDEPipeline
from scorehub.pipelines.score_sde.samplers import Callback
from scorehub.repair import roll_spec
from scorehub.rolls import RollSpec, make_roll, roll_to_notes
from scorehub.spaces import markup
from scorehub.spaces.jobs import QUIET, Updates
from scorehub.spaces.piano_roll_sde import browser, controls, show
from scorehub.spaces.piano_roll_sde.piece import to_player
from scorehub.spaces.piano_roll_sde.sampling import Job
from scorehub.spaces.starting import Buttons, seed_box, start_buttons, summary_line

MAX_ROLLS = 4
EMPTY = "Noise: press Draw to hear what is in it"


@dataclass(frozen=True)
class Card:
    """A roll to be seen, heard and taken home."""

    column: gr.Column
    picture: gr.HTML
    audio: gr.Audio
    midi: gr.DownloadButton

    def all(self) -> list[Any]:
        """What changes."""
        return [self.column, self.picture, self.audio, self.midi]


def draw_tab(pipe: ScoreSDEPipeline) -> None:
    """Fills the tab."""
    spec = roll_spec(pipe)
    with gr.Row():
        with gr.Column(scale=1, min_width=300):
            sampler, steps = controls.sampler_controls(chooses_steps=["ode"])
            with gr.Row():
                count = gr.Radio(
                    list(range(1, MAX_ROLLS + 1)), value=1, label="Rolls", min_width=180, elem_classes="count"
                )
                seed = seed_box()
            buttons = start_buttons("Draw")
        with gr.Column(scale=3, min_width=320), gr.Row():
            cards = [_card(visible=number == 0) for number in range(MAX_ROLLS)]
            noise = np.random.default_rng(0).normal(size=(1, *spec.shape)) * 0.6
            cards[0].picture.value = _picture(noise[0], spec, EMPTY)
    _draw_events(pipe, cards, [sampler, steps, count, seed], buttons)


def _draw_events(pipe: ScoreSDEPipeline, cards: list[Card], options: list[Any], buttons: Buttons) -> None:
    """Rolls are drawn.

    Args:
        options: Sampler, steps, number of rolls and the first one's seed.
    """
    spec = roll_spec(pipe)

    def draw(sampler: str, steps: int, count: int, seed: int | None) -> Iterator[Updates]:
        seeds = [int(seed or 0) + number for number in range(count)]
        yield buttons.running(markup.progress("Begun", 0)) | _clear(cards, count)
        job, begun = _job(pipe, sampler, steps, seeds), time.monotonic()
        try:
            for progress in job:
                line = controls.progress_line(progress, sampler, steps, in_parts=False)
                pictures = {
                    card.picture: _picture(roll, spec, f"Seed {own}", row=_row(count))
                    for card, roll, own in zip(cards, progress.rolls, seeds, strict=False)
                }
                yield {buttons.status: line, **pictures}
        except ValueError as error:
            yield buttons.idle(markup.reason(error))
            return
        line = summary_line(job.evaluations, time.monotonic() - begun)
        with TemporaryDirectory() as folder:
            yield buttons.idle(line) | _results(pipe, job.result.rolls, seeds, cards, Path(folder))

    _, _, count, seed = options
    next_seed = buttons.another.click(lambda seed, count: (seed or 0) + count, [seed, count], seed, **QUIET)
    outputs = [*buttons.all(), *(part for card in cards for part in card.all())]
    buttons.connect(draw, options, outputs, next_seed)


def _card(visible: bool) -> Card:
    with gr.Column(min_width=420, visible=visible, elem_classes="card") as column:
        picture = gr.HTML(js_on_load=browser.PLAY_ALONG)
        audio = gr.Audio(show_label=False, interactive=False, visible=False, buttons=["download"])
        midi = gr.DownloadButton("Download MIDI", size="md", visible=False)
    return Card(column, picture, audio, midi)


def _job(pipe: ScoreSDEPipeline, sampler: str, steps: int, seeds: list[int]) -> Job[ScoreSDEOutput]:
    def sample(callback: Callback) -> Any:
        return pipe(
            len(seeds),
            sampler=sampler,
            num_inference_steps=steps,
            generator=[torch.Generator().manual_seed(seed) for seed in seeds],
            callback=callback,
        )

    return Job(pipe, sample)


def _clear(cards: list[Card], count: int) -> Updates:
    """As many cards as are drawn, without what they had."""
    updates: Updates = {}
    for number, card in enumerate(cards):
        updates |= {card.column: gr.Column(visible=number < count)}
        updates |= {card.audio: gr.Audio(None, visible=False), card.midi: gr.DownloadButton(visible=False)}
    return updates


def _results(pipe: ScoreSDEPipeline, rolls: np.ndarray, seeds: list[int], cards: list[Card], folder: Path) -> Updates:
    """Pictures of what is heard, sound and MIDI files of rolls (B, C, P, T)."""
    updates: Updates = {}
    spec = roll_spec(pipe)
    exact = replace(spec, articulation=True, values="binary")
    sounds, files = (pipe.convert(rolls, output_type) for output_type in ("audio", "midi"))
    for card, roll, seed, audio, midi in zip(cards, rolls, seeds, sounds, files, strict=False):
        notes = roll_to_notes(roll, spec)
        path = folder / f"roll_{seed}.mid"
        path.write_bytes(midi)
        facts = show.count_notes(notes), f"{spec.seconds:g} s"
        updates[card.picture] = _picture(make_roll(notes, exact), spec, f"Seed {seed}", *facts, row=_row(len(rolls)))
        updates[card.audio] = gr.Audio(to_player(audio), visible=True)
        updates[card.midi] = gr.DownloadButton(value=str(path), visible=True)
    return updates


def _picture(roll: np.ndarray, spec: RollSpec, *facts: str, row: float = 8) -> str:
    frame = show.Frame(spec.lowest, spec.n_pitches, 0.0, spec.seconds)
    return markup.title(*facts) + show.roll_html(list(roll), frame, row=row)


def _row(count: int) -> float:
    """Height of a pitch in px."""
    return 8 if count == 1 else 5
