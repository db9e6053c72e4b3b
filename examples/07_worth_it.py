"""
Is active learning worth it on my data?
=======================================

One command answers it for a table of yours whose labels are known::

    python examples/07_worth_it.py table.csv name_of_the_label_column

Without arguments the data are handwritten digits. On each of ten splits, every
strategy runs a labelling campaign from the same first labels; the answer is the
summary of all of them, and a picture of their curves.

Needs matplotlib and pandas: ``python -m pip install '.[examples]'``.
"""

import sys

import matplotlib.pyplot as plt
import pandas as pd
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.datasets import load_digits
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import SVC

from skactive.display import ActiveLearningCurveDisplay
from skactive.model_selection import active_learning_curve

# %%
# The table and the model
# -----------------------

if len(sys.argv) == 3:
    table, column = pd.read_csv(sys.argv[1]), sys.argv[2]
else:
    digits = load_digits(as_frame=True)
    table, column = digits.frame, digits.target.name

numbers = make_column_selector(dtype_include="number")
others = make_column_selector(dtype_exclude="number")
model = make_pipeline(
    make_column_transformer(
        (make_pipeline(SimpleImputer(), StandardScaler()), numbers),
        (OneHotEncoder(handle_unknown="ignore"), others),
    ),
    SVC(C=10),
)

# %%
# The campaigns
# -------------

curve = active_learning_curve(
    model,
    table.drop(columns=column),
    table[column],
    strategies=["margin", "diverse"],
    budget=min(150, len(table) // 2),
    cv=5,
    n_repeats=2,
    scoring="accuracy",
    random_state=0,
)

# %%

display = ActiveLearningCurveDisplay.from_results(curve, scoring="accuracy")
# Where a curve crosses the dotted line, it is as good as random with all labels.
random_in_the_end = curve.test_scores[0, -1].mean()
display.ax_.axhline(random_in_the_end, color="black", linestyle=":", linewidth=1)
plt.show()

# %%
# The answer
# ----------

print(curve.summary())
