"""The Space of the catalogue: search and texts."""

import csv
import inspect
import io
import json
import re
from pathlib import Path

import gradio as gr
import pytest
import yaml

from scorehub.dataset_builders.load_hook import BUILDERS, builder_class
from scorehub.dataset_builders.music_models import music_models
from scorehub.dataset_builders.music_models.music_models import MusicModels
from scorehub.dataset_builders.music_models.works import read_works
from scorehub.dataset_builders.note_corpus import NoteCorpus
from scorehub.spaces.music_models import show
from scorehub.spaces.music_models.app import corpora_view, works_view
from scorehub.spaces.music_models.corpora import FETCHED, MUSIC, read_corpora, trained_on
from scorehub.spaces.music_models.search import ANY, Table, Wanted
from scorehub.spaces.music_models.tab import Events, make_parts

HOSTILE = '<script>alert(1)</script><img src=x onerror="alert(1)">'


@pytest.fixture(scope="module")
def works():
    return read_works()


@pytest.fixture(scope="module")
def corpora():
    return read_corpora()


@pytest.fixture(scope="module")
def table(works):
    return Table(works)


@pytest.fixture
def events(works, corpora):
    """Those of the tab of works."""
    view = works_view(works, corpora)
    with gr.Blocks():
        return Events(view, make_parts(view))


def ids(rows):
    return [row["id"] for row in rows]


def search(events, text="", chosen="", on=False, picked=(ANY,) * 4, years=(1959, 2023)):
    """What a search changes, and what its files hold."""
    changes = events.search(chosen, text, on, *picked, *years)
    updates = next(changes)
    files = [button.value for button in (updates[part] for part in events.parts.files)]
    texts = [Path(str(file["path"])).read_text(encoding="utf-8") if file else None for file in files]
    changes.close()
    return updates, texts


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("mousai", ["mousai"]),
        ("MÜLLER", ["theme_transformer"]),
        ("pop909 theme", ["theme_transformer"]),
        ("  bach\tthesis ", ["bachbot"]),
        ("scorehub generate chorale", ["bachbot", "bachbot_ismir", "music_transformer", "coconet", "tonicnet"]),
        ("1989", ["todd_sequential_network"]),
        ("none", []),
        (".*", []),
        ("[(\\", []),
        ("(ORGAN)", ["organ"]),
        ("\0", []),
        (HOSTILE, []),
    ],
)
def test_a_search_finds_all_of_its_words_in_any_field(table, text, found):
    assert ids(table.select(Wanted(text))) == found


def test_a_search_for_nothing_finds_all_oldest_first(table, works):
    assert table.select(Wanted(" \n")) == works
    assert [work["year"] for work in works][:4] == [1959, 1989, 1991, 2002]


def test_a_long_search_is_refused(table):
    assert table.select(Wanted("x" * 200)) == []
    with pytest.raises(ValueError, match="search must have at most 200 characters, got 10,000"):
        table.select(Wanted("x" * 10_000))


def test_choices_and_years_narrow_a_search(table):
    assert ids(table.select(Wanted(choices={"family": "CNN"}))) == ["wavenet", "coconet"]
    assert ids(table.select(Wanted(choices={"family": "CNN", "modality": "audio"}))) == ["wavenet"]
    assert ids(table.select(Wanted(years=(1989, 2002)))) == ["todd_sequential_network", "harmonet", "lstm_blues"]
    assert ids(table.select(Wanted("diffusion", {"encoding": "latent vectors"}))) == [
        "symbolic_music_diffusion",
        "mousai",
    ]


def test_each_choice_counts_what_the_others_leave(table):
    wanted = Wanted("chorales", {"family": "RNN", "modality": "symbolic"})
    counts = table.count("family", wanted)
    assert list(counts.items()) == [(ANY, 8), ("CNN", 1), ("feedforward", 1), ("RNN", 5), ("transformer", 1)]
    assert counts["RNN"] == len(table.select(wanted))
    assert table.count("modality", Wanted("chorales", {"modality": "audio"})) == {ANY: 8, "audio": 0, "symbolic": 8}


def test_files_hold_the_rows_that_are_shown(table, tmp_path):
    rows = table.select(Wanted("midibert"))
    paths = table.write(rows, "works", tmp_path)
    assert [path.name for path in paths] == ["works.csv", "works.json"]
    assert json.loads(paths[1].read_text(encoding="utf-8")) == rows
    (read,) = csv.DictReader(io.StringIO(paths[0].read_text(encoding="utf-8")))
    assert set(read) == set(rows[0])
    assert read["training_data"] == "Pop1K7; ASAP; POP909; Pianist8; EMOPIA"
    assert table.write([], "none", tmp_path)[0].read_text(encoding="utf-8").startswith("id,name,title,year,month,")


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"encoding": "notes"}, "encoding of tonicnet must be one of note attributes, event tokens,"),
        ({"command": ""}, "command of tonicnet must run it, and only if it does, got ''"),
        ({"status": "described", "here": ""}, "command of tonicnet must run it, and only if it does, got 'scorehub"),
    ],
)
def test_a_work_says_how_music_is_encoded_and_what_runs_it(works, fields, message):
    changed = [work | fields if work["id"] == "tonicnet" else work for work in works]
    with pytest.raises(ValueError, match=message):
        read_works(yaml.safe_dump(changed))


def test_a_changed_table_is_another_dataset_to_the_cache(monkeypatch, tmp_path):
    before = MusicModels(cache_dir=str(tmp_path)).cache_dir
    assert MusicModels(cache_dir=str(tmp_path)).cache_dir == before
    monkeypatch.setattr(music_models, "table", lambda: "[]")
    assert MusicModels(cache_dir=str(tmp_path)).cache_dir != before


def test_the_datasets_are_all_that_hold_notes(corpora):
    note_builders = {name for name in BUILDERS if issubclass(builder_class(name), NoteCorpus)}
    assert set(ids(corpora)) == set(MUSIC) == note_builders
    assert {row["id"] for row in corpora if row["access"] == FETCHED} == {"lakh", "maestro", "jsb_chorales"}
    for row in corpora:
        assert row["load"]
        assert all(call.startswith(f'load_dataset("{row["id"]}"') for call in row["load"])
        assert row["licence"]
        assert row["homepage"].startswith(("https://", "http://"))


@pytest.mark.parametrize("name", MUSIC)
def test_sizes_are_those_that_the_builders_state(name):
    source = inspect.getsource(inspect.getmodule(builder_class(name)))
    assert all(number in source for number in re.findall(r"[\d,]*\d", MUSIC[name][1]))


def test_works_are_joined_to_the_datasets_they_were_trained_on(works, corpora):
    joined = {corpus["id"]: ids(trained_on(corpus, works)) for corpus in corpora}
    assert joined["jsb_chorales"] == ["music_transformer", "coconet", "tonicnet"]
    assert joined["lakh"] == ["multitrack_musicvae", "lakhnes", "mmm", "symbolic_music_diffusion"]
    assert joined["js_fakes"] == []


def test_what_a_table_holds_stays_text(works, corpora):
    fields = ("name", "title", "architecture", "representation", "summary", "licence", "here", "command", "id")
    work = works[0] | dict.fromkeys(fields, HOSTILE)
    work |= {"authors": [HOSTILE], "training_data": [HOSTILE], "paper": f'https://x/"{HOSTILE}', "status": "works"}
    corpus = corpora[0] | dict.fromkeys(("id", "title", "music", "size", "licence", "citation", "obtain"), HOSTILE)
    corpus |= {"configurations": [f"{HOSTILE}: {HOSTILE}"], "load": [f"{HOSTILE}  # {HOSTILE}"]}
    for html in (
        show.works_list([work], ""),
        show.work_entry(work, [corpus]),
        show.corpora_list([corpus], ""),
        show.corpus_entry(corpus, [work]),
    ):
        assert "&lt;" in html
        assert "<script" not in html
        assert "<img" not in html
        assert '"alert' not in html


def test_an_entry_says_what_works_and_how(works, corpora):
    of = {work["id"]: show.work_entry(work, corpora) for work in works}
    assert "Described here, not built." in of["wavenet"]
    assert "<b>Works here.</b> A trained GRU" in of["tonicnet"]
    command = re.sub("<[^>]+>", "", of["tonicnet"][of["tonicnet"].index("<pre>") :])
    assert command.startswith("scorehub generate chorale --network tonicnet --out chorale.musicxml")
    assert "JSB Chorales<small>here as <code>jsb_chorales</code></small>" in of["tonicnet"]
    assert 'href="https://arxiv.org/abs/1911.11775" target="_blank" rel="noopener noreferrer"' in of["tonicnet"]
    assert "November 2019" in of["tonicnet"]
    assert "<dt>Code</dt><dd>-</dd>" in of["wavenet"]


def test_an_entry_of_a_dataset_says_how_it_is_loaded(works, corpora):
    (corpus,) = (corpus for corpus in corpora if corpus["id"] == "pop909")
    html = show.corpus_entry(corpus, works)
    text = re.sub("<[^>]+>", " ", html)
    assert "load_dataset(&quot;pop909&quot;," in text
    assert "<dt>Licence</dt><dd>MIT</dd>" in html
    assert "<dt>Trained on it</dt><dd>PolyDis, MidiBERT-Piano, Theme Transformer</dd>" in html
    assert "@inproceedings{wang2020pop909," in text


def test_a_search_shows_rows_timeline_entry_and_files(events):
    parts = events.parts
    updates, (table, rows) = search(events, "chorales", picked=("any", "CNN", "any", "any"))
    assert "1 of 39 works" in updates[parts.found]
    assert "1 of them works here" in updates[parts.found]
    assert re.findall(r'<tr data-id="(\w+)" class=chosen>', updates[parts.rows]) == ["coconet"]
    assert "Coconet" in updates[parts.entry]
    assert updates[parts.chosen] == "coconet"
    assert [row["id"] for row in csv.DictReader(io.StringIO(table))] == ids(json.loads(rows)) == ["coconet"]
    assert ("CNN (1)", "CNN") in updates[parts.choices[1]].choices


def test_what_was_chosen_stays_so_while_it_is_among_the_rows(events):
    chosen = events.parts.chosen
    assert search(events, "chorales", "coconet")[0][chosen] == "coconet"
    assert search(events, "wavenet", "coconet")[0][chosen] == "wavenet"
    assert search(events, years=(2019, 2017), on=True)[0][chosen] == "bachbot_ismir"


def test_a_search_without_result_leaves_an_empty_table(events):
    updates, (table, rows) = search(events, HOSTILE)
    assert "0 of 39 works" in updates[events.parts.found]
    assert updates[events.parts.rows] == show.NOTHING
    assert updates[events.parts.entry] == ""
    assert (len(table.splitlines()), json.loads(rows)) == (1, [])


def test_a_search_that_is_too_long_gets_a_reason_and_the_next_one_works(events):
    updates, files = search(events, HOSTILE * 200)
    assert "Search must have at most 200 characters, got 11,000" in updates[events.parts.rows]
    assert "<script" not in str(updates[events.parts.rows])
    assert files == [None, None]
    updates, _ = search(events, None, picked=(None,) * 4, years=(None, None))
    assert "39 of 39 works" in updates[events.parts.found]


def test_only_what_is_there_can_be_opened(events):
    def click(name):
        return events.open(gr.EventData(None, {"id": name}))

    assert "WaveNet" in click("wavenet")[events.parts.entry]
    for name in ("nothing", "", None, ["wavenet"], {"id": "wavenet"}):
        assert click(name) == {}


def test_datasets_are_searched_alike(works, corpora):
    view = corpora_view(corpora, works)
    with gr.Blocks():
        events = Events(view, make_parts(view))
    assert events.parts.years == []
    updates = next(events.search("", "raffel", True, ANY, ANY))
    assert re.findall(r'data-id="(\w+)"', updates[events.parts.rows]) == ["lakh"]
    assert "1 of 12 datasets" in updates[events.parts.found]
