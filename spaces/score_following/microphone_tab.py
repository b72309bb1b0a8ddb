"""The tab that follows what is played before a microphone."""

import base64
import time
from typing import Any

import gradio as gr
import numpy as np

from scorehub.pipelines.score_following.modeling_score_follower import ScoreFollowerModel
from scorehub.spaces.score_following import browser, messages
from scorehub.spaces.score_following.listening import Lead, Microphone
from scorehub.spaces.score_following.messages import Message
from scorehub.spaces.score_following.parts import HOUR, QUIET, Parts, in_words
from scorehub.spaces.score_following.piece import Piece

VISITORS = 4  # whose sound is heard at the same time
MAX_CHARACTERS = 4 * 2**20  # of sound at once
LISTEN = """<div class="listen"><p class="hint">Play from the first page on. What you play is followed, not kept.</p>
<button>Listen</button></div>"""


def microphone_tab() -> gr.HTML:
    """Fills the tab."""
    return gr.HTML({}, html_template=LISTEN, js_on_load=browser.LISTEN)


def connect_microphone(model: ScoreFollowerModel, parts: Parts, microphone: gr.HTML, lead: list[Any]) -> None:
    """What is played moves the cursor and turns the pages."""
    hearing = gr.State(None, time_to_live=HOUR)

    @in_words()
    def hear(
        event: gr.EventData, now: Microphone | None, opened: Piece, amount: float, unit: str
    ) -> tuple[Microphone, Message]:
        if now is None or event.first or now.piece is not opened:
            now = Microphone(model, opened, Lead(amount, unit))
        now.turn_at(Lead(amount, unit))
        now.hear(event.rate, decode(event.samples))
        # A message that is as the last one would not arrive.
        return now, messages.played(now) | {"sent": time.time()}

    inputs, outputs = [hearing, parts.piece, *lead], [hearing, microphone]
    heard = microphone.input(hear, inputs, outputs, trigger_mode="multiple", concurrency_limit=VISITORS, **QUIET)
    heard.failure(lambda: {"stop": True, "sent": time.time()}, None, microphone, **QUIET)


def decode(samples: str) -> np.ndarray:
    """16-bit samples (N,) as the browser sends them.

    Raises:
        ValueError: they are none.
    """
    if not isinstance(samples, str) or len(samples) > MAX_CHARACTERS:
        raise ValueError(f"samples must be up to {MAX_CHARACTERS} characters of base64, got others")
    data = base64.b64decode(samples, validate=True)
    if len(data) % 2:
        raise ValueError(f"samples must have 2 bytes each, got {len(data)} in all")
    return np.frombuffer(data, "<i2").astype(np.int16)
