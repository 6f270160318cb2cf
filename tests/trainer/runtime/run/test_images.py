"""Pictures that scripts log."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from traindock import errors
from traindock.runtime.context import Run
from traindock.store.metrics import MetricReader


class TestImages:
    def test_a_figure_is_saved_and_named_after_its_metric(self, job: Run, folder: Path) -> None:
        class Figure:
            def savefig(self, out: Any, format: str) -> None:  # noqa: A002 - matplotlib's name
                out.write(b"\x89PNG " + format.encode())

        job.log_image("a/b: ü?", plot=Figure())
        job.log_image("a/b: ü?", plot=Figure())
        names = job.get_metrics()["a/b: ü?"]
        assert len(set(names)) == 2
        for name in names:
            assert name.startswith("a_b__ü__")
            assert name.endswith(".png")
            assert (folder / "uploads" / name).read_bytes() == b"\x89PNG png"
        assert set(names) <= set(job.get_file_names())

    def test_a_figure_in_the_place_of_the_path(self, either: Run) -> None:
        class Figure:
            def savefig(self, out: Any, format: str) -> None:  # noqa: A002 - matplotlib's name
                out.write(b"\x89PNG")

        either.log_image("x", Figure())
        assert list(either.get_metrics()) == ["x"]
        with pytest.raises(errors.UserErrorException, match="not a ndarray; a matplotlib figure is plot="):
            either.log_image("x", np.ones((2, 2)))

    @pytest.mark.slow
    def test_matplotlib(self, job: Run, folder: Path) -> None:
        plt = pytest.importorskip("matplotlib.pyplot")
        plt.switch_backend("agg")
        figure = plt.figure()
        figure.gca().plot([1, 2])
        job.log_image("figure", plot=figure)
        job.log_image("pyplot", plot=plt)
        plt.close(figure)
        for name in ("figure", "pyplot"):
            assert (folder / "uploads" / job.get_metrics()[name]).read_bytes().startswith(b"\x89PNG")

    @pytest.mark.parametrize(("file", "suffix"), [("x.jpeg", ".jpeg"), ("bare", ".png"), ("odd.p n/g", "")])
    def test_a_file_keeps_its_suffix_or_gets_one(self, job: Run, folder: Path, file: str, suffix: str) -> None:
        path = folder / file.replace("/", "_")
        path.write_bytes(b"\x89PNG")
        job.log_image("x", path=path)
        name = job.get_metrics()["x"]
        assert name.endswith(suffix)
        assert (folder / "uploads" / name).read_bytes() == b"\x89PNG"

    @pytest.mark.parametrize("name", ["../../etc/passwd", "/abs", ".", "..", "x" * 5000, "\0", "ü" * 300])
    def test_no_name_leads_out(self, job: Run, folder: Path, name: str) -> None:
        (folder / "x.png").write_bytes(b"\x89PNG")
        job.log_image(name, path=folder / "x.png")
        assert len(list((folder / "uploads").iterdir())) == 1
        assert len(job.get_file_names()) == 1

    def test_wrong_arguments(self, either: Run, tmp_path: Path) -> None:
        with pytest.raises(errors.UserErrorException, match="exactly one"):
            either.log_image("x")
        with pytest.raises(errors.UserErrorException, match="exactly one"):
            either.log_image("x", path="a", plot="b")
        with pytest.raises(errors.UserErrorException, match="no file"):
            either.log_image("x", path=tmp_path / "missing.png")
        with pytest.raises(errors.UserErrorException, match="figure"):
            either.log_image("x", plot="a plot")

    def test_a_disk_that_refuses_is_counted_and_not_raised(self, job: Run, folder: Path) -> None:
        (folder / "uploads").write_text("in the way")
        (folder / "x.png").write_bytes(b"\x89PNG")
        job.log_image("x", path=folder / "x.png")
        assert job.get_metrics() == {}
        assert MetricReader(folder / "metrics").lost() == 1
