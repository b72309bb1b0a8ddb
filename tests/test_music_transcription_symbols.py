"""The head that knows symbols by their parts."""

import pytest
import torch

from scorehub.pipelines.music_transcription.symbols import SymbolHead, parts_of


@pytest.mark.parametrize(
    ("token", "shared"),
    [
        ("note-Eb5_sixteenth.", ["note", "note E5", "note b", "note sixteenth."]),
        ("note-B3_half_fermata", ["note", "note B3", "note natural", "note half", "note fermata"]),
        ("rest-quarter", ["rest", "rest quarter"]),
        ("timeSignature-3/4", ["timeSignature", "timeSignature 3/4"]),
        ("keySignature-EbM", ["keySignature", "keySignature EbM"]),
        ("barline", []),
        ("<blank>", []),
    ],
)
def test_a_symbol_has_its_name_and_what_it_shares(token, shared):
    assert parts_of(token) == [token, *shared]


def test_scores_are_sums_over_parts():
    """Two notes that share pitch or length differ by the other and by their own scores."""
    vocabulary = ["<blank>", "note-C4_half", "note-C4_eighth", "note-D4_half"]
    head = SymbolHead(2, vocabulary)
    named = [part for token in vocabulary for part in parts_of(token)]
    numbers = {part: number for number, part in enumerate(dict.fromkeys(named), 1)}
    with torch.no_grad():
        head.weight[:, 0] = torch.arange(len(head.weight))
        head.weight[:, 1] = 0
        head.bias[:, 0] = 100 * torch.arange(len(head.bias))
    scores = head(torch.tensor([[1.0, 5.0]]))[0]
    by_hand = [101 * sum(numbers[part] for part in parts_of(token)) for token in vocabulary]
    assert scores.tolist() == by_hand


def test_what_is_learnt_of_one_note_helps_its_kin():
    torch.manual_seed(0)
    head = SymbolHead(8, ["<blank>", "note-C4_half", "note-C4_eighth", "rest-half"])
    features = torch.randn(1, 8)
    before = head(features)[0]
    head(features)[0, 1].backward()
    with torch.no_grad():
        for parameter in head.parameters():
            parameter += 0.1 * parameter.grad
    gains = (head(features)[0] - before).tolist()
    assert gains[1] > gains[2] > 0.01  # it shares name, pitch and accidental
    assert gains[0] == gains[3] == 0
