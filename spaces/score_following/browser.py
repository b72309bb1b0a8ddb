"""What is in the page: a music stand with a page, a cursor on it and a bar below, its style and what moves it.

The stand's value is `messages.open_piece`; what comes while it is open goes through a component without a face.
"""

from scorehub.spaces import markup

CSS = (
    markup.CSS
    + """
.stand { margin: 0; outline: none; --room: 10.5rem; }
.stand .sheet { position: relative; background: white; margin: 0 auto; overflow: hidden; cursor: pointer;
  width: min(100%, calc((100dvh - var(--room)) * var(--ratio, 0.75))); aspect-ratio: var(--ratio, 0.75);
  border: 1px solid #d6d3d1; box-shadow: 0 1px 6px rgb(0 0 0 / 0.15); -webkit-tap-highlight-color: transparent; }
.stand .sheet img { position: absolute; inset: 0; width: 100%; height: 100%; margin: 0; visibility: hidden; }
.stand .sheet img.shown { visibility: visible; }
/* Ink stays black under it, as under a text marker. */
.stand .cursor { position: absolute; width: max(7px, 1.1%); transform: translate(-50%, -50%); border-radius: 4px;
  mix-blend-mode: multiply; pointer-events: none;
  background: color-mix(in srgb, #fb7a1e calc(100% * var(--sure)), #c9c5c1); }
.stand .cursor.elsewhere { top: 50% !important; height: 100% !important; opacity: 0.6; }
.stand .bar { display: flex; flex-wrap: wrap; align-items: center; gap: 0.4rem 0.8rem; padding: 0.5rem 0.2rem;
  max-width: 62rem; margin: 0 auto; font-variant-numeric: tabular-nums; color: var(--body-text-color); }
.stand button { min-width: 2.75rem; height: 2.75rem; border: 1px solid var(--border-color-primary); line-height: 1;
  border-radius: 6px; margin: 0; padding: 0; background: var(--button-secondary-background-fill); color: inherit; }
.stand button:disabled { opacity: 0.35; }
.stand button svg { width: 1.25rem; height: 1.25rem; margin: auto; fill: #44403c; display: block; }
.dark .stand button svg { fill: #e7e5e4; }
.stand button.play svg, .stand:fullscreen button.play svg { fill: white; }
.stand button .to-pause, .stand button.playing .to-play { display: none; }
.stand button.playing .to-pause { display: block; }
.stand button.play { background: #0f766e; color: white; border-color: transparent; }
.stand button.play:disabled { background: #a8a29e; }
.stand .seek { flex: 1 1 7rem; min-width: 6rem; accent-color: #0f766e; }
.stand .pager { display: flex; align-items: center; gap: 0.35rem; white-space: nowrap; }
.stand .number::before { content: 'Page '; }
.stand .facts { display: flex; align-items: center; gap: 0.6rem; font-size: 0.9rem; min-width: 11rem;
  color: var(--body-text-color-subdued); white-space: nowrap; }
.stand .facts i { display: inline-block; width: 3.5rem; height: 0.5rem; border-radius: 3px; overflow: hidden;
  background: var(--border-color-primary); }
.stand .facts i b { display: block; height: 100%; background: #fb7a1e; }
.stand:fullscreen { background: #f5f5f4; color: #1c1917; padding: 0.4rem; --room: 4.6rem; }
.stand:fullscreen .bar { color: #1c1917; }
.listen button { width: 100%; padding: 0.5rem; border-radius: 6px; color: white; font-weight: 600;
  background: #0f766e; }
@media (max-width: 640px) {
  .desk { flex-direction: column-reverse !important; }
  .stand { --room: 13rem; }
  .stand button { min-width: 2.6rem; height: 2.6rem; }
  .stand .number::before { content: none; }
  .stand .facts { min-width: 0; flex: 1; }
  .stand .sure { font-size: 0; }
}
"""
)


def _icon(path: str, name: str = "") -> str:
    """A drawing on 24 x 24, as fonts lack or colour such characters."""
    return f'<svg viewBox="0 0 24 24" class="{name}" aria-hidden="true"><path d="{path}"/></svg>'


STAND = f"""<section class="stand" tabindex="0" aria-label="Music stand">
<div class="sheet"><div class="cursor" hidden></div></div>
<div class="bar">
<button class="play" aria-label="Play" disabled>
{_icon("M7 4v16l13-8z", "to-play")}{_icon("M6 4h4v16H6zM14 4h4v16h-4z", "to-pause")}</button>
<input class="seek" type="range" min="0" max="1" step="0.05" value="0" aria-label="Time" disabled>
<span class="clock"></span>
<span class="pager"><button class="back" aria-label="Previous page">{_icon("M16 4v16L5 12z")}</button>
<span class="number"></span><button class="on" aria-label="Next page">{_icon("M8 4v16l11-8z")}</button></span>
<span class="facts"><span class="tempo"></span><span class="sure" title="How sure the follower is" hidden>sure
<i><b></b></i></span></span>
<button class="full" aria-label="Full screen" title="Full screen">
{_icon("M4 4h6v2H6v4H4zM14 4h6v6h-2V6h-4zM4 14h2v4h4v2H4zM18 14h2v6h-6v-2h4z")}</button>
</div><audio preload="auto" hidden></audio></section>"""

# A new value opens another piece, or the same one with what was heard.
MOVE = """
const find = (name) => element.querySelector(name);
const stand = find('.stand'), sheet = find('.sheet'), cursor = find('.cursor'), sound = find('audio');
const play = find('.play'), seek = find('.seek');
let piece = {pages: [], places: [], turns: []}, page = 0, turn = -1, isLive = false, drawn = null;

const clock = (seconds) => `${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, '0')}`;
const showPage = (number) => {
  page = Math.min(Math.max(number, 0), piece.pages.length - 1);
  sheet.dataset.page = page + 1;
  sheet.style.setProperty('--ratio', piece.pages[page].ratio);
  sheet.querySelectorAll('img').forEach((image, index) => image.classList.toggle('shown', index === page));
  find('.number').textContent = `${page + 1} of ${piece.pages.length}`;
  find('.back').disabled = page === 0;
  find('.on').disabled = page === piece.pages.length - 1;
  drawn = null;
};
const showPlace = (place) => {
  cursor.hidden = find('.sure').hidden = !place;
  find('.tempo').textContent = place ? `♩ = ${place[4]}` : '';
  if (!place) return;
  const [onPage, x, y, half, , sure] = place;
  cursor.classList.toggle('elsewhere', onPage !== page);
  cursor.style.left = onPage === page ? 100 * x + '%' : onPage < page ? '0%' : '100%';
  cursor.style.top = 100 * y + '%';
  cursor.style.height = 200 * half + '%';
  cursor.style.setProperty('--sure', 0.25 + 0.75 * sure);
  find('.facts b').style.width = 100 * sure + '%';
};
// The newest place that was known by then; the first one is known after a step.
const newest = (time) => Math.min(Math.floor(time / piece.step + 0.01), piece.places.length) - 1;
const follow = () => {
  const index = newest(sound.currentTime);
  const last = piece.turns.findLastIndex((one) => one[0] <= sound.currentTime);
  if (last !== turn) {
    turn = last;
    showPage(turn < 0 ? 0 : piece.turns[turn][1]);
  }
  if (index === drawn) return;
  drawn = index;
  showPlace(piece.places[Math.max(0, index)]);
  const length = piece.places.length * piece.step;
  find('.clock').textContent = `${clock(sound.currentTime)} / ${clock(length)}`;
  if (document.activeElement !== seek || !sound.paused) seek.value = sound.currentTime;
};
const open = () => {
  piece = JSON.parse(props.value.content);
  isLive = false;
  turn = -1;
  sound.pause();
  sheet.querySelectorAll('img').forEach((image) => image.remove());
  for (const one of piece.pages) sheet.insertBefore(Object.assign(new Image(), {src: one.source, alt: ''}), cursor);
  const isHeard = piece.places.length > 0;
  if (isHeard) sound.src = props.value.sound.url;
  else sound.removeAttribute('src');
  play.disabled = seek.disabled = !isHeard;
  seek.max = piece.places.length * piece.step;
  seek.value = 0;
  find('.clock').textContent = '';
  showPlace(null);
  showPage(0);
};
const goTo = (time) => {
  isLive = false;
  sound.currentTime = time;
  turn = null;
  drawn = null;
};
const playOrPause = () => {
  if (!piece.places.length) return;
  if (isLive) goTo(sound.currentTime);
  sound.paused ? sound.play() : sound.pause();
};
const paint = () => {
  if (!element.isConnected) return;
  if (piece.places.length && !isLive) follow();
  requestAnimationFrame(paint);
};

open();
watch('value', open);
paint();
const hear = (event) => {
  const news = event.detail;
  if (!element.isConnected) return window.removeEventListener('stand-news', hear);
  if (news.turns) {
    piece.turns = news.turns;
    turn = null;
  }
  if (!news.place) return;
  isLive = true;
  sound.pause();
  if (news.shown !== page) showPage(news.shown);
  showPlace(news.place);
};
window.addEventListener('stand-news', hear);
for (const kind of ['play', 'pause', 'ended']) {
  sound.addEventListener(kind, () => {
    play.classList.toggle('playing', !sound.paused);
    play.setAttribute('aria-label', sound.paused ? 'Play' : 'Pause');
  });
}
play.addEventListener('click', playOrPause);
seek.addEventListener('input', () => goTo(+seek.value));
find('.back').addEventListener('click', () => showPage(page - 1));
find('.on').addEventListener('click', () => showPage(page + 1));
find('.full').addEventListener('click', () => {
  document.fullscreenElement ? document.exitFullscreen() : stand.requestFullscreen();
  stand.focus();
});
// To the time at which the music was nearest; a system's height counts more than a way along it.
sheet.addEventListener('click', (event) => {
  const box = sheet.getBoundingClientRect();
  const x = (event.clientX - box.left) / box.width, y = (event.clientY - box.top) / box.height;
  let best = -1, least = Infinity;
  piece.places.forEach((place, index) => {
    const far = Math.abs(place[1] - x) * piece.pages[page].ratio + 4 * Math.abs(place[2] - y);
    if (place[0] === page && far < least) [best, least] = [index, far];
  });
  if (best >= 0) goTo((best + 1) * piece.step);
});
// Also what pedals for page turning send.
const KEYS = {' ': playOrPause, ArrowRight: () => showPage(page + 1), PageDown: () => showPage(page + 1),
  ArrowLeft: () => showPage(page - 1), PageUp: () => showPage(page - 1)};
stand.addEventListener('keydown', (event) => {
  if (!KEYS[event.key] || event.target.closest(event.key === ' ' ? 'button, input' : 'input')) return;
  event.preventDefault();
  KEYS[event.key]();
});
"""

NEWS = "watch('value', () => window.dispatchEvent(new CustomEvent('stand-news', {detail: props.value})));"
