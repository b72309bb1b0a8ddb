"""What is finished of a study, and tables of it."""

import csv
import io
from dataclasses import dataclass
from pathlib import Path

from scorehub.study import results
from scorehub.study.corpus import Corpus
from scorehub.study.files import read_json
from scorehub.study.results import Errors, Result
from scorehub.study.runs import Run
from scorehub.study.scenarios import Scenario
from scorehub.study.settings import SYSTEMS, StudyConfig

NONE = "-"


@dataclass(frozen=True)
class Table:
    """A table, `rows` as wide as `header`."""

    name: str
    title: str
    header: list[str]
    rows: list[list[str]]
    note: str = ""

    def markdown(self) -> str:
        """As Markdown, numbers to the right."""
        lines = [self.header, ["---", *["--:"] * (len(self.header) - 1)], *self.rows]
        text = "\n".join(f"| {' | '.join(line)} |" for line in lines)
        return f"## {self.title}\n\n{text}\n" + (f"\n{self.note}\n" if self.note else "")

    def csv(self) -> str:
        """As CSV."""
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows([self.header, *self.rows])
        return text.getvalue()


class Study:
    """What is finished of a study, read once."""

    def __init__(self, config: StudyConfig, corpus: Corpus):
        self.config, self.corpus = config, corpus
        self.output = Path(config.output_dir)
        self.folds, self.scenarios = config.tested_folds(), config.chosen_scenarios()
        self.results: dict[tuple[str, int], dict[int, Result]] = {
            (system, scenario.number): results.load_results(config, system, scenario)
            for system in SYSTEMS
            for scenario in self.scenarios
        }

    def pooled(self, system: str, scenario: Scenario, scheme: str) -> Errors | None:
        """Test staves of a scheme; None where no fold is finished, or none has any."""
        found = self.results[system, scenario.number]
        parts = [found[fold].errors for fold in results.scheme_folds(found, scheme)]
        together = results.pool(parts) if parts else None
        return together if together and together.ids else None

    def finished(self, runs: list[Run]) -> bool:
        """Whether posteriors of trainings are there, and have been judged."""
        return all(read_json(self.output / run.name / "errors.json") is not None for run in runs)
