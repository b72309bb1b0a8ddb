"""What is in the page besides HTML: its style, notes that light up as they sound, places that can be heard."""

from scorehub.spaces import markup

CSS = (
    markup.CSS
    + """
.sheet { background: white; border: 1px solid #d6d3d1; border-radius: 4px; overflow-x: auto; }
.sheet svg { display: block; width: 100%; height: auto; }
/* Gradio gives a colour to whatever is in a text. */
.sheet svg * { color: black; }
.sheet.empty { display: flex; align-items: center; justify-content: center; height: 16rem; border-style: dashed;
  color: #57534e; }
.written > svg { min-width: 680px; }
.written [data-on] { cursor: pointer; pointer-events: bounding-box; }
.written [data-faults], .written [data-faults] * { color: #dc2626; fill: #dc2626; }
.written .lit, .written .lit * { color: #0284c7; fill: #0284c7; }
.written .pointed, .written .pointed * { color: #a21caf; fill: #a21caf; }
.listen audio { display: block; width: 100%; height: 2.5rem; margin: 0 0 0.4rem; }
.dark .listen audio { color-scheme: dark; }
.growing { margin: 0 0 0.8rem; --soprano: #0f766e; --alto: #b45309; --tenor: #7c3aed; --bass: #1d4ed8; }
.growing svg { display: block; width: 100%; height: 18rem; background: white; border: 1px solid #d6d3d1;
  border-radius: 4px; }
.growing path { stroke: rgb(0 0 0 / 0.13); stroke-width: 1px; vector-effect: non-scaling-stroke; }
.growing .soprano { fill: var(--soprano); --voice: var(--soprano); }
.growing .alto { fill: var(--alto); --voice: var(--alto); }
.growing .tenor { fill: var(--tenor); --voice: var(--tenor); }
.growing .bass { fill: var(--bass); --voice: var(--bass); }
.growing figcaption { display: flex; gap: 1rem; margin-top: 0.3rem; font-size: 0.85rem;
  color: var(--body-text-color-subdued); }
.growing span::before { content: ''; display: inline-block; width: 1rem; height: 0.4rem; margin-right: 0.35rem;
  vertical-align: middle; background: var(--voice); }
.findings { width: 100%; border-collapse: collapse; border: 0 !important; margin: 0.8rem 0 0.3rem; }
.findings tr { border: 0 !important; }
.findings th, .findings td { padding: 0.35rem 0.8rem 0.35rem 0 !important; text-align: left; vertical-align: top;
  border: 0 !important; border-bottom: 1px solid var(--border-color-primary) !important; }
.findings td:nth-child(2), .findings td:nth-child(3) { white-space: nowrap; font-variant-numeric: tabular-nums; }
.findings td:last-child { width: 60%; }
.findings button { margin: 0 0.3rem 0.3rem 0; padding: 0.1rem 0.5rem;
  border-radius: 6px; font-size: 0.85rem; font-weight: 400;
  border: 1px solid var(--border-color-primary); background: var(--button-secondary-background-fill); color: inherit; }
.findings small { color: var(--body-text-color-subdued); }
@media (max-width: 640px) {
  .findings tr { display: grid; grid-template-columns: 1fr 4rem 4rem; }
  .findings td, .findings th { border: 0 !important; }
  .findings td:last-child { grid-column: 1 / -1; width: auto; }
  .findings th:last-child { display: none; }
  .findings tr { border-bottom: 1px solid var(--border-color-primary) !important; }
}
"""
)

# The sound is there when it is asked for; `value` is `{head, sound, html}`.
RESULT = """${value.head || ''}
<div class="listen">${value.sound ? `<audio controls src="${value.sound.url}"></audio>` : ''}</div>
${value.html || ''}"""

PLAY_ALONG = """
const sound = () => element.querySelector('audio');
const mark = (name, isMarked) => {
  const notes = element.querySelectorAll('.written [data-on]');
  for (const note of notes) note.classList.toggle(name, isMarked(note.dataset));
};
const paint = () => {
  if (!element.isConnected) return;
  const audio = sound(), now = audio ? audio.currentTime : 0;
  if (audio) mark('lit', (note) => !audio.paused && note.on <= now && now < note.off);
  requestAnimationFrame(paint);
};
paint();
element.addEventListener('click', (event) => {
  const from = event.target.closest('[data-on]');
  if (!from || !sound()) return;
  sound().currentTime = +from.dataset.on;
  sound().play();
});
// A place that is pointed at shows its notes.
const point = (event) => {
  const place = event.target.closest('button[data-faults]');
  mark('pointed', (note) => Boolean(place) && (note.faults || '').split(' ').includes(place.dataset.faults));
};
element.addEventListener('pointerover', point);
element.addEventListener('focusin', point);
element.addEventListener('pointerleave', () => mark('pointed', () => false));
"""
