"""Chorale melodies to try, all in the public domain, as Plaine & Easie.

Source: as Bach has them in BWV 302, 386 (a tone lower, its rests left to the notes before), 140 (likewise) and 153;
Old Hundredth as in the Genevan Psalter. Repeats stand where they are printed, and are not played.
"""

from typing import NamedTuple


class Tune(NamedTuple):
    """A melody: its title with author and year, and its notation."""

    title: str
    notation: str


TUNES = {
    "ein_feste_burg": Tune(
        "Ein feste Burg (Luther, 1529)",
        "@clef:G-2\n@keysig:xFC\n@timesig:c\n@data:4''D/DD{8'AB}4''C/{8DC}4'B(A)''D/C'BAB/{8GF}4E(D)://D/ABAxG/2(A)4DA/"
        "B''C(D)C/{8DC}4'B(A)B/BA{8BA}4G/(F)''DC'B/A{8BA}4GF/2E4(D)//",
    ),
    "nun_danket": Tune(
        "Nun danket alle Gott (Crüger, 1647)",
        "@clef:G-2\n@keysig:xF\n@timesig:c\n@data:4''D/DDEE/2.(D)4'B/''C'BA{8B''C}/2'A4(G)://A/AABB/2.(A)4A/"
        "{8B''xC}4DDC/2.(D)4D/EDC'B/2.''(C)4'B/A{8B''C}4.'A8G/2.(G)//",
    ),
    "wachet_auf": Tune(
        "Wachet auf (Nicolai, 1599)",
        "@clef:G-2\n@keysig:bBEA\n@timesig:c\n@data:4'EG4.B8B/4BB2''C/2.'(B)4B/''E'B{8''EF}4G/FEDC/2.'(B)4B/"
        "''E'B''C'G/{8AG}4F(E)://B/4.B8A4GF/2.(E)4B/4.B8A4GF/2.(E)4F/GA(G)B/''CD(E){8EF}/4GF(E)'B/''E'B''C'G/"
        "{8AG}4F2(E)//",
    ),
    "o_haupt": Tune(
        "O Haupt voll Blut und Wunden (Hassler, 1601)",
        "@clef:G-2\n@timesig:c\n@data:4'E/AGFE/2D4(E)B/''CC'BB/2.(A)://4''C/'BGAB/2''C4(C)'G/AGAF/2.(E)4''C/"
        "{8'B''C}4DC'B/2A4(B)E/FEDG/2.(E)//",
    ),
    "old_hundredth": Tune(
        "Old Hundredth (Bourgeois, 1551)",
        "@clef:G-2\n@keysig:xF\n@timesig:c\n@data:4'G/GFED/GA(B)B/BBAG/''C'B(A)G/ABAG/EF(G)''D/'BGA''C/'BA(G)//",
    ),
}
