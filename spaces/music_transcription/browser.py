"""What is in the page besides HTML: its style, cutting by dragging, signs that light up together and can be heard."""

from scorehub.spaces import markup

CSS = (
    markup.CSS
    + """
.result { --sure: #0f766e; --likely: #b45309; --unsure: #dc2626; --differs: #a21caf; }
.result [data-level=sure] { --level: var(--sure); }
.result [data-level=likely] { --level: var(--likely); }
.result [data-level=unsure] { --level: var(--unsure); }
.result [data-level=differs] { --level: var(--differs); }
.doubt { border-left: 5px solid #b45309; padding: 0.4rem 0.8rem; margin: 0 0 0.5rem; }
.strips { overflow-x: auto; background: white; border: 1px solid #d6d3d1; border-radius: 4px; }
.strips > div { width: clamp(var(--least), 100%, var(--most)); }
.strips figure { margin: 0; padding: 0.2rem 0 0.4rem; }
.strips figure + figure { border-top: 1px dashed #d6d3d1; }
.strips figcaption { position: sticky; left: 0.5rem; width: max-content; margin: 0; font-size: 0.8rem;
  color: #57534e; }
.strips .paper { position: relative; padding-bottom: 11px; }
.strips img { display: block; width: 100%; margin: 0; }
.strips img.spectrum { height: 96px; }
.strips svg { display: block; width: 100%; height: auto; }
/* Gradio gives a colour to whatever is in a text. */
.strips svg * { color: black; }
.strips .mark { position: absolute; inset-block: 0; cursor: pointer; }
.strips .mark::after { content: ''; position: absolute; left: var(--at); bottom: 1px; width: 8px; height: 8px;
  border-radius: 50%; transform: translateX(-50%); background: var(--level); }
.strips .mark::before { content: ''; position: absolute; left: var(--at); width: max(14px, 70%); inset-block: 0 11px;
  transform: translateX(-50%); border-radius: 4px; background: var(--level); opacity: 0; mix-blend-mode: multiply; }
.strips .mark[data-level=differs]::before, .strips .mark[data-level=unsure]::before { opacity: 0.22; }
.strips .mark.lit::before { opacity: 0.35; }
.strips .mark.lit::after { outline: 2px solid #1c1917; }
.strips svg [data-place] { cursor: pointer; pointer-events: bounding-box; }
.strips svg [data-level], .strips svg [data-level] * { color: var(--level); fill: var(--level); }
.strips svg .lit, .strips svg .lit * { color: #0284c7; fill: #0284c7; }
.pins { position: relative; height: 1.3rem; }
.pins b, .differences th b { display: inline-block; min-width: 1.2rem; height: 1.2rem; border-radius: 0.6rem;
  padding: 0 0.3rem; font: 700 0.75rem/1.2rem system-ui, sans-serif; text-align: center; color: white;
  background: #a21caf; }
.pins b { position: absolute; transform: translateX(-50%); cursor: pointer; }
.pins b.lit { outline: 2px solid #1c1917; }
.listen { display: flex; flex-wrap: wrap; gap: 0.3rem 1.2rem; margin: 0 0 0.5rem; }
.listen label { flex: 1 1 16rem; font-size: 0.85rem; color: var(--body-text-color-subdued); }
.listen audio { display: block; width: 100%; height: 2.5rem; }
.dark .listen audio { color-scheme: dark; }
.inspector { margin: 0.4rem 0; min-height: 3em; font-size: 1rem; }
.legend { display: flex; flex-wrap: wrap; gap: 0.2rem 1rem; margin: 0 0 0.8rem; font-size: 0.85rem;
  color: var(--body-text-color-subdued); }
.legend span::before { content: ''; display: inline-block; width: 0.7rem; height: 0.7rem; border-radius: 50%;
  margin-right: 0.35rem; background: var(--level); }
.differences { width: 100%; border-collapse: collapse; border: 0 !important; margin: 0 0 1rem; }
.differences th, .differences td { padding: 0.4rem 0.6rem 0.4rem 0 !important; text-align: left; vertical-align: top;
  border: 0 !important; border-bottom: 1px solid var(--border-color-primary) !important; }
.differences tr { border: 0 !important; }
.differences tr.lit { background: rgb(162 28 175 / 0.12); }
.differences small { color: var(--body-text-color-subdued); font-size: 0.85rem; }
.differences button { display: inline-block; margin: 0.2rem 0.4rem 0 0; padding: 0.1rem 0.5rem; border-radius: 6px;
  border: 1px solid var(--border-color-primary); background: var(--button-secondary-background-fill);
  font-size: 0.85rem; color: inherit; }
.differences td > span { display: block; }
.differences .by { font-size: 0.85rem; color: var(--body-text-color-subdued); }
.differences em { color: var(--body-text-color-subdued); }
.signs { list-style: none; margin: 0.3rem 0 0; padding: 0; }
.signs li { display: flex; gap: 0.5rem; margin: 0 0 0.35rem; }
.signs li > b { flex: 0 0 1.6rem; padding-top: 0.3rem; text-align: right; color: var(--body-text-color-subdued); }
.signs li > div { display: flex; flex-wrap: wrap; gap: 0.3rem; }
.chip { border: 1px solid var(--border-color-primary); border-bottom: 3px solid var(--level); border-radius: 5px;
  padding: 0.15rem 0.5rem; margin: 0; text-align: left; font-size: 0.9rem; font-weight: 400;
  background: var(--block-background-fill); color: var(--body-text-color); }
.chip small { display: block; font: 0.72rem ui-monospace, monospace; color: var(--body-text-color-subdued); }
.chip[data-level=differs], .chip[data-level=unsure] { background: color-mix(in srgb, var(--level) 16%, transparent); }
.chip.lit { outline: 2px solid #0284c7; }
.cutter { position: relative; cursor: crosshair; touch-action: none; user-select: none; margin: 0 auto;
  width: min(100%, 75vh * var(--ratio)); }
.cutter img { display: block; width: 100%; margin: 0; }
.cutter .frame { position: absolute; border: 2px solid #a21caf; box-shadow: 0 0 0 100vmax rgb(0 0 0 / 0.35);
  pointer-events: none; }
.cutter { overflow: hidden; }
@media (max-width: 640px) {
  .differences thead { display: none; }
  .differences tr { display: grid; grid-template-columns: 2rem 1fr; padding: 0.4rem 0;
    border-bottom: 1px solid var(--border-color-primary) !important; }
  .differences th, .differences td { border: 0 !important; padding: 0.1rem 0 !important; }
  .differences td { grid-column: 2; }
  .differences td[data-head]::before { content: attr(data-head) ': '; color: var(--body-text-color-subdued); }
  .differences td > .by { display: inline; margin-left: 0.3rem; }
}
"""
)

# Sounds are there when they are asked for; `value` is `{html, head, result, recording}`.
RESULT = """${value.head || ''}
<div class="listen">${value.result ? `<label>Result, ♩ = 120
<audio class="sound-result" controls src="${value.result.url}"></audio></label>` : ''}
${value.recording ? `<label>Recording
<audio class="sound-recording" controls src="${value.recording.url}"></audio></label>` : ''}</div>
${value.html || ''}"""

LINK = """
let isPointed = false, until = Infinity;
const all = (selector) => [...element.querySelectorAll(selector)];
const light = (places) => {
  for (const one of all('.lit')) one.classList.remove('lit');
  const chips = places.map((place) => element.querySelector(`.chip[data-place="${place}"]`)).filter(Boolean);
  for (const place of places) for (const one of all(`[data-place="${place}"]`)) one.classList.add('lit');
  for (const one of all('tr[data-place], .pins b')) {
    if (places.some((place) => one.dataset.place.split(' ').includes(place))) one.classList.add('lit');
  }
  if (chips.length) element.querySelector('.inspector').textContent = chips.map((one) => one.dataset.tip).join(' · ');
};
// Strips are wider than a telephone: what is meant comes to their middle, unless it is well in sight.
const reveal = (mark) => {
  const strips = element.querySelector('.strips');
  if (!strips || !mark) return;
  const box = strips.getBoundingClientRect(), at = mark.getBoundingClientRect();
  const middle = (at.left + at.right) / 2 - box.left;
  if (middle < 0.1 * box.width || middle > 0.9 * box.width) strips.scrollLeft += middle - box.width / 2;
};
const markOf = (place) => element.querySelector(`.mark[data-place="${place}"]`);
const hear = (name, from, length) => {
  for (const sound of all('audio')) sound.pause();
  const sound = element.querySelector(`.sound-${name}`);
  if (!sound) return;
  sound.currentTime = Math.max(0, from);
  until = from + length;
  sound.play();
};
const sign = (event) => event.target.closest && event.target.closest('[data-place]');
const point = (event) => {
  const one = sign(event);
  isPointed = Boolean(one);
  if (!one) return;
  light(one.dataset.place.split(' '));
  if (!one.closest('.strips')) reveal(markOf(one.dataset.place.split(' ')[0]));
};
element.addEventListener('pointerover', point);
element.addEventListener('focusin', point);
element.addEventListener('pointerleave', () => { isPointed = false; });
element.addEventListener('click', (event) => {
  const button = event.target.closest('[data-hear]');
  if (button) return hear(button.dataset.hear, +button.dataset.from - 0.3, 2.3);
  const one = sign(event);
  const chip = one && element.querySelector(`.chip[data-place="${one.dataset.place.split(' ')[0]}"]`);
  if (chip && chip.dataset.onset) hear('result', +chip.dataset.onset, 1.5);
});
// What sounds is lit, unless something is pointed at.
const follow = () => {
  const sound = all('audio').find((one) => !one.paused);
  if (!sound) return;
  if (sound.currentTime >= until) sound.pause();
  const name = sound.className === 'sound-result' ? 'onset' : 'time';
  const last = all(`.chip[data-${name}]`).findLast((chip) => +chip.dataset[name] <= sound.currentTime + 0.02);
  if (!last || isPointed) return;
  light([last.dataset.place]);
  reveal(markOf(last.dataset.place));
};
const paint = () => {
  if (!element.isConnected) return;
  follow();
  requestAnimationFrame(paint);
};
paint();
// A new result shows its first difference.
const revealFirst = () => requestAnimationFrame(() => reveal(element.querySelector('.pins b')));
revealFirst();
watch('value', revealFirst);
// Who plays a sound by its own button hears it to the end.
element.addEventListener('pointerdown', (event) => {
  if (event.target.tagName === 'AUDIO') until = Infinity;
});
"""

# A drag over the picture cuts it out; shares of its sides.
CUT = """
let from = null, frame = null;
const share = (event) => {
  const box = element.querySelector('.cutter').getBoundingClientRect();
  return [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height]
    .map((one) => Math.min(1, Math.max(0, one)));
};
element.addEventListener('pointerdown', (event) => {
  const cutter = event.target.closest('.cutter');
  if (!cutter) return;
  cutter.setPointerCapture(event.pointerId);
  frame = cutter.querySelector('.frame');
  from = share(event);
});
element.addEventListener('pointermove', (event) => {
  if (!from) return;
  const to = share(event);
  frame.hidden = false;
  ['left', 'top'].forEach((side, axis) => { frame.style[side] = 100 * Math.min(from[axis], to[axis]) + '%'; });
  ['width', 'height'].forEach((size, axis) => { frame.style[size] = 100 * Math.abs(from[axis] - to[axis]) + '%'; });
});
element.addEventListener('pointerup', (event) => {
  if (from) trigger('select', {corners: [...from, ...share(event)]});
  from = null;
});
element.addEventListener('pointercancel', () => { from = null; });
"""

# Browsers free a microphone's sound of what they take for noise and echo, which music often is.
PLAIN_MICROPHONE = """() => {
  const media = navigator.mediaDevices;
  if (!media) return;
  const ask = media.getUserMedia.bind(media);
  const plain = {echoCancellation: false, noiseSuppression: false, autoGainControl: false};
  media.getUserMedia = (wanted) => ask(wanted && wanted.audio
    ? {...wanted, audio: {...(wanted.audio === true ? {} : wanted.audio), ...plain}} : wanted);
}"""
