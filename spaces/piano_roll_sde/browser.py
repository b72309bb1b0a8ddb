"""What is in the page besides HTML: its style, passages marked by dragging, a line that goes with what is heard."""

from scorehub.spaces import markup

CSS = (
    markup.CSS
    + """
.roll { margin: 0; display: grid; grid-template-columns: 2.6rem 1fr; }
.roll .keys, .roll .paper { position: relative; height: calc(var(--rows) * var(--row)); overflow: hidden;
  border: 1px solid #a8a29e; }
.roll .keys { border-right: 0; background: white; }
.roll svg, .roll img { position: absolute; inset: 0; width: 100%; height: 100%; margin: 0; display: block; }
.roll img { image-rendering: pixelated; }
.roll path { fill: none; stroke-width: 1px; vector-effect: non-scaling-stroke; }
.roll .keys span { position: absolute; right: 2px; font: 600 10px/10px system-ui, sans-serif; color: #292524; }
.roll .ruler { grid-column: 2; position: relative; height: 1.3rem; font-size: 0.8rem; overflow: hidden;
  color: var(--body-text-color-subdued); font-variant-numeric: tabular-nums; }
.roll .ruler span { position: absolute; padding-left: 3px; border-left: 1px solid #a8a29e; }
@media (max-width: 640px) { .roll .ruler span:nth-child(even) { font-size: 0; } }
.roll .passage { position: absolute; top: 0; bottom: 0; background: rgb(245 158 11 / 0.22);
  border: solid #b45309; border-width: 0 2px; pointer-events: none; }
.roll .frame { position: absolute; top: 0; bottom: 0; border: 2px solid #57534e; pointer-events: none; }
.roll .playhead { position: absolute; top: 0; bottom: 0; width: 2px; background: #dc2626; pointer-events: none; }
.roll.strip { margin-bottom: 0.5rem; }
.roll.strip .keys { visibility: hidden; }
.markable .paper { cursor: crosshair; touch-action: pan-y; user-select: none; }
"""
)

# A drag over a roll marks a passage, a click moves the one that is marked to begin there.
_MARK = """
let from = null, band = null, paper = null;
const second = (event) => {
  const box = paper.getBoundingClientRect(), begin = +paper.dataset.begin, end = +paper.dataset.end;
  return begin + Math.min(1, Math.max(0, (event.clientX - box.left) / box.width)) * (end - begin);
};
const forget = () => { if (band) band.remove(); from = band = null; };
element.addEventListener('pointerdown', (event) => {
  paper = event.target.closest('.paper');
  if (!paper) return;
  paper.setPointerCapture(event.pointerId);
  from = second(event);
});
element.addEventListener('pointermove', (event) => {
  if (from === null) return;
  band = band || paper.appendChild(Object.assign(document.createElement('div'), {className: 'passage'}));
  const begin = +paper.dataset.begin, length = +paper.dataset.end - begin, to = second(event);
  band.style.left = 100 * (Math.min(from, to) - begin) / length + '%';
  band.style.width = 100 * Math.abs(to - from) / length + '%';
});
element.addEventListener('pointerup', (event) => {
  if (from === null) return;
  const to = second(event);
  trigger('select', {start: Math.min(from, to), end: Math.max(from, to)});
  forget();
});
element.addEventListener('pointercancel', forget);
"""

# The player of the card that a roll is in keeps its audio element in a shadow tree.
PLAY_ALONG = """
setInterval(() => {
  const paper = element.querySelector('.roll:not(.strip) .paper'), card = element.closest('.card');
  const host = paper && card && [...card.querySelectorAll('div')].find((part) => part.shadowRoot);
  const audio = host && host.shadowRoot.querySelector('audio');
  if (!audio) return;
  let line = paper.querySelector('.playhead');
  line = line || paper.appendChild(Object.assign(document.createElement('div'), {className: 'playhead'}));
  line.hidden = audio.ended || !audio.currentTime;
  line.style.left = 100 * audio.currentTime / (paper.dataset.end - paper.dataset.begin) + '%';
}, 40);
"""
MARK_AND_PLAY_ALONG = _MARK + PLAY_ALONG
