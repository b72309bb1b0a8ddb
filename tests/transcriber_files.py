"""A small transcriber, and files to give it, of a staff and of a recording that differ in one note."""

import numpy as np
import soundfile
from PIL import Image
from small_transcriber import RATE, drawn_staff, played_tones, small_transcriber

TOKENS = ["clef-G2", "timeSignature-2/4", "note-C4_quarter", "note-E4_quarter", "barline", "note-G4_half", "barline"]
DIFFERENT = 3  # the sign that is seen as E4, maybe F4, and heard as F4, maybe E4
SEEN = [{token: 1.0} for token in TOKENS]
HEARD = [{token: 1.0} for token in TOKENS]
SEEN[DIFFERENT] = {"note-E4_quarter": 0.9, "note-F4_quarter": 0.1}
HEARD[DIFFERENT] = {"note-F4_quarter": 0.8, "note-E4_quarter": 0.2}


def write_transcriber(folder):
    """A model, and files to give it."""
    for part in small_transcriber(drawn_staff(), SEEN, played_tones(), HEARD):
        part.save_pretrained(folder / "model")
    staff, white = drawn_staff(), np.full((60, 512), 255, np.uint8)
    Image.fromarray(staff).save(folder / "staff.png")
    Image.fromarray(np.concatenate([staff, white, staff])).save(folder / "two.png")
    Image.fromarray(white).save(folder / "white.png")
    Image.new("1", (9000, 8000)).save(folder / "huge.png")
    (folder / "noise.png").write_bytes(np.random.default_rng(0).bytes(3000))
    (folder / "noise.wav").write_bytes(b"no sound")
    soundfile.write(folder / "tones.wav", played_tones(), RATE)
    soundfile.write(folder / "silent.wav", np.zeros(RATE), RATE)
    soundfile.write(folder / "long.wav", np.zeros(121 * 4000), 4000)
    return folder
