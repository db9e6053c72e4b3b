"""
Where should the next expensive simulation be run?
==================================================

A simulation depends on two parameters and takes hours, so that a few dozen runs must
do. A Gaussian process learns from them what the others would give. The candidates are
points that fill the square, and the learner says which of them to run next.

Needs matplotlib: ``python -m pip install '.[examples]'``.
"""

import matplotlib.pyplot as plt
import numpy as np
from scipy.stats import qmc
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import Matern

from skactive import ActiveLearningRegressor
from skactive.strategies import IntegratedVariance

# %%
# The simulation and its candidates
# ---------------------------------
#
# Here it is a formula: a slope with a narrow ridge. Sobol points fill the square
# evenly.


def simulate(X):
    ridge = np.exp(-60 * (X[:, 1] - 0.3 - 0.5 * X[:, 0] ** 2) ** 2)
    return X[:, 0] + 2 * ridge


candidates = qmc.Sobol(2, seed=0).random(512)
X_new = qmc.Sobol(2, seed=1).random(1024)

# %%
# Four ways to choose
# -------------------
#
# Each starts with the same eight runs, which cover the square, and adds four at a time.
# The error is taken at points that nobody runs.

process = GaussianProcessRegressor(
    Matern(0.3, (0.05, 5), nu=2.5), alpha=1e-6, normalize_y=True, random_state=0
)
STRATEGIES = {
    "random": "random",
    "largest deviation": "std",
    "LCMD, the default": "lcmd",
    "integrated variance": IntegratedVariance(),
}


def campaign(strategy):
    learner = ActiveLearningRegressor(
        process, strategy, batch_size=4, initial_strategy="max_herding", random_state=0
    )
    y = np.full(len(candidates), np.nan)
    n_runs, errors = [], []
    for n_queries in [8] + [4] * 10:
        rows = learner.query(candidates, y, n_queries)
        y[rows] = simulate(candidates[rows])  # hours, in real life
        learner.fit(candidates, y)
        n_runs.append(int(np.count_nonzero(~np.isnan(y))))
        difference = learner.predict(X_new) - simulate(X_new)
        errors.append(np.sqrt(np.mean(difference**2)))
    return learner, y, n_runs, errors


results = {name: campaign(strategy) for name, strategy in STRATEGIES.items()}
for name, (_, _, n_runs, errors) in results.items():
    print(f"{name:<20} RMSE {errors[0]:.3f} -> {errors[-1]:.3f}, {n_runs[-1]} runs")

# %%
# What was chosen, and what is left
# ---------------------------------
#
# The process knows how unsure it is: ``predict(X, return_std=True)``.

figure, axes = plt.subplots(1, 3, figsize=(12, 3.6))
side = np.linspace(0, 1, 60)
grid = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)
learner, y, *_ = results["integrated variance"]
mean, std = learner.predict(grid, return_std=True)
for ax, values, title in (
    (axes[0], mean, "prediction"),
    (axes[1], std, "standard deviation"),
):
    shown = ax.pcolormesh(side, side, values.reshape(60, 60), shading="auto")
    figure.colorbar(shown, ax=ax)
    run = ~np.isnan(y)
    ax.plot(*candidates[run].T, "w.", markeredgecolor="k", markersize=9)
    ax.set(title=title, xlabel="first parameter", ylabel="second parameter")
for name, (_, _, n_runs, errors) in results.items():
    axes[2].semilogy(n_runs, errors, label=name)
axes[2].set(title="error elsewhere", xlabel="runs", ylabel="RMSE")
axes[2].legend()
figure.tight_layout()

# %%
# The answer: run what lowers the variance everywhere, or what fills the largest gap.
# Both look at the whole square, while the largest deviations lie at its border. One
# seed is no proof; :func:`skactive.model_selection.active_learning_curve` measures what
# a strategy saves on data of your own.
