"""Scripts that run without Traindock."""

from __future__ import annotations

import contextlib
import io
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from traindock import errors
from traindock.model import Model as WholeModel
from traindock.runtime.context import Run
from traindock.runtime.model import Model


class TestOffline:
    """Without Traindock around, nothing that a run is told may hurt the training."""

    @pytest.mark.parametrize("broken", ["full", "closed", "gone", "ascii", "none"])
    def test_wherever_standard_output_leads(
        self, offline: Run, monkeypatch: pytest.MonkeyPatch, broken: str, tmp_path: Path
    ) -> None:
        reader, writer = os.pipe()
        os.close(reader)
        streams: dict[str, Any] = {
            "full": open("/dev/full", "w", buffering=1) if Path("/dev/full").exists() else None,  # noqa: SIM115
            "closed": io.StringIO(),
            "gone": os.fdopen(writer, "w", buffering=1),
            "ascii": io.TextIOWrapper(io.BytesIO(), "ascii", write_through=True),
            "none": None,
        }
        streams["closed"].close()
        (tmp_path / "file").write_text("x")
        with monkeypatch.context() as patch:
            patch.setattr("sys.stdout", streams[broken])
            offline.log("é", "ü")
            offline.log_list("x", [1, 2])
            offline.tag("é", 1)
            offline.display_name = "é"
            offline.upload_file("é", tmp_path / "file")
            offline.register_model("net", "outputs/")
            offline.create_children(2)
            offline.fail("é")
            offline.wait_for_completion()
        assert offline.get_metrics() == {"é": "ü", "x": [1, 2]}
        if broken == "ascii":
            assert b"metric \\xe9:\n\\xfc\n" in streams["ascii"].buffer.getvalue()
        for name in ("full", "gone"):
            with contextlib.suppress(OSError, AttributeError):
                streams[name].close()

    def test_a_long_training_needs_no_more_memory_than_a_short_one(
        self, offline: Run, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("traindock.runtime.offline.KEPT", 20_000)
        for n in range(1000):
            offline.log("loss", n)
            offline.log_list("list", [n, n])
        kept = offline.get_metrics()["loss"]
        assert kept == list(range(1000))[-len(kept) :]
        assert 10 < len(kept) < 100
        offline.log_list("long", ["x" * 30_000])
        assert list(offline.get_metrics()) == ["long"]

    def test_integers_of_any_length(self, offline: Run, capsys: pytest.CaptureFixture[str]) -> None:
        offline.log("h", -(10**5000))
        offline.log_list("list", [10**5000])
        assert offline.get_metrics() == {"h": -(10**5000), "list": [10**5000]}
        assert "-0x" in capsys.readouterr().out

    def test_a_model_that_is_not_there_is_said_and_not_raised(
        self, offline: Run, capsys: pytest.CaptureFixture[str]
    ) -> None:
        offline.register_model("net", "outputs/net.pt")
        offline.upload_file("nets/net.pt", io.BytesIO(b"x"))
        offline.register_model("net", "nets/")
        lines = capsys.readouterr().out.splitlines()
        assert [line.endswith("where no file lies here") for line in lines] == [True, False, False]

    def test_files_that_are_not_there(self, offline: Run, capsys: pytest.CaptureFixture[str]) -> None:
        offline.download_files("outputs/", "there")
        assert "Attempted to download" in capsys.readouterr().out
        assert (offline.get_all_logs("there"), os.listdir()) == ([], [])


def test_offline_calls_print_what_they_would_do(offline: Run, capsys: pytest.CaptureFixture[str]) -> None:
    offline.log("loss", 0.5, step=3)
    offline.log("loss", np.float32(0.25))
    assert capsys.readouterr().out.splitlines() == [
        "Attempted to log scalar metric loss (step 3):",
        "0.5",
        "Attempted to log scalar metric loss:",
        "0.25",
    ]
    assert offline.get_metrics() == {"loss": [0.5, 0.25]}
    assert offline.id.startswith("OfflineRun_")
    assert (offline.number, offline.parent, offline.experiment.name) == (0, None, "offline")
    offline.flush()


class TestModels:
    def test_outside_of_a_job_they_lie_below_the_current_folder(self, offline: Run, tmp_path: Path) -> None:
        with pytest.raises(errors.ModelNotFoundException, match="'net' was found neither in 'azureml-models/net'"):
            Model.get_model_path("net")
        for version in ("2", "10"):
            (tmp_path / "azureml-models/net" / version).mkdir(parents=True)
            (tmp_path / "azureml-models/net" / version / "net.pt").write_text(version)
        assert Model.get_model_path("net") == "azureml-models/net/10/net.pt"
        assert Model.get_model_path("net", 2) == "azureml-models/net/2/net.pt"
        (tmp_path / "azureml-models/net/10/other").write_text("")
        with pytest.raises(errors.ModelNotFoundException, match="2 entries"):
            Model.get_model_path("net")

    def test_the_rest_is_for_the_outside(self) -> None:
        for call in (lambda: Model("workspace", "net"), Model.list, lambda: Model.register(model_path="x")):
            with pytest.raises(errors.RunEnvironmentException, match="not available inside a job"):
                call()
        for wrong in ("a b", "../net", ""):
            with pytest.raises(errors.UserErrorException, match="model name"):
                Model.get_model_path(wrong)
        with pytest.raises(errors.UserErrorException, match="is no version"):
            Model.get_model_path("net", "newest")
        assert {name: value for name, value in vars(Model.Framework).items() if name.isupper()} == {
            name: value for name, value in vars(WholeModel.Framework).items() if name.isupper()
        }
