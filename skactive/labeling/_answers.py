"""Answers of several annotators: one label a row, and how good the annotators are."""

from __future__ import annotations

import numbers
from collections.abc import Callable
from typing import Any

import numpy as np

from skactive._compat.sklearn import _num_samples
from skactive._compat.typing import Array
from skactive._data.labels import MISSING, decode_labels, encode_labels
from skactive._data.pool import as_rows
from skactive.labeling._annotator_quality import (
    AnnotatorQuality,
    agreement_of_answers,
    balanced,
    share_interval,
    shrunk_share,
)
from skactive.labeling._answer_table import AnswerTable
from skactive.labeling._consensus import agreement_with_others, majority
from skactive.labeling._crowd import crowdlab_consensus
from skactive.labeling._held_out import held_out_codes, held_out_proba
from skactive.labeling._ids import decode
from skactive.labeling._results import SessionResults
from skactive.strategies._messages import shorten
from skactive.strategies._selection import as_generator, check_rows, draw_seed

RandomState = int | np.random.RandomState | None


class Answers(AnswerTable):
    """Labels of several annotators, who may differ, for the rows of a pool.

    It is a long table of row, annotator and label, to which answers are only added.
    :meth:`consensus` makes one label a row of it, and :meth:`quality` says how good
    the annotators are. :func:`query_annotators` chooses whom to ask about what.

    Parameters
    ----------
    n_samples : int
        Number of rows in the pool.
    annotators : sequence of str or int
        Names of the annotators, all different.

    Attributes
    ----------
    n_samples : int
        Number of rows in the pool.
    annotators : list
        Names of the annotators.
    classes : ndarray of shape (n_classes,)
        Sorted distinct labels that were given.

    See Also
    --------
    query_annotators : Choose rows, and whom to ask about them.

    Notes
    -----
    A missing label, None or NaN, says that the annotator was asked and does not know.
    It counts for nothing, but :func:`query_annotators` does not ask that again. A label
    may still follow it.

    Examples
    --------
    >>> from skactive.labeling import Answers
    >>> answers = Answers(4, annotators=["ann", "bob", "eve"])
    >>> answers.add([0, 1, 2], "ann", ["cat", "dog", "dog"])
    >>> answers.add([0, 2, 2], ["bob", "bob", "eve"], ["cat", "cat", "dog"])
    >>> answers
    Answers(6 answers of 3 annotators on 3 of 4 rows)
    >>> answers.consensus().tolist()
    ['cat', 'dog', 'dog', None]
    """

    @classmethod
    def from_session(cls, session: Any) -> Answers:
        """Make a table of answers from the labels in a session.

        Each annotator's last label of a row counts that was not undone, and so do
        imported labels, such as those of the sources of :func:`label_pool`. Discarded
        rows have none.

        Parameters
        ----------
        session : LabelingSession
            The session. Rows are those of its `X`.

        Returns
        -------
        answers : Answers
            The table. Its annotators are those with a label, sorted.
        """
        if not isinstance(session, SessionResults):
            raise TypeError(
                "from_session needs an open LabelingSession, which knows the rows of "
                f"its pool; got {shorten(session)}. Open the file with "
                "LabelingSession(path, X)."
            )
        found = [
            (row, name, decode(label))
            for row, name, label in session._answers_in_pool()
        ]
        names = sorted({name for _, name, _ in found})
        if not names:
            raise ValueError("Nobody has labelled a row of the session yet.")
        answers = cls(_num_samples(session._X), names)
        answers.add(*(list(column) for column in zip(*found, strict=True)))
        return answers

    # -----------------------------------------------------------------------------
    # One label a row
    # -----------------------------------------------------------------------------

    def consensus(
        self,
        method: str | Callable[[Any], Any] = "majority",
        *,
        learner: Any = None,
        X: Any = None,
        random_state: RandomState = 0,
    ) -> Array:
        """Make one label per row of the answers, for the `fit` and `query` of a learner.

        Parameters
        ----------
        method : {"majority", "crowdlab"} or callable, default="majority"
            How to decide between answers:

            - "majority": the label that most annotators gave. Between equally many, it
              is that of the annotators of higher quality, and then a random one. Their
              quality is that of :meth:`quality` if `learner` and `X` are given, and
              their agreement with each other otherwise.
            - "crowdlab": the label that CROWDLAB [1]_ takes for the best one, which
              weighs annotators, and the predictions of `learner`. It needs cleanlab:
              ``python -m pip install 'skactive[crowd]'``. Where each row has one
              answer, there is nothing to decide, and it is that answer.
            - a function of the data frame of :meth:`to_frame` that returns a Series, or
              a dict, from rows to labels.
        learner : ActiveLearningClassifier, or an estimator that ends with one, default=None
            The learner. Required for "crowdlab".
        X : array-like, sparse, data frame or sequence of n_samples, default=None
            The pool. Required for "crowdlab".
        random_state : int, RandomState instance or None, default=0
            Decides what is left, and splits rows into folds. With an int, the same
            answers give the same labels.

        Returns
        -------
        y : ndarray of shape (n_samples,)
            Labels, NaN or None for rows without an answer.

        Raises
        ------
        ImportError
            If cleanlab is not installed, for "crowdlab".
        ValueError
            If `method` is none of these, or the function returns unknown rows.

        References
        ----------
        .. [1] H. W. Goh, U. Tkachenko, J. Mueller, "CROWDLAB: Supervised learning to
           infer consensus labels and quality scores for data with multiple annotators",
           2022.

        Examples
        --------
        >>> from skactive.labeling import Answers
        >>> answers = Answers.from_wide([[0, 0, 1], [1, 1, 0], [1, None, 0]])
        >>> answers.consensus()  # annotator 0 agrees more with the others than 2
        array([0., 1., 1.])
        >>> def first(frame):
        ...     return frame.groupby("row")["label"].first()
        >>> answers.consensus(first)
        array([0., 1., 1.])
        """  # noqa: E501
        if callable(method):
            return self._consensus_of(method)
        if method not in ("majority", "crowdlab"):
            raise ValueError(
                "method must be 'majority', 'crowdlab', or a function of the data "
                f"frame of answers; got {method!r}."
            )
        if (learner is None) != (X is None):
            raise ValueError("Give both learner and X, or neither.")
        rng = as_generator(random_state)
        draws = rng.random(self.n_samples)
        rows, place, votes = self._votes()
        if method == "crowdlab":
            codes = self._crowdlab(rows, place, votes, learner, X, rng)
        else:
            support = None
            if self._has_ties(votes):
                args = place, votes, learner, X, rng
                support = self._support(*args)
            codes = majority(votes, support, draws[rows])
        return self._as_labels(rows, self.classes, codes)

    @staticmethod
    def _has_ties(votes: Array) -> bool:
        return bool(((majority(votes) == MISSING) & votes.any(axis=1)).any())

    def _support(
        self, place: Array, votes: Array, learner: Any, X: Any, rng: np.random.Generator
    ) -> Array:
        """Sum of the qualities of those who voted for each class, as the votes."""
        if learner is None:
            args = place, self._who, self._codes, votes
            quality = agreement_with_others(*args, len(self.annotators))
        else:
            seed = int(rng.integers(2**31))
            quality = self.quality(learner, X, random_state=seed).agreement
        given = self._codes != MISSING
        support = np.zeros(votes.shape)
        cells = place[given], self._codes[given]
        np.add.at(support, cells, quality[self._who[given]])
        return support

    def _crowdlab(
        self,
        rows: Array,
        place: Array,
        votes: Array,
        learner: Any,
        X: Any,
        rng: np.random.Generator,
    ) -> Array:
        if learner is None:
            raise ValueError(
                "consensus('crowdlab') needs learner and X, whose predictions it "
                "weighs against the answers."
            )
        known = votes.any(axis=1)
        codes = np.full(len(rows), MISSING, dtype=np.intp)
        if (votes.sum(axis=1) > 1).any():
            proba = self._held_out_proba(learner, X, int(rng.integers(2**31)))
            codes[known] = crowdlab_consensus(self._wide(rows[known]), proba)
        elif known.any():  # there is nothing to decide
            codes[known] = votes[known].argmax(axis=1)
        return codes

    def _consensus_of(self, method: Callable[[Any], Any]) -> Array:
        found = method(self.to_frame().dropna(subset=["label"]))
        if not hasattr(found, "items"):
            raise ValueError(
                "The function must return a Series or a dict from rows to labels; got "
                f"{shorten(found)}."
            )
        rows = check_rows([*found.keys()], self.n_samples, "Rows of the function")
        classes, codes = encode_labels([label for _, label in found.items()])
        return self._as_labels(rows, classes, codes)

    def _as_labels(self, rows: Array, classes: Array, codes: Array) -> Array:
        everywhere = np.full(self.n_samples, MISSING, dtype=np.intp)
        everywhere[rows] = codes
        return decode_labels(classes, everywhere)

    # -----------------------------------------------------------------------------
    # The annotators
    # -----------------------------------------------------------------------------

    def quality(
        self,
        learner: Any,
        X: Any,
        *,
        cv: int = 5,
        confidence: float = 0.95,
        random_state: RandomState = 0,
    ) -> AnnotatorQuality:
        """Estimate how good the annotators are, also if no row has two answers.

        Answers are compared with what a model predicts that has not learnt from any
        answer on the row: clones of the learner are fitted on the consensus of the
        other folds. They learn from rows of all annotators, of none from more than
        twice as many as the median annotator has answered, so that they do not learn
        the mistakes of the one who has answered most. The share of an annotator's
        answers that agree with it is shrunk to the common one, the more the fewer
        answers there are.

        Parameters
        ----------
        learner : ActiveLearningClassifier, or an estimator that ends with one
            The learner, fitted or not.
        X : array-like, sparse, data frame or sequence of n_samples
            The pool.
        cv : int, default=5
            Number of folds, at least 2.
        confidence : float in (0, 1), default=0.95
            Level of the intervals.
        random_state : int, RandomState instance or None, default=0
            Splits rows into folds.

        Returns
        -------
        quality : AnnotatorQuality
            A named tuple with the `agreement` of each annotator, its `interval` and
            `n_answers`. Its `str` is a table.

        Notes
        -----
        The agreement is not the accuracy, but rises with it: it is lower by about the
        share of rows on which the model is wrong. Mistakes that several annotators have
        in common are learnt by the model, and such annotators look better than they
        are.
        While there are too few labels for a model, the agreement of all is 0.5, and
        `n_answers` is 0.

        Examples
        --------
        >>> import numpy as np
        >>> from sklearn.datasets import load_iris
        >>> from sklearn.linear_model import LogisticRegression
        >>> from skactive import ActiveLearningClassifier
        >>> from skactive.labeling import Answers
        >>> X, y = load_iris(return_X_y=True)
        >>> wrong = np.random.default_rng(0).integers(3, size=len(X))
        >>> answers = Answers(len(X), ["ann", "bob"])
        >>> answers.add(range(0, 150, 2), "ann", y[::2])
        >>> answers.add(range(1, 150, 4), "bob", y[1::4])
        >>> answers.add(range(3, 150, 4), "bob", wrong[3::4])
        >>> learner = ActiveLearningClassifier(LogisticRegression(max_iter=1000))
        >>> print(answers.quality(learner, X))
        ann  agrees with the model on 85% of 75 answers (95% interval 77% to 92%)
        bob  agrees with the model on 67% of 75 answers (95% interval 56% to 76%)
        """
        if not 0 < confidence < 1:
            raise ValueError(f"confidence must be between 0 and 1; got {confidence!r}.")
        rows, place, votes = self._votes()
        is_learnt = np.zeros(len(rows), dtype=bool)
        is_learnt[place[balanced(self._who)]] = True
        codes = np.where(is_learnt, majority(votes), MISSING)
        args = self._model_of(learner, X, rows, codes, cv, random_state)
        expected = held_out_codes(*args[0], **args[1])
        n_right, n_all = agreement_of_answers(
            self._who, self._codes, expected[place], len(self.annotators)
        )
        return AnnotatorQuality(
            list(self.annotators),
            shrunk_share(n_right, n_all),
            share_interval(n_right, n_all, confidence),
            n_all.astype(np.intp),
            confidence,
        )

    def _held_out_proba(self, learner: Any, X: Any, seed: int | None) -> Array:
        """Probabilities of `classes` for rows with a label, by models of others."""
        rows, codes = self._untied()
        args = self._model_of(learner, X, rows, codes, 5, seed)
        return held_out_proba(*args[0], **args[1])

    def _model_of(
        self,
        learner: Any,
        X: Any,
        rows: Array,
        codes: Array,
        cv: int,
        random_state: RandomState,
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Arguments for predictions by models of the rows whose answers have no tie."""
        X = as_rows(X)
        self._check_pool(X)
        if not isinstance(cv, numbers.Integral) or cv < 2:
            raise ValueError(f"cv must be an int, 2 or more; got {cv!r}.")
        how = {"cv": int(cv), "seed": draw_seed(random_state)}
        return (learner, X, rows, codes, self.classes), how
