"""Small real trainings by each framework, all in the same clothes, so that one suite runs over all.

A linear model learns from noisy rows. Each row also has a number that is added to the loss and has
no gradient: there a NaN can stand that leaves the weights alone. A framework that lowers rates gets
a class here and a line in `FRAMEWORKS`; `boosters` and `loops` have those that only stop.
"""

import os
from functools import partial
from typing import NamedTuple

import numpy as np

from plateau.policy import Policy

BATCH, BATCHES = 4, 40
LR = 0.05


class Run(NamedTuple):
    """What a training did, step by step."""

    losses: list[float]
    """The loss of each step of the optimizer, as the framework itself tells it."""
    rates: list[float]
    """The learning rate behind each step."""


def rows(bad=()):
    """Inputs, targets and what is added to the loss, a NaN in these batches of the epoch."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(BATCH * BATCHES, 3)).astype(np.float32)
    y = x @ np.array([1.0, -2.0, 0.5], dtype=np.float32) + 0.3 * rng.normal(size=len(x))
    added = np.zeros(len(x), dtype=np.float32)
    for batch in bad:
        added[batch * BATCH] = np.nan
    return np.column_stack([x, y, added]).astype(np.float32)


class Batches:
    """The batches of an epoch, of the first one from the batch at which it was interrupted."""

    def __init__(self, data, start=0):
        self.data, self.start = data, start

    def __len__(self):
        return BATCHES

    def __iter__(self):
        start, self.start = self.start, 0
        for i in range(start, BATCHES):
            yield self.data[i * BATCH : (i + 1) * BATCH]


class Torch:
    """A loop of one's own, with the scheduler or with what stops."""

    package = "torch"
    rounding = 0.0

    def __init__(self, folder, detector, *, stop=False, policy=None, alerts=None):
        import torch

        from plateau_torch import PlateauLR, PlateauStopper

        self.torch, self.checkpoint = torch, folder / "run.pt"
        self.weight = torch.nn.Parameter(torch.zeros(3))
        self.optimizer = torch.optim.SGD([self.weight], lr=LR)
        if stop:
            self.plateau = PlateauStopper(detector.clone())
        else:
            told = {} if alerts is None else {"on_plateau": alerts}
            self.plateau = PlateauLR(self.optimizer, detector.clone(), **told, **(policy or {}))

    def states(self):
        return {"optimizer": self.optimizer, "plateau": self.plateau}

    def save(self):
        states = {name: each.state_dict() for name, each in self.states().items()}
        self.torch.save(states | {"weight": self.weight.detach()}, self.checkpoint)

    def load(self):
        saved = self.torch.load(self.checkpoint, weights_only=True)
        self.weight.data.copy_(saved["weight"])
        for name, each in self.states().items():
            each.load_state_dict(saved[name])

    def train(self, data, epochs, *, save_at=None, resume_at=None):
        """Train; save a checkpoint behind a step, or go on from it."""
        run, done = Run([], []), resume_at or 0
        if resume_at:
            self.load()
        batches = Batches(self.torch.from_numpy(data), start=done % BATCHES)
        for _ in range(done // BATCHES, epochs):
            for batch in batches:
                error = batch[:, :3] @ self.weight - batch[:, 3]
                loss = error.square().mean() + batch[:, 4].mean()
                self.optimizer.zero_grad()
                loss.backward()
                self.optimizer.step()
                stop = self.plateau.step(loss)
                run.losses.append(float(loss.detach()))
                run.rates.append(self.optimizer.param_groups[0]["lr"])
                if save_at == len(run.losses):
                    self.save()
                if stop:
                    return run
        return run


class Lightning:
    """One callback for the rates, or one that stops."""

    package = "lightning"
    rounding = 0.0

    def __init__(self, folder, detector, *, stop=False, accumulate=1, policy=None, alerts=None):
        import lightning.pytorch as lightning
        import torch

        from plateau_lightning import PlateauRate, PlateauStop

        self.lightning, self.torch, self.folder = lightning, torch, folder
        if stop:
            self.callback = PlateauStop(detector, alerts=alerts)
        else:
            self.callback = PlateauRate(detector, alerts=alerts, **(policy or {}))
        self.accumulate = accumulate
        self.checkpoint = str(folder / "run.ckpt")

    def train(self, data, epochs, *, save_at=None, resume_at=None):
        torch, lightning = self.torch, self.lightning
        run, framework = Run([], []), self

        class Module(lightning.LightningModule):
            def __init__(self):
                super().__init__()
                self.weight = torch.nn.Parameter(torch.zeros(3))

            def training_step(self, batch, index):
                error = batch[:, :3] @ self.weight - batch[:, 3]
                return error.square().mean() + batch[:, 4].mean()

            def configure_optimizers(self):
                return torch.optim.SGD(self.parameters(), lr=LR)

        class Recorder(lightning.Callback):
            parts = ()

            def on_train_batch_end(self, trainer, module, outputs, *_):
                self.parts = (*self.parts, float(outputs["loss"]) * framework.accumulate)
                if len(self.parts) == framework.accumulate or trainer.is_last_batch:
                    run.losses.append(sum(self.parts) / len(self.parts))
                    run.rates.append(trainer.optimizers[0].param_groups[0]["lr"])
                    self.parts = ()
                if save_at == trainer.global_step:
                    trainer.save_checkpoint(framework.checkpoint)

        trainer = lightning.Trainer(
            max_epochs=epochs,
            accelerator="cpu",
            accumulate_grad_batches=self.accumulate,
            callbacks=[self.callback, Recorder()],
            default_root_dir=self.folder,
            logger=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            enable_checkpointing=False,
        )
        # Lightning begins a loader anew where it resumes, unless that has a state of its own.
        loader = Batches(torch.from_numpy(data), start=(resume_at or 0) % BATCHES)
        trainer.fit(Module(), loader, ckpt_path=self.checkpoint if resume_at else None)
        return run


class Transformers:
    """The Trainer, with a constant rate of its own."""

    package = "transformers"
    rounding = 1e-12  # it holds the rate as a product

    def __init__(self, folder, detector, *, stop=False, policy=None, alerts=None):
        import torch
        import transformers

        from plateau_transformers import PlateauRate, PlateauStop

        self.torch, self.transformers, self.folder = torch, transformers, folder
        if stop:
            self.callback = PlateauStop(detector, alerts=alerts)
        else:
            self.callback = PlateauRate(detector, Policy(**policy or {}), alerts=alerts)
        self.own = {"lr_scheduler_type": "constant"}

    def train(self, data, epochs, *, save_at=None, resume_at=None):
        torch, transformers, run = self.torch, self.transformers, Run([], [])

        class Model(torch.nn.Module):
            def __init__(self):
                super().__init__()
                self.weight = torch.nn.Parameter(torch.zeros(3))

            def forward(self, row):
                error = row[:, :3] @ self.weight - row[:, 3]
                return {"loss": error.square().mean() + row[:, 4].mean()}

        class Recorder(transformers.TrainerCallback):
            def on_log(self, args, state, control, logs, optimizer, **_):
                if "loss" in logs:
                    run.losses.append(logs["loss"] or float("nan"))  # it logs a NaN as 0
                    run.rates.append(optimizer.param_groups[0]["lr"])

            def on_step_end(self, args, state, control, **_):
                control.should_save = state.global_step == save_at

        arguments = transformers.TrainingArguments(
            output_dir=str(self.folder),
            num_train_epochs=epochs,
            per_device_train_batch_size=BATCH,
            learning_rate=LR,
            optim="sgd",
            logging_steps=1,
            save_strategy="no",
            max_grad_norm=0.0,
            report_to=[],
            use_cpu=True,
            disable_tqdm=True,
            **self.own,
        )
        rows = [{"row": torch.from_numpy(row)} for row in data]
        model = Model()
        trainer = transformers.Trainer(
            model, arguments, train_dataset=rows, callbacks=[self.callback, Recorder()]
        )
        checkpoint = str(self.folder / f"checkpoint-{resume_at}") if resume_at else None
        trainer.train(resume_from_checkpoint=checkpoint)
        return run


class Keras:
    """One callback for the rates, or one that stops, and a saved model as the checkpoint."""

    package = "keras"
    rounding = 1e-6  # it holds the rate in single precision

    def __init__(self, folder, detector, *, stop=False, policy=None, alerts=None):
        os.environ.setdefault("KERAS_BACKEND", "torch")
        import keras

        from plateau_keras import PlateauRate, PlateauStop

        self.keras, self.folder = keras, folder
        told = {"file": folder / "plateau.json", "save_freq": 10, "alerts": alerts}
        if stop:
            self.callback = PlateauStop(detector, **told)
        else:
            self.callback = PlateauRate(detector, Policy(**policy or {}), **told)

    def train(self, data, epochs, *, save_at=None, resume_at=None):
        keras, run, framework = self.keras, Run([], []), self

        def squares(target, predicted):  # with a number behind each target that is added
            return keras.ops.square(target[:, :1] - predicted)[:, 0] + target[:, 1]

        class Data(keras.utils.PyDataset):
            def __init__(self, start=0):
                super().__init__()
                self.start = start

            def __len__(self):
                return BATCHES - self.start

            def __getitem__(self, index):
                index += self.start
                batch = data[index * BATCH : (index + 1) * BATCH]
                return batch[:, :3], batch[:, 3:]

        class Recorder(keras.callbacks.Callback):
            def on_train_batch_begin(self, batch, logs=None):
                x, y = Data(BATCHES - self.params["steps"])[batch]
                (weight,) = self.model.get_weights()
                run.losses.append(float(np.mean((x @ weight - y[:, :1])[:, 0] ** 2 + y[:, 1])))

            def on_train_batch_end(self, batch, logs=None):
                run.rates.append(float(self.model.optimizer.learning_rate))
                if save_at == int(self.model.optimizer.iterations):
                    self.model.save(framework.folder / "run.keras")

        if resume_at:
            model = keras.models.load_model(
                self.folder / "run.keras", custom_objects={"squares": squares}
            )
        else:
            dense = keras.layers.Dense(1, use_bias=False, kernel_initializer="zeros")
            model = keras.Sequential([keras.Input((3,)), dense])
            model.compile(keras.optimizers.SGD(LR), squares)
        fit = partial(model.fit, verbose=0, shuffle=False, callbacks=[self.callback, Recorder()])
        begun = -(-(resume_at or 0) // BATCHES)
        if resume_at and begun * BATCHES > resume_at:  # Keras has no way into an epoch
            fit(Data(resume_at % BATCHES))
        if not model.stop_training:
            fit(Data(), initial_epoch=begun, epochs=epochs)
        return run


FRAMEWORKS = {
    "torch": Torch,
    "lightning": Lightning,
    "transformers": Transformers,
    "keras": Keras,
}
