"""
Is active learning worth it on my data?
=======================================

One command answers it for a table of yours whose labels are known::

    python examples/07_worth_it.py table.csv name_of_the_label_column

Without arguments the data are handwritten digits. On each of ten splits, every
strategy runs a labelling campaign from the same first labels; the answer is the
summary of all of them, and a picture of their curves. ``--picture curve.png`` saves
the picture. The one in the README is made by::

    python examples/07_worth_it.py --picture docs/images/learning_curve.png

Needs matplotlib and pandas: ``python -m pip install '.[examples]'``.
"""

import argparse

import matplotlib.pyplot as plt
import numpy as np
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

parser = argparse.ArgumentParser(description="Is active learning worth it?")
parser.add_argument("table", nargs="?", help="a CSV file; default: digits")
parser.add_argument("column", nargs="?", help="its column of labels")
parser.add_argument("--picture", help="where to save the picture")
arguments = parser.parse_args()
if arguments.table and not arguments.column:
    parser.error("name the column of labels as well: table.csv column")

if arguments.table:
    table, column = pd.read_csv(arguments.table), arguments.column
    numbers = make_column_selector(dtype_include="number")
    others = make_column_selector(dtype_exclude="number")
    model = make_pipeline(
        make_column_transformer(
            (make_pipeline(SimpleImputer(), StandardScaler()), numbers),
            (OneHotEncoder(handle_unknown="ignore"), others),
        ),
        SVC(C=10),
    )
else:
    digits = load_digits(as_frame=True)
    table, column = digits.frame, digits.target.name
    model = SVC(C=10)  # pixels share one scale already

# %%
# The campaigns
# -------------

curve = active_learning_curve(
    model,
    table.drop(columns=column),
    table[column],
    strategies=["auto", "margin"],
    budget=min(150, len(table) // 2),
    cv=5,
    n_repeats=2,
    scoring="accuracy",
    random_state=0,
)

# %%
# The answer
# ----------

summary = curve.summary()
print(summary)

# %%
# Where a curve crosses the dotted line, it is as good as random with all labels. The
# arrow shows how many labels the best strategy saves until there.

figure, ax = plt.subplots(figsize=(7, 4), layout="constrained")
ActiveLearningCurveDisplay.from_results(curve, scoring="accuracy", ax=ax)
random_in_the_end = curve.test_scores[0, -1].mean()
ax.axhline(random_in_the_end, color="black", linestyle=":", linewidth=1)
best = max(summary, key=lambda record: record["labels_saved"])
if np.isfinite(best["labels_saved"]) and best["labels_saved"] > 0:
    ax.annotate(
        "",
        xy=(best["labels_needed"], random_in_the_end),
        xytext=(curve.n_labels[-1], random_in_the_end),
        arrowprops={"arrowstyle": "->", "linewidth": 1.5, "shrinkA": 0, "shrinkB": 0},
    )
ax.set_title(summary.sentence.replace("; ", ";\n"), fontsize="medium")
if arguments.picture:
    figure.savefig(arguments.picture, dpi=100)
plt.show()
