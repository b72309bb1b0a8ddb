"""The books of the sample set: which tunes each PDF holds, what stands before them, and how it came to be a PDF.

`paper` is the kind of PDF: "1-bit", "grey" and "colour" are scans, "mixed" has an 8-bit cover before 1-bit pages,
"born-digital" is the vector PDF itself. Ids are fictitious: IMSLP gave out fewer than nine million.
"""

from dataclasses import dataclass

FIDDLE = ("kesh_jig", "swallowtail_jig", "drowsy_maggie", "cooleys_reel", "irish_washerwoman")
OLD = ("guido_ut_queant_laxis", "arbeau_branle", "greensleeves")
FOLK = ("korobeiniki", "sakura", "greensleeves", "amazing_grace")


@dataclass(frozen=True)
class Book:
    """One PDF of the sample set; pages of `front` come before the music ("title", "preface", "contents", "blank")."""

    number: int
    tunes: tuple[str, ...]
    paper: str = "1-bit"
    title: str = ""  # of the whole book; the tune's own where there is one
    front: tuple[str, ...] = ()
    preface: str = ""
    staff_mm: float = 6.5
    font: str = "Leipzig"
    typeface: str = "Libertinus Serif"
    dpi: int = 200
    seed: int = 0  # of the scan; two scans of one book differ in it
    fault: str = ""  # "truncated", "encrypted" or "no metadata"

    @property
    def imslp_id(self) -> str:
        """The id, which is also the stem of the file."""
        return f"IMSLP{self.number}"


_DANCES = (
    "These dances were handed on by ear long before anyone wrote them down. A fiddler learns a tune in an evening, "
    "changes a turn here and a bow stroke there, and passes it on; what is printed is one way among many.\n\n"
    "Play every strain twice. Jigs have two groups of three in the bar and want a light second beat; reels run in "
    "even quavers, two beats to the bar, with a small stress on the first. Begin more slowly than you think, keep the "
    "foot steady, and let the speed come by itself. Ornaments are left to the player: a cut on a repeated "
    "note, a roll "
    "on a long one, never so many that the dancers lose the beat.\n\n"
    "The order is that of a session: two jigs, two reels, and a last jig to send everyone home."
)
_PRELUDE = (
    "Bach wrote the first version of this prelude for the lessons of his eldest son, and later set it at the head of "
    "a book that goes through all the keys. Nothing is easier to read and few things are harder to play well: the "
    "figure never changes, so that all expression lies in the harmony and in an even touch.\n\n"
    "The left hand holds its two notes for the length of each half bar. Practise the piece first as plain "
    "chords, five "
    "voices to a bar, and listen to how each voice moves by a step or stays. The long pedal on the dominant prepares "
    "the end; do not hurry it.\n\n"
    "This edition has no slurs, dynamics or fingerings, since there are none in the source."
)
_OLD = (
    "Three melodies from six centuries. The hymn to Saint John taught singers their notes: Guido of Arezzo "
    "saw that its "
    "lines begin one step higher each time, and used their first syllables as names. The dance comes from a manual "
    "in which a canon of Langres, writing under an anagram of his name, explains to a young lawyer how to behave at "
    "a ball. The ballad was sung in London when Shakespeare was a boy.\n\n"
    "The hymn has no measure: let the words lead, and breathe at each bar line. The dance wants a drum."
)
_CANON = (
    "A canon is the strictest of games: what the first player plays, the second plays after, note for note. "
    "Here three "
    "violins follow one another at a distance of two bars, while the bass repeats the same eight notes from the "
    "first bar to the last.\n\n"
    "Only the opening is given, up to the third figure of the first violin. Each entry should be heard; the others "
    "make room for it. The bass may be played on any low instrument, and a harpsichord may fill in the chords."
)
_SONGS = (
    "Songs that everybody knows are seldom sung as they were written. These melodies are given with their first "
    "verse only, in keys that suit a voice of middle range.\n\n"
    "The carol was first sung by two voices and a guitar. It moves gently, like a cradle song, and so does the "
    "other piece, whose accompaniment hides a second, Viennese song that the singer's friend would have known."
)
_ALBUM = (
    "This album gathers tunes for one player: for clarinet, viola, flute, violin, or a voice. None of them is "
    "difficult, and any of them may be played on another instrument than the one that is named. They are set out so "
    "that no page has to be turned in the middle of a tune.\n\n"
    "Where a piece is longer than what is printed here, the heading says so: theme, opening, or melody. Nothing has "
    "been added to what the composers wrote. Repeats should be played as marked.\n\n"
    "All of this music is in the public domain. It has been engraved anew, and may be copied, played, changed and "
    "given away by anyone."
)
_READER = (
    "Engraving music is the art of showing time as space. A long note is given more room than a short one, but not "
    "twice as much; the eye measures the gaps before it reads the signs. A good page has no holes and no crowds.\n\n"
    "For three centuries the work was done with steel punches on a plate of pewter. The engraver first scored the "
    "staves with a five-pointed tool, then planned the systems of the page so that each ended at a bar line and "
    "the last line was full. Noteheads, clefs and accidentals were struck; stems, slurs and beams were cut by hand, "
    "in mirror image.\n\n"
    "Most scores that libraries have scanned were made in this way. On a scan in black and white one sees how well: "
    "thin lines stay unbroken, and the white inside a half note does not fill with ink.\n\n"
    "Later editions were drawn with pens, stamped, written on special typewriters, and at last computed. The rules "
    "are still those of the pewter plate."
)

BOOKS = (
    Book(9000001, ("petzold_minuet_in_g",), front=("title",), staff_mm=5.3, seed=1),
    Book(9000002, ("bach_prelude_in_c",), front=("title", "preface"), preface=_PRELUDE, staff_mm=6.0, dpi=300, seed=2),
    Book(9000003, ("bach_cello_prelude",), staff_mm=7.0, font="Bravura", seed=3),
    Book(9000004, ("bach_jesu_joy", "wagner_bridal_chorus"), title="Two Pieces for Oboe", staff_mm=7.0, seed=4),
    Book(9000005, ("beethoven_moonlight", "beethoven_fur_elise"), title="Two Leaves from Beethoven", front=("title",),
         staff_mm=7.4, font="Leland", seed=5),
    Book(9000006, ("beethoven_ode_to_joy",), "grey", staff_mm=7.6, seed=6),
    Book(9000007, ("grieg_mountain_king",), "born-digital", staff_mm=7.4, font="Leland"),
    Book(9000008, ("mozart_ah_vous_dirai_je", "haydn_surprise"), title="Two Viennese Themes", front=("title", "blank"),
         staff_mm=6.6, seed=8),
    Book(9000009, ("pachelbel_canon",), front=("title", "preface"), preface=_CANON, staff_mm=5.6,
         font="Bravura", seed=9),
    Book(9000010, ("bourgeois_old_hundredth",), staff_mm=5.4, typeface="New Computer Modern", seed=10),
    Book(9000011, OLD, title="Three Old Melodies", front=("title", "preface"), preface=_OLD, staff_mm=5.9, seed=11),
    Book(9000012, ("guido_ut_queant_laxis",), front=("title",), staff_mm=4.8, font="Gootville", seed=12),
    Book(9000013, ("auld_lang_syne", "amazing_grace"), title="Two Songs in English", staff_mm=7.0, seed=13),
    Book(9000014, ("gruber_stille_nacht", "brahms_wiegenlied"), "colour", title="Two Songs in German",
         front=("title", "preface"), preface=_SONGS, staff_mm=6.8, typeface="New Computer Modern", dpi=130, seed=14),
    Book(9000015, FIDDLE, title="Five Irish Dances", front=("title", "preface", "contents"), preface=_DANCES,
         staff_mm=6.2, seed=15),
    Book(9000016, FOLK, "born-digital", title="Four Folk Melodies", front=("title", "contents"), staff_mm=6.8,
         font="Bravura"),
    Book(9000017, ("offenbach_cancan", "mendelssohn_festgesang"), title="Two Pieces for Trumpet", staff_mm=7.0,
         seed=17),
    Book(9000018, ("joplin_entertainer", "foster_oh_susanna"), title="Two Pieces for Clarinet",
         front=("title",), staff_mm=5.8, font="Petaluma", seed=18),
    Book(9000019, ("satie_gymnopedie",), front=("title",), staff_mm=7.2, typeface="New Computer Modern",
         dpi=300, seed=19),
    Book(9000020, ("bach_prelude_in_c",), "grey", staff_mm=6.0, font="Leland", dpi=130, seed=20),
    # The same edition as 9000001 and 9000015, scanned again: other dust, other skew, and a cover in grey.
    Book(9000021, ("petzold_minuet_in_g",), staff_mm=5.3, seed=21),
    Book(9000022, FIDDLE, "mixed", title="Five Irish Dances", front=("title",), staff_mm=6.2, seed=22),
    Book(9000023, (), title="On the Engraving of Music", front=("title", "blank", "preface"), preface=_READER,
         seed=23),
    Book(9000024, ("beethoven_fur_elise", "mozart_ah_vous_dirai_je", "satie_gymnopedie", "beethoven_moonlight"),
         title="A Little Piano Album", front=("title", "contents"), staff_mm=6.4, seed=24),
    Book(9000025, ("joplin_entertainer", "foster_oh_susanna", *FOLK, "kesh_jig", "swallowtail_jig", "drowsy_maggie"),
         title="An Album of Melodies", front=("title", "blank", "preface", "contents"), preface=_ALBUM, seed=25),
    Book(9000026, ("arbeau_branle", "greensleeves", "sakura"), title="Three Tunes for Recorder", font="Gootville",
         seed=26, fault="no metadata"),
    Book(9000027, ("bach_jesu_joy",), "born-digital", fault="truncated"),
    Book(9000028, ("grieg_mountain_king",), "born-digital", staff_mm=7.4, fault="encrypted"),
    Book(9000029, ("joplin_entertainer",), staff_mm=7.2, font="Petaluma", seed=29),
    Book(9000030, ("mendelssohn_festgesang",), staff_mm=7.6, font="Leland", seed=30),
    Book(9000031, ("brahms_wiegenlied",), staff_mm=7.0, typeface="New Computer Modern", seed=31),
    Book(9000032, ("foster_oh_susanna",), "colour", staff_mm=7.6, dpi=130, seed=32),
    Book(9000033, ("mozart_ah_vous_dirai_je",), front=("title",), staff_mm=7.0, font="Bravura", seed=33),
    Book(9000034, ("gruber_stille_nacht",), staff_mm=7.2, seed=34),
    Book(9000035, ("swallowtail_jig", "cooleys_reel"), title="A Jig and a Reel", staff_mm=7.2, font="Bravura",
         seed=35),
    Book(9000036, ("greensleeves", "sakura"), title="Two Tunes for Flute", staff_mm=7.2, font="Leland", seed=36),
)  # fmt: skip
