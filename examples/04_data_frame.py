"""
Which customers should be called first, to learn who will renew?
================================================================

The customers are a pandas DataFrame with numbers and categories, and both have gaps.
Some customers have said whether they will renew; for the others that column is
missing. The frame reaches the ColumnTransformer inside the learner as it is, and
`X.index[rows]` turns the positions that `query` gives into customer numbers.

Needs pandas and matplotlib: ``python -m pip install '.[examples]'``.
"""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from skactive import ActiveLearningClassifier

# %%
# The customers
# -------------

NUMBERS = ["months", "fee", "days_since_login", "complaints"]
CATEGORIES = ["plan", "country"]


def make_customers(n_customers, random_state):
    """A frame of customers, and whether each of them will renew, known to no one."""
    rng = np.random.default_rng(random_state)
    customers = pd.DataFrame(
        {
            "months": rng.integers(1, 60, n_customers).astype(float),
            "fee": rng.gamma(4, 5, n_customers).round(2),
            "days_since_login": rng.exponential(20, n_customers).round(),
            "complaints": rng.poisson(0.7, n_customers).astype(float),
            "plan": rng.choice(["basic", "family", "business"], n_customers),
            "country": rng.choice(["AT", "CH", "DE", "FR"], n_customers),
        },
        index=[f"C{number:04}" for number in range(1, n_customers + 1)],
    )
    doubt = (
        0.08 * customers["days_since_login"]
        + 1.5 * customers["complaints"]
        + 0.1 * customers["fee"]
        - 0.06 * customers["months"]
        - 2.0 * (customers["plan"] == "business")
        + rng.normal(scale=0.5, size=n_customers)
    )
    renews = pd.Series(np.where(doubt < 2, "yes", "no"), index=customers.index)
    for column in ["fee", "days_since_login", "plan", "country"]:
        customers.loc[rng.random(n_customers) < 0.1, column] = np.nan
    return customers, renews


customers, will_renew = make_customers(800, random_state=0)

# %%
# Twenty customers have answered a letter; nothing is known of the others.
customers["renews"] = pd.Series(pd.NA, index=customers.index, dtype="string")
answered = customers.sample(20, random_state=13).index
customers.loc[answered, "renews"] = will_renew[answered]

X = customers[NUMBERS + CATEGORIES]
print(f"{customers.head()}\n")

# %%
# The learner
# -----------
#
# It is given the frame as it is. Only the pipeline inside it knows about columns.

learner = ActiveLearningClassifier(
    make_pipeline(
        make_column_transformer(
            (make_pipeline(SimpleImputer(), StandardScaler()), NUMBERS),
            (OneHotEncoder(handle_unknown="ignore"), CATEGORIES),
        ),
        LogisticRegression(),
    ),
    strategy="margin",
    batch_size=10,
    random_state=0,
)
learner.fit(X, customers["renews"])

# %%
# The calls
# ---------
#
# Five times ten customers are called.

counts, scores = [], []
print("labels   right about customers not called")
for _ in range(5):
    rows = learner.query(X, customers["renews"])
    called = X.index[rows]
    customers.loc[called, "renews"] = will_renew[called]  # here someone calls
    learner.fit(X, customers["renews"])
    others = X.index[customers["renews"].isna()]
    counts.append(learner.n_labels_)
    scores.append(learner.score(X.loc[others], will_renew[others]))
    print(f"{counts[-1]:6} {scores[-1]:8.1%}")

# %%

figure, axis = plt.subplots(figsize=(6, 3.4), layout="constrained")
axis.plot(counts, scores, marker="o")
axis.set(xlabel="customers who have answered", ylabel="right about the others")
plt.show()
# %%
# Whom to call next
# -----------------
#
# The model also says how likely each of them is to renew.

rows = learner.query(X, customers["renews"], n_queries=5)
_, p_yes = learner.predict_proba(X.iloc[rows]).T
print(f"\n{X.iloc[rows].assign(p_yes=p_yes.round(2))}")
print(f"\nCall these customers next: {', '.join(X.index[rows])}")
