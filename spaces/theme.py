"""How all Spaces look."""

import gradio as gr

# Themes take their fonts from a font server unless told otherwise.
THEME = gr.themes.Default(
    primary_hue="teal",
    neutral_hue="stone",
    font=["system-ui", "sans-serif"],
    font_mono=["ui-monospace", "monospace"],
).set(
    color_accent="*primary_600",
    # Paler ones of the theme are hard to read on white.
    button_primary_background_fill="*primary_700",
    button_primary_background_fill_hover="*primary_800",
    body_text_color_subdued="*neutral_600",
    block_info_text_color="*neutral_600",
)
