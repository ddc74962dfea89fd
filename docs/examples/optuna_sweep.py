import numpy as np
import optuna

from plateau_sweeps import PlateauStop


def objective(trial):
    rate = trial.suggest_float("rate", 0.01, 0.2, log=True)
    noise = np.random.default_rng(trial.number)
    stop = PlateauStop(trial)
    for epoch in range(1000):
        loss = np.exp(-rate * epoch) + 0.3 + 0.01 * noise.normal()  # of an epoch
        if stop.step(loss):
            break
    return stop.best


optuna.logging.set_verbosity(optuna.logging.WARNING)
study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
study.optimize(objective, n_trials=4)
for trial in study.trials:
    epochs = len(trial.intermediate_values)
    print(f"{trial.state.name}, {epochs} epochs: {trial.user_attrs['plateau:reason']}")
