"""Pictures of a run of the score follower: the page with the place that it hears, what is heard, tempo, confidence.

As Figure 5 of the paper, but of whole pages: an estimate is orange, the truth, where it is known, blue.

    write_video(run, Path("run.mp4"))
    draw_run(run).save("run.png")
"""

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont
from tqdm import tqdm

from scorehub.following import Run
from scorehub.pipelines.score_following.follower import Position
from scorehub.pipelines.score_following.spectrogram import FRAMES_PER_SECOND, SAMPLE_RATE, LogSpectrogram

ESTIMATE, TRUTH, GREY = (234, 88, 12), (37, 99, 235), (120, 113, 108)
PAGE_HEIGHT, PANEL = 880, 200  # px
SECONDS = 8.0  # of the spectrogram that are seen
_FRAMES_A_SECOND = 10  # of the video: half of the follower's
_MARGIN = 12
Truth = Sequence[tuple[int, float, float]]  # page, x, y for each position


class Painter:
    """Draws the moments of a run.

    Args:
        truth: where the music really is at each position, if that is known.
    """

    def __init__(self, run: Run, truth: Truth | None = None):
        self.run, self.truth = run, truth
        with torch.no_grad():
            frames = LogSpectrogram()(torch.from_numpy(run.audio)[None])[0].numpy()
        self._spectrogram = (255 * (1 - np.clip(frames / max(1e-6, np.percentile(frames, 99.5)), 0, 1))).astype(
            np.uint8
        )
        widest = max(page.shape[1] * PAGE_HEIGHT / page.shape[0] for page in run.pages)
        self.size = (2 * -(-round(max(widest, 500) + 2 * _MARGIN) // 2), PAGE_HEIGHT + PANEL + 2 * _MARGIN)
        self._page = lru_cache(maxsize=2)(self._draw_page)

    def frame(self, number: int) -> Image.Image:
        """The moment of a position, RGB."""
        position = self.run.positions[number]
        shown = self._shown(position.time)
        picture = Image.new("RGB", self.size, "white")
        page, scale = self._page(shown)
        picture.paste(page, (_MARGIN, _MARGIN))
        pen = ImageDraw.Draw(picture)
        if self.truth and self.truth[number][0] == shown:
            self._cursor(pen, self.truth[number][1:], scale, TRUTH)
        if position.page == shown:
            self._cursor(pen, (position.x, position.y), scale, ESTIMATE)
        self._panel(picture, pen, position)
        return picture

    def _shown(self, time: float) -> int:
        """The page that has been turned to."""
        return ([0] + [turn.page for turn in self.run.turns if turn.time <= time])[-1]

    def _draw_page(self, number: int) -> tuple[Image.Image, float]:
        page = self.run.pages[number]
        scale = PAGE_HEIGHT / page.shape[0]
        size = max(1, round(page.shape[1] * scale)), PAGE_HEIGHT
        return Image.fromarray(page).resize(size, Image.Resampling.LANCZOS).convert("RGB"), scale

    def _cursor(
        self, pen: ImageDraw.ImageDraw, place: Sequence[float], scale: float, colour: tuple[int, int, int]
    ) -> None:
        x, y = (_MARGIN + value * scale for value in place)
        pen.rounded_rectangle((x - 3, y - 48, x + 3, y + 48), 3, fill=colour)

    def _panel(self, picture: Image.Image, pen: ImageDraw.ImageDraw, position: Position) -> None:
        """What has been heard, up to now at its right end, and numbers."""
        top, width = PAGE_HEIGHT + 2 * _MARGIN, self.size[0] - 2 * _MARGIN
        count = round(SECONDS * FRAMES_PER_SECOND)
        end = round(position.time * FRAMES_PER_SECOND)
        heard = self._spectrogram[::-1, max(0, end - count) : end]
        heard = np.pad(heard, ((0, 0), (count - heard.shape[1], 0)), constant_values=255)
        picture.paste(
            Image.fromarray(heard).resize((width, PANEL - 70), Image.Resampling.NEAREST), (_MARGIN, top + 30)
        )
        font = ImageFont.load_default(18)
        facts = (
            f"{position.time:6.1f} s    page {position.page + 1}    tempo {60 * position.tempo:.0f} quarters a minute"
        )
        pen.text((_MARGIN, top), facts, "black", font)
        pen.text((_MARGIN + width - 210, top), "sure", GREY, font)
        left, bar = _MARGIN + width - 160, 160
        pen.rectangle((left, top + 4, left + bar, top + 18), outline=GREY)
        pen.rectangle((left, top + 4, left + bar * min(1.0, position.confidence), top + 18), fill=ESTIMATE)


def draw_run(run: Run) -> Image.Image:
    """Score time as it was heard, over time, with confidence below and page turns as lines."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    times = [position.time for position in run.positions]
    figure, (above, below) = pyplot.subplots(2, 1, sharex=True, figsize=(10, 6), height_ratios=(3, 1), dpi=100)
    above.plot(times, [position.score_time for position in run.positions], color="#ea580c")
    for turn in run.turns:
        above.axvline(turn.time, color="#78716c", linestyle=":")
        above.text(turn.time, above.get_ylim()[1], f" page {turn.page + 1}", va="top", fontsize=8)
    above.set_ylabel("quarters of the score")
    below.fill_between(times, [position.confidence for position in run.positions], color="#ea580c", alpha=0.4)
    below.set(ylabel="confidence", xlabel="seconds", ylim=(0, 1))
    figure.tight_layout()
    figure.canvas.draw()
    picture = Image.fromarray(np.asarray(figure.canvas.buffer_rgba())).convert("RGB")  # type: ignore[attr-defined]
    pyplot.close(figure)
    return picture


def write_video(run: Run, path: Path, truth: Truth | None = None) -> None:
    """Writes an MP4 (H.264, AAC) of a run with its sound."""
    import av

    painter, every = Painter(run, truth), round(FRAMES_PER_SECOND / _FRAMES_A_SECOND)
    with av.open(path, "w") as file:
        video = file.add_stream("libx264", rate=_FRAMES_A_SECOND)
        video.width, video.height, video.pix_fmt = *painter.size, "yuv420p"
        sound = file.add_stream("aac", rate=SAMPLE_RATE, layout="mono")
        for number in tqdm(range(0, len(run.positions), every), desc="video", disable=None, leave=False):
            file.mux(video.encode(av.VideoFrame.from_image(painter.frame(number))))
        file.mux(video.encode())
        for start in range(0, len(run.audio), SAMPLE_RATE):
            samples = np.clip(run.audio[start : start + SAMPLE_RATE], -1, 1)[None]
            heard = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples), format="fltp", layout="mono")
            heard.sample_rate, heard.pts = SAMPLE_RATE, start
            file.mux(sound.encode(heard))
        file.mux(sound.encode())
