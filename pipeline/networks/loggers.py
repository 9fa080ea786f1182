"""Where trainings report their losses as they go: Fabric's loggers and two more, chosen by one parameter."""

import importlib
import importlib.util
import os
import time
from argparse import Namespace
from pathlib import Path
from typing import Any

from lightning_fabric.loggers.csv_logs import CSVLogger
from lightning_fabric.loggers.logger import Logger
from lightning_fabric.loggers.tensorboard import TensorBoardLogger

from pipeline.store.runtime import LoggerName

PACKAGES: dict[str, str] = {"tensorboard": "tensorboard", "mlflow": "mlflow", "dvclive": "dvclive"}
"""Logger -> the optional package it needs."""


class MlflowLogger(Logger):
    """Reports to MLflow: one run a training, in the experiment ``vehicle-reid``.

    The environment variable MLFLOW_TRACKING_URI says where; without it, runs are kept in a file.

    Args:
        folder: Where that file lies, ``mlflow.db``.
        name: Of the run.
    """

    EXPERIMENT = "vehicle-reid"

    def __init__(self, folder: Path, name: str) -> None:
        super().__init__()
        self._folder = folder
        self._name = name
        self._client: Any = None
        self._run = ""

    @property
    def name(self) -> str:
        """Of the run."""
        return self._name

    @property
    def version(self) -> str:
        """MLflow's own name of the run, "" before anything was logged."""
        return self._run

    def log_metrics(self, metrics: dict[str, float], step: int | None = None) -> None:
        """Record metrics of one step."""
        client, now = self._started(), int(time.time() * 1000)
        metric = importlib.import_module("mlflow.entities").Metric
        points = [metric(name, float(value), now, step or 0) for name, value in metrics.items()]
        client.log_batch(self._run, metrics=points)

    def log_hyperparams(self, params: dict[str, Any] | Namespace, *args: Any, **kwargs: Any) -> None:
        """Record parameters of the run."""
        client = self._started()
        for name, value in (vars(params) if isinstance(params, Namespace) else params).items():
            client.log_param(self._run, name, value)

    def finalize(self, status: str) -> None:
        """Close the run, as finished or failed."""
        if self._run:
            self._client.set_terminated(self._run, "FINISHED" if status == "success" else "FAILED")

    def _started(self) -> Any:
        """The client, with a run begun."""
        if self._client is None:
            self._folder.mkdir(parents=True, exist_ok=True)
            where = os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{self._folder.resolve()}/mlflow.db"
            self._client = importlib.import_module("mlflow").MlflowClient(tracking_uri=where)
            found = self._client.get_experiment_by_name(self.EXPERIMENT)
            number = self._client.create_experiment(self.EXPERIMENT) if found is None else found.experiment_id
            self._run = self._client.create_run(number, run_name=self._name).info.run_id
        return self._client


class DvcliveLogger(Logger):
    """Reports to DVCLive: a TSV file a metric, and the last values as JSON; no experiment of DVC's is made.

    Args:
        folder: Where the files go; what an earlier training left there is replaced.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._folder = folder
        self._live: Any = None

    @property
    def name(self) -> str:
        """Of the training."""
        return self._folder.as_posix()

    @property
    def version(self) -> str:
        """There is one: ""."""
        return ""

    def log_metrics(self, metrics: dict[str, float], step: int | None = None) -> None:
        """Record metrics of one step."""
        if self._live is None:
            live = importlib.import_module("dvclive").Live
            self._live = live(str(self._folder), save_dvc_exp=False, dvcyaml=None, report=None)
        if step is not None:
            self._live.step = step
        for name, value in metrics.items():
            self._live.log_metric(name, value)
        self._live.make_summary()

    def log_hyperparams(self, params: dict[str, Any] | Namespace, *args: Any, **kwargs: Any) -> None:
        """Nothing: parameters are DVC's already."""

    def finalize(self, status: str) -> None:
        """Close the files."""
        if self._live is not None:
            self._live.end()
            self._live = None


def loggers_of(name: LoggerName, folder: Path) -> list[Logger]:
    """The logger of one training, none for ``none``.

    Args:
        name: Which one.
        folder: Where it writes, ``<logs>/<stage>/<data set>/<model>``.

    Raises:
        ValueError: Its package is not installed.
    """
    if name == "none":
        return []
    check_installed(name)
    if name == "csv":
        return [CSVLogger(folder.parent, folder.name, flush_logs_every_n_steps=1)]
    if name == "tensorboard":
        return [TensorBoardLogger(folder.parent, folder.name)]
    if name == "mlflow":
        return [MlflowLogger(folder.parents[2], "/".join(folder.parts[-3:]))]
    return [DvcliveLogger(folder)]


def check_installed(name: LoggerName) -> None:
    """Refuse a logger whose package is not installed; raises as `loggers_of`."""
    package = PACKAGES.get(name)
    if package is not None and importlib.util.find_spec(package) is None:
        raise ValueError(f"runtime.logger: {name} is not installed; it is optional: uv sync --inexact --group loggers")
