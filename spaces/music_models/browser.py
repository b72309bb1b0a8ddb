"""What is in the page besides HTML: its style, and rows and marks that open their entries."""

from scorehub.spaces import markup

CSS = (
    markup.CSS
    + """
.catalogue { --here: #0f766e; --faint: color-mix(in srgb, var(--body-text-color) 5%, transparent); }
/* What is hidden by a box that could be scrolled can't stick to the window. */
.gradio-container { overflow: clip !important; }
.dark .catalogue { --here: #2dd4bf; }
.choices .switch { display: flex; align-items: end; padding-bottom: 1.2rem; min-width: 9.5rem !important;
  white-space: nowrap; }
.catalogue .title { align-items: baseline; }
.catalogue .nothing { padding: 2rem 0; color: var(--body-text-color-subdued); }
.catalogue .drawing { overflow-x: auto; }
.timeline { display: block; width: 100%; min-width: 720px; height: auto; font: 12px system-ui, sans-serif; }
.timeline text { fill: var(--body-text-color); dominant-baseline: central; }
.timeline .lane0 { --paper: color-mix(in srgb, var(--body-text-color) 5%, var(--background-fill-primary)); }
.timeline .lane1 { --paper: var(--background-fill-primary); }
.timeline rect { fill: var(--paper); }
.timeline .lane { font-weight: 600; }
.timeline text.year { font-size: 11px; text-anchor: middle; fill: var(--body-text-color-subdued);
  font-variant-numeric: tabular-nums; }
.timeline path.year { stroke: var(--border-color-primary); stroke-width: 1; }
.timeline .mark { cursor: pointer; }
.timeline .mark text { stroke: var(--paper); stroke-width: 3; paint-order: stroke; }
.timeline .mark path { fill: var(--background-fill-primary); stroke: var(--body-text-color-subdued);
  stroke-width: 1.5; }
.timeline .mark.works path, .legend path.works { fill: var(--here); stroke: var(--here); }
.timeline .mark.works text { fill: var(--here); }
.timeline .mark:hover text { text-decoration: underline; }
.timeline .mark.chosen path { stroke: var(--body-text-color); stroke-width: 3; }
.timeline .mark.chosen text { text-decoration: underline; text-underline-offset: 3px; }
.legend { display: flex; flex-wrap: wrap; gap: 0.2rem 1.2rem; margin: 0.5rem 0 1rem; font-size: 0.85rem;
  color: var(--body-text-color-subdued); }
.legend svg { display: inline-block; width: 0.9rem; height: 0.9rem; margin: 0 0.35rem 0.1rem 0; }
.legend path { fill: var(--background-fill-primary); stroke: var(--body-text-color-subdued); stroke-width: 1.5; }
.rows { width: 100%; border-collapse: collapse; border: 0 !important; margin: 0; }
.rows tr { border: 0 !important; }
.rows th, .rows td { padding: 0.45rem 0.8rem 0.45rem 0 !important; text-align: left; vertical-align: top;
  border: 0 !important; border-bottom: 1px solid var(--border-color-primary) !important; line-height: 1.35; }
.rows th { font-size: 0.85rem; font-weight: 600; color: var(--body-text-color-subdued); }
.rows td:first-child, .rows th:first-child { padding-left: 0.6rem !important; font-variant-numeric: tabular-nums; }
.rows tbody tr { cursor: pointer; }
.rows tbody tr:hover { background: var(--faint); }
.rows tr.chosen { background: color-mix(in srgb, var(--here) 12%, transparent);
  box-shadow: inset 3px 0 var(--here); }
.rows button { padding: 0; border: 0; background: none; font: inherit; font-weight: 600; text-align: left;
  color: inherit; }
.rows button:focus-visible { outline: 2px solid var(--here); outline-offset: 2px; }
.rows td[data-head=Work], .rows td[data-head=Dataset] { min-width: 11rem; }
.rows small, .entry small { display: block; font-size: 0.85rem; color: var(--body-text-color-subdued); }
.rows .works { color: var(--here); font-weight: 600; white-space: nowrap; }
.rows .works::before { content: '● '; }
.entry { align-self: flex-start; position: sticky; top: 0.5rem; max-height: calc(100vh - 1rem); overflow-y: auto;
  padding: 0.9rem 1.1rem; border: 1px solid var(--border-color-primary); border-radius: 8px;
  background: var(--block-background-fill); }
.entry:not(:has(.title)) { visibility: hidden; }
.entry .title b { font-size: 1.25rem; }
.entry p { margin: 0 0 0.6rem; line-height: 1.5; }
.entry .by { color: var(--body-text-color-subdued); }
.entry .here { padding-left: 0.8rem; border-left: 3px solid var(--border-color-primary); }
.entry .here.works { border-color: var(--here); }
.entry dl { display: grid; grid-template-columns: max-content 1fr; gap: 0.5rem 1rem; margin: 0.9rem 0 0; }
.entry dt { font-weight: 600; }
.entry dd { margin: 0; overflow-wrap: anywhere; }
.entry h4 { margin: 0.9rem 0 0; font-size: 1rem; }
.entry pre { margin: 0.5rem 0; padding: 0.5rem 0.7rem; border-radius: 6px; background: var(--faint);
  font-size: 0.8rem; line-height: 1.5; }
.entry pre code { padding: 0; border: 0; background: none; white-space: pre-wrap; overflow-wrap: anywhere; }
.entry pre code > span { display: block; min-height: 1.5em; padding-left: 2em; text-indent: -2em; }
.entry pre code > span > span { display: inline-block; text-indent: 0; }
.entry a { padding: 0 !important; }
@media (max-width: 900px) {
  .entry { position: static; max-height: none; }
}
@media (max-width: 640px) {
  .rows thead { display: none; }
  .rows tr { display: flex; flex-wrap: wrap; padding: 0.5rem 0 0.5rem 0.6rem;
    border-bottom: 1px solid var(--border-color-primary) !important; }
  .rows tr td { border: 0 !important; padding: 0.1rem 0.9rem 0.1rem 0 !important; font-size: 0.85rem; }
  .rows tr td[data-head=Work], .rows tr td[data-head=Dataset] { flex: 1 0 75%; font-size: 1rem; }
  .rows td:empty { display: none; }
  .rows td:first-child { padding-left: 0 !important; }
  .rows td:not([data-head=Work]):not([data-head=Dataset]) small { display: inline; margin-left: 0.3rem; }
}
"""
)

# A click on a row or a mark opens its entry, which on a narrow screen lies below all of them.
OPEN = """
element.addEventListener('click', (event) => {
  const one = event.target.closest('[data-id]');
  if (!one) return;
  for (const each of element.querySelectorAll('[data-id]')) {
    each.classList.toggle('chosen', each.dataset.id === one.dataset.id);
  }
  trigger('select', {id: one.dataset.id});
  if (matchMedia('(max-width: 900px)').matches) element.closest('.catalogue').querySelector('.entry').scrollIntoView();
});
"""
