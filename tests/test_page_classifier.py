"""The page classifier: its data, trainer and calibration on drawn toy pages, and its published weights."""

import io
import json
import tarfile
from pathlib import Path

import numpy as np
import pytest
import resvg_py
import torch
import typst
import verovio
import yaml
from PIL import Image
from transformers import pipeline

from scorehub.trainers import page_corpus
from scorehub.trainers.page_classifier import (
    PageClassifierTrainer,
    build_model,
    build_processor,
    fold_temperature,
    parse_config,
    predict,
    run,
    train,
)
from scorehub.trainers.page_corpus import LabelledPage, assign_folds, load_labelled_pages
from scorehub.trainers.page_evaluation import calibration_error, fit_temperature, score_probability, scores

MODEL = Path(__file__).parents[1] / "pipelines" / "page_classifier"
TINY = ["--image_height", "96", "--image_width", "64", "--embedding_size", "4", "--hidden_sizes", "8", "16"]
TINY += ["--extra_scores", "0", "--batch_size", "4"]
PLAIN = [*TINY, "--augment", "false", "--learning_rate", "0.01"]


def toy_page(label, rng):
    """Staves with notes for label 1, blocks like words for label 0, in 200 x 140 pixels."""
    page = np.full((200, 140), 255, np.uint8)
    for top in range(15 + int(rng.integers(8)), 175, 35):
        if label:
            page[top : top + 17 : 4, 10:130] = 0
        for x in range(12, 125, 9):
            height = int(rng.integers(2, 6))
            page[top + 6 : top + 6 + height, x : x + 5] = 0
    return page


def toy_pages(count=24, works=8):
    rng = np.random.default_rng(0)
    return [LabelledPage(f"{i}.png", f"work{i % works}", i % 2, toy_page(i % 2, rng)) for i in range(count)]


def write_corpus(folder, pages):
    """Writes `pages` as a page_labels/ folder."""
    (folder / "page_labels").mkdir(parents=True)
    rows = ["file,label,imslp_id"]
    with tarfile.open(folder / "page_labels" / "pages_gray840.tar", "w") as tar:
        for page in pages:
            buffer = io.BytesIO()
            Image.fromarray(page.pixels).save(buffer, "PNG")
            member = tarfile.TarInfo(page.file)
            member.size = buffer.tell()
            buffer.seek(0)
            tar.addfile(member, buffer)
            rows.append(f"{page.file},{'score' if page.label else 'nonscore'},{page.work}")
    (folder / "page_labels" / "index.csv").write_text("\n".join(rows) + "\n")
    return folder


def weights(trainer):
    return torch.cat([value.detach().flatten().float() for value in trainer.model.state_dict().values()])


def test_a_training_learns_and_repeats_under_its_seed(tmp_path):
    pages = toy_pages()
    config = parse_config(["--output_dir", str(tmp_path), "--epochs", "8", *PLAIN])
    first = train(config, tmp_path / "a", pages, [])
    logits = predict(first, pages)
    assert scores(score_probability(logits), np.array([p.label for p in pages]))["accuracy"] == 1
    again = train(config, tmp_path / "b", pages, [])
    assert torch.equal(weights(first), weights(again))
    config.seed = 1
    assert not torch.equal(weights(first), weights(train(config, tmp_path / "c", pages, [])))


def test_a_resumed_training_ends_as_an_uninterrupted_one(tmp_path, monkeypatch):
    monkeypatch.setattr(page_corpus, "TEXT_PAGES", 7)
    pages = toy_pages()
    config = parse_config(["--output_dir", str(tmp_path), "--epochs", "2", *TINY])  # 12 steps, saved every 3
    whole = weights(train(config, tmp_path / "whole", pages, []))
    steps = []
    training_step = PageClassifierTrainer.training_step

    def killed_at_the_eighth(self, *arguments, **named):
        steps.append(1)
        if len(steps) == 8:
            raise KeyboardInterrupt
        return training_step(self, *arguments, **named)

    with monkeypatch.context() as patch:
        patch.setattr(PageClassifierTrainer, "training_step", killed_at_the_eighth)
        with pytest.raises(KeyboardInterrupt):
            train(config, tmp_path / "cut", pages, [])
    assert (tmp_path / "cut" / "checkpoint-6").is_dir()
    assert torch.equal(weights(train(config, tmp_path / "cut", pages, [])), whole)


def test_a_run_writes_a_loadable_model_with_a_card_and_is_not_repeated(tmp_path, monkeypatch):
    monkeypatch.setenv("SCOREHUB_DATA", str(write_corpus(tmp_path / "data", toy_pages())))
    config = parse_config(["--output_dir", str(tmp_path / "run"), "--epochs", "6", "--folds", "2", *PLAIN])
    results = run(config)
    assert [fold["pages"] for fold in results["folds"]] == [12, 12]
    assert results["after"]["errors"] == len(results["errors"])
    card = (tmp_path / "run" / "model" / "README.md").read_text()
    assert f"{results['after']['accuracy']:.4f}" in card
    assert "$" not in card
    saved = (tmp_path / "run" / "model" / "model.safetensors").read_bytes()
    config.seed = 1
    with pytest.raises(ValueError, match="output_dir must be new or made with the same settings"):
        run(config)
    config.seed = 0
    monkeypatch.setattr(PageClassifierTrainer, "training_step", None)  # a second run would fail if it trained
    assert run(config) == results
    assert (tmp_path / "run" / "model" / "model.safetensors").read_bytes() == saved


def test_folds_never_split_a_work_and_are_even():
    rng = np.random.default_rng(1)
    sizes = rng.integers(1, 12, 60)
    pages = [
        LabelledPage(f"{work}_{i}", str(work), work % 2, np.zeros((1, 1), np.uint8))
        for work, size in enumerate(sizes)
        for i in range(size)
    ]
    fold_of = assign_folds(pages, 5, seed=0)
    for work in range(60):
        assert len({fold for page, fold in zip(pages, fold_of, strict=True) if page.work == str(work)}) == 1
    for label in (0, 1):
        counts = np.bincount([f for page, f in zip(pages, fold_of, strict=True) if page.label == label])
        assert counts.max() - counts.min() <= 2
    assert (fold_of == assign_folds(pages, 5, seed=0)).all()
    assert (fold_of != assign_folds(pages, 5, seed=1)).any()
    with pytest.raises(ValueError, match="folds must be at most the 30 works of non-score pages, got 31"):
        assign_folds(pages, 31, seed=0)


def test_a_drawn_page_depends_on_its_number_and_seed_alone(tmp_path, monkeypatch):
    monkeypatch.setattr(page_corpus, "TEXT_PAGES", 7)
    config = parse_config(["--output_dir", str(tmp_path), *TINY])
    first, again, other = (
        page_corpus.DrawnPages(toy_pages(), [], build_processor(config), 10, seed) for seed in (0, 0, 1)
    )
    later = [first[n] for n in (200, 5)]
    assert torch.equal(later[1]["pixel_values"], again[5]["pixel_values"])
    assert not torch.equal(later[1]["pixel_values"], other[5]["pixel_values"])
    drawn = [first[n] for n in range(len(first))]
    assert len(drawn) == 240
    assert all(page["pixel_values"].shape == (3, 96, 64) for page in drawn)
    assert 0.4 < np.mean([int(page["labels"]) for page in drawn]) < 0.6
    # White is 0, black is -4: what the published image processor gives for a white and a black page.
    assert all(page["pixel_values"].min() >= -4 and page["pixel_values"].max() <= 0 for page in drawn)


def test_the_temperature_changes_probabilities_but_no_decision():
    model = build_model(parse_config(["--output_dir", ".", *TINY])).eval()
    pixels = torch.randn(16, 3, 96, 64, generator=torch.Generator().manual_seed(0))
    before = model(pixels).logits
    fold_temperature(model, 2.5)
    after = model(pixels).logits
    assert torch.allclose(after, before / 2.5, atol=1e-6)
    assert torch.equal(after.argmax(-1), before.argmax(-1))
    assert not torch.allclose(after.softmax(-1), before.softmax(-1), atol=1e-3)


def test_the_fitted_temperature_undoes_a_known_one():
    rng = np.random.default_rng(0)
    margins = rng.normal(0, 3, 20000)
    labels = (rng.random(20000) < 1 / (1 + np.exp(-margins))).astype(int)
    logits = np.stack([np.zeros_like(margins), margins], axis=1)
    assert fit_temperature(3 * logits, labels) == pytest.approx(3, rel=0.05)
    assert (
        calibration_error(score_probability(logits), labels)
        < 0.02
        < calibration_error(score_probability(3 * logits), labels)
    )


def test_scores_count_by_hand():
    probabilities, labels = np.array([0.9, 0.8, 0.4, 0.2]), np.array([1, 0, 1, 0])
    expected = {"pages": 4, "errors": 2, "accuracy": 0.5, "precision": 0.5, "recall": 0.5}
    scored = scores(probabilities, labels)
    assert {name: scored[name] for name in expected} == expected
    assert scored["brier"] == pytest.approx((0.01 + 0.64 + 0.36 + 0.04) / 4)
    # Confidences 0.9, 0.8, 0.6, 0.8 in three bins: |0.9 - 1|, |1.6 - 1|, |0.6 - 0|.
    assert scored["ece"] == pytest.approx((0.1 + 0.6 + 0.6) / 4)


def test_bad_input_is_named(tmp_path, monkeypatch):
    monkeypatch.delenv("SCOREHUB_DATA", raising=False)
    with pytest.raises(ValueError, match=r"preset must be one of \['paper', 'scorehub'\], got huge"):
        parse_config(["--output_dir", "x", "--preset", "huge"])
    with pytest.raises(ValueError, match="data_dir must be a folder"):
        run(parse_config(["--output_dir", "x"]))
    with pytest.raises(FileNotFoundError):
        load_labelled_pages(tmp_path)
    pages = toy_pages(4)
    with pytest.raises(ValueError, match=r"pages must hold both classes, got \['score'\]"):
        train(parse_config(["--output_dir", str(tmp_path), *TINY]), tmp_path, [p for p in pages if p.label], [])
    index = write_corpus(tmp_path, pages) / "page_labels" / "index.csv"
    good = index.read_text()
    index.write_text(good + "none.png,score,work9\n")
    with pytest.raises(ValueError, match=r"must hold every page of its index, got none called none\.png"):
        load_labelled_pages(tmp_path)
    index.write_text(good.replace("nonscore", "cover"))
    with pytest.raises(ValueError, match=r"label of 0\.png must be score or nonscore, got cover"):
        load_labelled_pages(tmp_path)


def test_the_paper_preset_is_resnet_18_on_plain_pages():
    config = parse_config(["--output_dir", "x", "--preset", "paper", "--epochs", "1"])
    assert (config.image_height, config.image_width, config.batch_size, config.learning_rate) == (2048, 2048, 8, 1e-3)
    assert (config.augment, config.extra_scores, config.epochs) == (False, 0, 1)
    model = build_model(config)
    assert sum(weight.numel() for weight in model.parameters()) == 11_177_538  # ResNet-18 with two classes


@pytest.fixture(scope="module")
def page_files(tmp_path_factory):
    """An engraved page of music, a page of text and a blank one, as PNG files."""
    folder = tmp_path_factory.mktemp("pages")
    verovio.enableLog(verovio.LOG_OFF)
    toolkit = verovio.toolkit()
    toolkit.setOptions({"pageHeight": 2970, "pageWidth": 2100, "scale": 45, "header": "none", "footer": "none"})
    toolkit.loadData("X:1\nM:4/4\nL:1/8\nK:G\n" + "GABc dedB | dedB dedB | c2ec B2dB | A4 G4 |\n" * 16)
    music = resvg_py.svg_to_bytes(svg_string=toolkit.renderToSVG(1), background="#ffffff", width=1000)
    (folder / "music.png").write_bytes(bytes(music))
    text = typst.compile(b'#set page(paper: "a4")\n= Preface\n#lorem(500)', format="png", ppi=100)
    (folder / "text.png").write_bytes(text[0] if isinstance(text, list) else text)
    Image.new("L", (600, 840), 255).save(folder / "blank.png")
    return folder


def test_the_published_model_loads_by_plain_transformers_and_is_right(run_python, page_files):
    code = """
import sys, json
from transformers import pipeline
classify = pipeline("image-classification", model=sys.argv[1])
answers = {name: classify(f"{sys.argv[2]}/{name}.png") for name in ("music", "text", "blank")}
print(json.dumps(answers))
"""
    printed = run_python(code, str(MODEL), str(page_files), without_scorehub=True)
    answers = json.loads(printed.strip().splitlines()[-1])
    assert [answers[name][0]["label"] for name in ("music", "text", "blank")] == ["score", "non-score", "non-score"]
    assert all(answer[0]["score"] > 0.9 for answer in answers.values())


def test_resolution_does_not_change_the_answer(page_files):
    classify = pipeline("image-classification", model=str(MODEL))
    page = Image.open(page_files / "music.png").convert("RGB")
    small = page.resize((594, 840), Image.Resampling.BILINEAR)
    answers = classify([page.resize((1654, 2339)), small])
    large, thumb = (next(a["score"] for a in answer if a["label"] == "score") for answer in answers)
    assert abs(large - thumb) < 0.05


def test_the_card_and_the_weights_are_fit_for_the_hub():
    front = yaml.safe_load((MODEL / "README.md").read_text(encoding="utf-8").split("---")[1])
    assert (front["license"], front["library_name"]) == ("apache-2.0", "transformers")
    assert front["pipeline_tag"] == "image-classification"
    accuracy = front["model-index"][0]["results"][0]["metrics"][0]
    assert accuracy["type"] == "accuracy"
    assert accuracy["value"] >= 0.99
    assert (MODEL / "model.safetensors").stat().st_size < 4_000_000
    assert json.loads((MODEL / "config.json").read_text())["id2label"] == {"0": "non-score", "1": "score"}
