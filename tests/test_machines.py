"""Where a build runs: tasks and their records."""

from pathlib import Path

from datatrove.pipeline.base import PipelineStep

from scorehub.dataset_builders.machines import ONE_WORKER, Progress, run_tasks


class Nothing(PipelineStep):
    """A task that has nothing to do."""

    name, type = "nothing", "WRITE"

    def run(self, data, rank=0, world_size=1):
        yield from ()


def test_records_of_tasks_are_written_where_the_process_is_now(tmp_path, monkeypatch):
    for name in ("here", "there"):
        (tmp_path / name).mkdir()
        monkeypatch.chdir(tmp_path / name)
        run_tasks([Nothing()], 2, Nothing(), Path("logs"), ONE_WORKER, Progress("nothing", "task", 2, lambda: 2))
        done = {path.name for path in (tmp_path / name).glob("logs/tasks/completions/*")}
        assert done == {"00000", "00001"}
