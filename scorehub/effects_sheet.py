"""Every distortion and photo effect on one sheet, each alone and strong enough to be seen, then the random chains.

scorehub distort staff.png --out effects.png
"""

import numpy as np
from PIL import Image

from scorehub import distortion, photo
from scorehub.contact_sheet import contact_sheet
from scorehub.warps import Grey

CHAINS_SHOWN = 3  # of each kind


def effects_sheet(image: Grey, seed: int = 0) -> Image.Image:
    """The sheet (RGB) for a picture (H, W); captions give the parameters.

    Raises:
        ValueError: the picture has another form, or is too small for an effect.
    """
    rng = np.random.default_rng(seed)
    corners = np.array([[0.02, 0.05], [0.0, 0.12], [0.03, 0.0], [0.01, 0.08]])
    cells = {
        "as engraved": image,
        "wave, amplitude 6, wavelength 400": distortion.wave(image, 6, 400),
        "implode 0.07": distortion.implode(image, 0.07),
        "swirl 3 degrees": distortion.swirl(image, 3),
        "shear 5 x 1.5 degrees": distortion.shear(image, 5, 1.5),
        "chop 40 columns, 6 rows at 200, 0": distortion.chop(image, 200, 0, 40, 6),
        "spread 2": distortion.spread(image, 2, rng),
        "shade from 60, elevation 100 degrees": distortion.shade(image, 60, 100),
        "motion blur, sigma 3, angle 6": distortion.motion_blur(image, 0, 3, 6),
        "noise, gaussian": distortion.noise(image, "gaussian", rng),
        "perspective": photo.perspective(image, corners, desk=120),
        "page curl": photo.curl(image, 0.06, desk=120),
        "paper": photo.paper(image, 0.2, rng),
        "uneven light": photo.uneven_light(image, 0.4, 20),
        "shadow": photo.shadow(image, 0.4, 0.6, 30, 0.1),
        "defocus, radius 1.5": photo.defocus(image, 1.5),
        "JPEG, quality 10": photo.jpeg(image, 10),
        "rotate 1 degree": distortion.rotate(image, 1),
    }
    for number in range(1, CHAINS_SHOWN + 1):
        cells[f"distort, draw {number}"] = distortion.distort(image, rng)
        cells[f"photograph, draw {number}"] = photo.photograph(image, rng)
    return contact_sheet(list(cells.values()), list(cells))
