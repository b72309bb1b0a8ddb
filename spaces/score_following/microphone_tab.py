"""The tab that follows what is played before a microphone."""

import base64
import time
from typing import Any

import gradio as gr
import numpy as np

from scorehub.pipelines.score_following.modeling_score_follower import ScoreFollowerModel
from scorehub.spaces.jobs import HOUR, QUIET, still_kept
from scorehub.spaces.score_following import messages
from scorehub.spaces.score_following.listening import Lead, Microphone
from scorehub.spaces.score_following.messages import Message
from scorehub.spaces.score_following.parts import OPENED, Parts, in_words
from scorehub.spaces.score_following.piece import Piece

VISITORS = 4  # whose sound is heard at the same time
MAX_CHARACTERS = 4 * 2**20  # of sound at once
_LISTEN = """<div class="listen"><p class="hint">Play from the first page on. What you play is followed, not kept.</p>
<button>Listen</button></div>"""

# Gradio's own recorder drops sound when a server is slow, and has it freed of "noise", which music is to a telephone.
# Sound is sent when the answer to what was sent before has come.
_RECORD = """
const button = element.querySelector('button');
let context = null, stream = null, heard = [], isFirst = true, isBusy = false;
const stop = () => {
  if (stream) stream.getTracks().forEach((track) => track.stop());
  if (context) context.close();
  context = stream = null;
  isBusy = false;
  button.textContent = 'Listen';
};
const send = () => {
  const count = heard.reduce((sum, part) => sum + part.length, 0);
  if (isBusy || !context || count < 0.2 * context.sampleRate) return;
  const clipped = (value) => 32767 * Math.max(-1, Math.min(1, value));
  const samples = Int16Array.from(heard.flatMap((part) => [...part]), clipped);
  let bytes = '';
  for (const byte of new Uint8Array(samples.buffer)) bytes += String.fromCharCode(byte);
  isBusy = true;
  trigger('input', {rate: context.sampleRate, samples: btoa(bytes), first: isFirst});
  heard = [];
  isFirst = false;
};
const listen = async () => {
  try {
    const audio = {echoCancellation: false, noiseSuppression: false, autoGainControl: false};
    stream = await navigator.mediaDevices.getUserMedia({audio});
  } catch (error) {
    element.querySelector('.hint').textContent = `The microphone can't be used: ${error.message}`;
    return;
  }
  heard = [];
  isFirst = true;
  context = new AudioContext();
  const recorder = context.createScriptProcessor(4096, 1, 1);
  recorder.onaudioprocess = (event) => {
    if (!element.isConnected) return stop();
    heard.push(event.inputBuffer.getChannelData(0).slice());
    send();
  };
  context.createMediaStreamSource(stream).connect(recorder);
  recorder.connect(context.destination);
  button.textContent = 'Stop listening';
};
button.addEventListener('click', () => context ? stop() : listen());
watch('value', () => {
  isBusy = false;
  if (props.value.stop) return stop();
  if (context) window.dispatchEvent(new CustomEvent('stand-news', {detail: props.value}));
  send();
});
"""


def microphone_tab() -> gr.HTML:
    """Fills the tab."""
    return gr.HTML({}, html_template=_LISTEN, js_on_load=_RECORD)


def connect_microphone(model: ScoreFollowerModel, parts: Parts, microphone: gr.HTML, lead: list[Any]) -> None:
    """What is played moves the cursor and turns the pages."""
    hearing = gr.State(None, time_to_live=HOUR)

    @in_words()
    def hear(
        event: gr.EventData, now: Microphone | None, opened: Piece | None, amount: float, unit: str
    ) -> tuple[Microphone, Message]:
        # What is being followed goes on where its pages have been opened too long ago to be kept.
        if now is None or event.first or now.piece is not (opened or now.piece):
            now = Microphone(model, still_kept(opened, OPENED), Lead(amount, unit))
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
