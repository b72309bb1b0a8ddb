"""How picture and recording are combined, as a visitor chooses it."""

from typing import NamedTuple

import gradio as gr

from scorehub.pipelines.music_transcription.decoding import UNWEIGHTED, WITHOUT_GRAPHS
from scorehub.pipelines.music_transcription.pipeline_music_transcription import MusicTranscriptionPipeline
from scorehub.spaces.jobs import QUIET


class Fusion(NamedTuple):
    """A way to combine them: its name, and what it does."""

    name: str
    what: str


FUSIONS = {
    "fuse_networks": Fusion(
        "Sign by sign, all options",
        "fuse_networks: at each place, what both sides hold possible is added up.",
    ),
    WITHOUT_GRAPHS: Fusion(
        "Sign by sign, the surer one",
        "fuse_aligned: where both have another sign the more probable one stays; what one lacks is taken over.",
    ),
    "minimum_bayes_risk": Fusion(
        "Line with fewest mistakes",
        "minimum_bayes_risk: of all lines that either side holds possible, the one in the middle.",
    ),
    "best_of_both": Fusion(
        "Line of the surer side",
        "best_of_both: what the picture says, or what the recording says, as it is.",
    ),
    "lightly_supervised_omr": Fusion(
        "Picture, recording as hint",
        "lightly_supervised_omr: of what the picture may say, what is nearest to the recording.",
    ),
    "lightly_supervised_a2s": Fusion(
        "Recording, picture as hint",
        "lightly_supervised_a2s: of what the recording may say, what is nearest to the picture.",
    ),
}


def fusion_controls(pipe: MusicTranscriptionPipeline) -> tuple[gr.Dropdown, gr.Slider]:
    """What there is to choose with a model, as its folder says at first; trust in the picture is in percent."""
    processor = pipe.processor
    possible = list(FUSIONS) if processor.language_model else [WITHOUT_GRAPHS]
    first = processor.decoding.fusion if processor.language_model else WITHOUT_GRAPHS
    names = [(FUSIONS[fusion].name, fusion) for fusion in possible]
    chosen = gr.Dropdown(names, value=first, label="What is chosen where they differ", info=FUSIONS[first].what)
    trust = gr.Slider(
        0,
        100,
        round(100 * processor.decoding.weight),
        step=5,
        label="Trust in the picture, %",
        interactive=first not in UNWEIGHTED,
    )

    def adapt(fusion: str) -> tuple[gr.Dropdown, gr.Slider]:
        return gr.Dropdown(info=FUSIONS[fusion].what), gr.Slider(interactive=fusion not in UNWEIGHTED)

    chosen.input(adapt, chosen, [chosen, trust], **QUIET)
    return chosen, trust
