"""Names of the datasets that have a builder, known without importing one: help texts must not wait for `datasets`."""

FOLDERS = ("musicscore", "camera_primus", "msmd", "performances", "maestro", "dadagp", "music_models")
MODULES = (
    *("lakh", "jsb_chorales", "js_fakes", "js_fakes_4bars", "nottingham", "pop909", "metamidi", "giantmidi"),
    *("crestmuse", "rwc"),
)
DATASETS = (*FOLDERS, *MODULES)
OF_NOTES = ("maestro", "dadagp", *MODULES)  # their builders are `note_corpus.NoteCorpus`
