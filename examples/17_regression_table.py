"""
Which rows of a table should be measured to predict the others?
===============================================================

The table has numbers with gaps and a column of words, and a measurement of each row
takes a laboratory a day. The learner wraps the whole pipeline. A search finds the
strategy and the size of the trees on measurements that are there already, and an audit
says at the end how large the errors are.

Needs pandas and matplotlib: ``python -m pip install '.[examples]'``.
"""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.ensemble import ExtraTreesRegressor
from sklearn.impute import SimpleImputer
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from skactive import ActiveLearningRegressor

# %%
# The table
# ---------
#
# It is made up: a strength that depends on a recipe. One number in ten is missing.

rng = np.random.default_rng(0)
n_rows = 900
table = pd.DataFrame(
    {
        "cement": rng.gamma(8, 40, n_rows),
        "water": rng.normal(180, 20, n_rows),
        "age": rng.exponential(40, n_rows),
        "plant": rng.choice(["north", "south", "west"], n_rows, p=[0.7, 0.2, 0.1]),
    }
)
strength = (
    60 * np.exp(-0.004 * table["water"]) * np.log1p(table["cement"] / 100)
    + 6 * np.log1p(table["age"])
    + table["plant"].map({"north": 0.0, "south": 3.0, "west": -5.0})
    + rng.normal(0, 1.0, n_rows)
).to_numpy()
numbers = ["cement", "water", "age"]
table[numbers] = table[numbers].mask(rng.random((n_rows, 3)) < 0.1)

pipeline = make_pipeline(
    make_column_transformer(
        (make_pipeline(SimpleImputer(), StandardScaler()), numbers),
        (OneHotEncoder(handle_unknown="ignore"), ["plant"]),
    ),
    ExtraTreesRegressor(50, random_state=0),
)

# %%
# Which strategy, on measurements that are there already?
# -------------------------------------------------------
#
# The first 300 rows have been measured. Each fit of the search is a campaign that looks
# at 50 labels of its training part.

old, new = table[:300], table[300:].reset_index(drop=True)
search = GridSearchCV(
    ActiveLearningRegressor(pipeline, budget=50, random_state=0),
    {
        "strategy": ["random", "lcmd", "uncertainty_herding", "std"],
        "estimator__extratreesregressor__min_samples_leaf": [1, 3],
    },
    scoring="neg_root_mean_squared_error",
    cv=4,
).fit(old, strength[:300])
results = pd.DataFrame(search.cv_results_)
results["RMSE"] = -results["mean_test_score"]
columns = [name for name in results if name.startswith("param_")]
print(results.sort_values("RMSE")[[*columns, "RMSE"]].round(3).to_string(index=False))

# %%
# The campaign
# ------------
#
# Nothing is measured in the new part of the table. A fifth of each batch is random and
# kept for the audit.

learner = search.best_estimator_.set_params(budget=None, audit_fraction=0.2)
y = np.full(len(new), np.nan)
for _ in range(10):
    rows = learner.query(new, y)
    y[rows] = strength[300:][rows]  # a day in the laboratory, in real life
    learner.fit(new, y)
print(f"{learner.n_labels_} measurements")

# %%
# How large are the errors?
# -------------------------

audit = learner.audit(new, y, scoring="neg_root_mean_squared_error")
print(audit)
difference = learner.predict(new) - strength[300:]
print(f"in truth, which nobody knows here: {np.sqrt(np.mean(difference**2)):.2f}")

# %%
# Left, what the search found, with the better size of trees for each strategy. Right,
# predicted and true strengths of the rows that nobody measured.

figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.8), layout="constrained")
best = results.groupby("param_strategy")["RMSE"].min().sort_values()
left.plot(best, best.index, "o", color="#0072B2")
left.grid(axis="x", alpha=0.3)
left.invert_yaxis()
left.set(xlabel="RMSE with 50 labels")
is_open = np.isnan(y)
truth, predicted = strength[300:][is_open], learner.predict(new)[is_open]
right.plot(truth, predicted, ".", markersize=4, color="#D55E00")
right.axline((truth.mean(), truth.mean()), slope=1, color="black", linewidth=0.8)
right.set(xlabel="true strength", ylabel="predicted strength")
plt.show()

# %%
# The audit says that few of its rows have most of the error: recipes that are rare. Its
# interval is wide, and may still be too short. The answer to the question: rows that
# differ from those measured before. How much they save depends on the table, which is
# why the search is part of the example.
