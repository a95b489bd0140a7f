"""`train-ctc.v1`: a CTC model for `ctc.v1`, trained on speech with text."""

from __future__ import annotations

import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

import torch

from spiritkit import devices
from spiritkit.checks import check_range
from spiritkit.data.recordings import Recordings
from spiritkit.errors import RequestError
from spiritkit.interfaces import Context, Corpus, Step
from spiritkit.seeding import torch_seeded
from spiritkit.training import Training, is_finished
from spiritkit.training.model_card import write_model_card
from spiritkit.training.schedule import ScheduleName, factor
from spiritkit_ctc.batches import Batches
from spiritkit_ctc.checkpoint import read_network
from spiritkit_ctc.evaluation import evaluate
from spiritkit_ctc.loss import PriorCTCLoss
from spiritkit_ctc.network import SAMPLE_RATE, Network
from spiritkit_ctc.small import Sizes, SmallCTC
from spiritkit_ctc.symbols import characters_of

_CLIP = 1.0


class TrainCTC(Step):
    """Trains a model that spells speech, and writes the folder `model`, which `ctc.v1` loads, with a model card.

    The model is a small one on log-mel spectrograms, or one in Hugging Face format that training goes on from. With
    validation data it reports the character error rate and, where word times are known, by how many ms the words'
    beginnings and ends are off.

    Args:
        corpus: utterances with sound and text; others are left out.
        validation: likewise; read whole at each validation.
        start_from: a folder that this step wrote, or a folder or hub name of a wav2vec 2.0, HuBERT… model; its sizes
            are kept, and its characters, if it has any. Its convolutions over the waveform are not trained. None for a
            new small model.
        dim: width of a small model.
        layers: its blocks, of attention and convolution each.
        heads: its attention heads.
        kernel_size: its depthwise convolutions' width, in frames; odd.
        frame_ms: how long its frames are.
        dropout: in training.
        label_prior: how much the labels' priors are divided out in the loss, which makes for less peaky posteriors and
            better boundaries (Huang et al. 2024); 0 is plain CTC.
        steps: how many batches.
        batch_size: utterances of a batch.
        learning_rate: of AdamW, at its highest.
        schedule: of the learning rate after the warm-up.
        warmup: steps over which the learning rate rises.
        weight_decay: of AdamW.
        validate_every: steps between two validations.
        save_every: steps between two states, from which an interrupted run goes on.
        device: where to compute.
        precision: number format of the matrix products; bfloat16 pays on GPUs.
    """

    sections = ()

    def __init__(
        self,
        *,
        corpus: Corpus,
        validation: Corpus | None = None,
        start_from: Path | str | None = None,
        dim: int = 144,
        layers: int = 4,
        heads: int = 4,
        kernel_size: int = 15,
        frame_ms: Literal[10, 20] = 20,
        dropout: float = 0.1,
        label_prior: float = 0.1,
        steps: int = 5000,
        batch_size: int = 16,
        learning_rate: float = 1e-3,
        schedule: ScheduleName = "cosine",
        warmup: int = 200,
        weight_decay: float = 0.01,
        validate_every: int = 1000,
        save_every: int = 500,
        device: str = "auto",
        precision: Literal["float32", "bfloat16"] = "float32",
    ):
        whole = {"dim": dim, "layers": layers, "heads": heads, "kernel_size": kernel_size, "steps": steps}
        whole |= {"batch_size": batch_size, "validate_every": validate_every, "save_every": save_every}
        check_range("train-ctc.v1", whole, at_least=1)
        check_range("train-ctc.v1", {"dropout": dropout, "label_prior": label_prior}, at_least=0, below=1)
        check_range("train-ctc.v1", {"learning_rate": learning_rate}, above=0)
        check_range("train-ctc.v1", {"warmup": warmup, "weight_decay": weight_decay}, at_least=0)
        self._sizes = Sizes(dim=dim, layers=layers, heads=heads, kernel_size=kernel_size, frame_ms=frame_ms)
        if problem := self._sizes.problem():
            raise RequestError(problem)
        self._corpus, self._validation, self._start_from = corpus, validation, start_from
        self._dropout, self._label_prior = dropout, label_prior
        self._steps, self._batch_size = steps, batch_size
        self._learning_rate, self._schedule, self._warmup = learning_rate, schedule, warmup
        self._weight_decay = weight_decay
        self._validate_every, self._save_every = validate_every, save_every
        self._device, self._precision = device, precision
        self._settings: dict[str, Any] = {
            "start_from": start_from,
            **(asdict(self._sizes) if start_from is None else {}),
            "dropout": dropout,
            "label_prior": label_prior,
            "steps": steps,
            "batch_size": batch_size,
            "learning_rate": learning_rate,
            "schedule": schedule,
            "warmup": warmup,
            "weight_decay": weight_decay,
            "precision": precision,
        }

    def input_files(self) -> list[Path]:
        """The tables of the corpora."""
        return [path for corpus in (self._corpus, self._validation) if corpus for path in corpus.input_files()]

    def run(self, context: Context) -> None:
        """See `Step.run`."""
        if is_finished(context.folder, context.folder / "model"):
            return
        device = devices.device(self._device)
        with torch_seeded(context.seed, "weights"):
            network = self._network().to(device).train()
        batches = Batches(self._corpus, network, self._batch_size, context.seed)
        validation = Recordings(self._validation, SAMPLE_RATE) if self._validation else None
        loss_of = PriorCTCLoss(network.symbols.size, network.symbols.blank, self._label_prior).to(device)
        parameters = [parameter for parameter in network.parameters() if parameter.requires_grad]
        optimizer = torch.optim.AdamW(parameters, betas=(0.9, 0.98), weight_decay=self._weight_decay)
        training = Training(
            context,
            steps=self._steps,
            parts={"network": network, "loss": loss_of, "optimizer": optimizer},
            save_every=self._save_every,
            report_every=50,
        )
        figures: dict[str, float] | None = None
        for step in training:
            batch = batches.batch(step)
            rate = self._learning_rate * factor(self._schedule, step, self._steps, self._warmup)
            for group in optimizer.param_groups:
                group["lr"] = rate
            if batch.inputs:
                with torch.autocast(device.type, torch.bfloat16, enabled=self._precision == "bfloat16"):
                    logits = network(batch.inputs)
                loss = loss_of(logits, batch.lengths, batch.targets)
                loss.backward()
                torch.nn.utils.clip_grad_norm_(parameters, _CLIP)
                optimizer.step()
                optimizer.zero_grad()
                training.report(loss=loss, learning_rate=rate)
            if validation and training.due(self._validate_every):
                with training.untimed():
                    figures = evaluate(network, validation)
                training.report_now(**figures)
        if validation and figures is None:  # the steps were all done by an earlier try
            figures = evaluate(network, validation)
        self._write(context, network, figures or {})
        training.finish()

    def _network(self) -> Network:
        """The network that training begins with; its new weights are drawn from PyTorch's global random numbers."""
        characters = characters_of(utterance.text or "" for utterance in self._corpus)
        if self._start_from is not None:
            return read_network(self._start_from, characters=characters, dropout=self._dropout)
        return SmallCTC(self._sizes, characters, self._dropout)

    def _write(self, context: Context, network: Network, figures: dict[str, float]) -> None:
        target, temporary = context.folder / "model", context.folder / ".model"
        shutil.rmtree(temporary, ignore_errors=True)
        network.write(temporary)
        self._write_card(temporary / "README.md", network, figures, context.seed)
        shutil.rmtree(target, ignore_errors=True)
        temporary.rename(target)

    def _write_card(self, path: Path, network: Network, figures: dict[str, float], seed: int) -> None:
        data = {"training": f"{len(self._corpus)} utterances"}
        if self._validation:
            data["validation"] = f"{len(self._validation)} utterances"
        n_parameters = sum(parameter.numel() for parameter in network.parameters())
        write_model_card(
            path,
            title="A CTC model for forced alignment",
            summary=(
                f"16 kHz sound to {len(network.symbols.ids)} characters in frames of "
                f"{1000 * network.grid.samples / SAMPLE_RATE:g} ms; {n_parameters:,} parameters. `ctc.v1` loads this "
                "folder."
            ),
            data=data,
            parameters=self._settings,
            figures=figures,
            seed=seed,
            packages=["spiritkit-ctc", "torchaudio", "transformers"],
        )
