"""Validation that does not fool itself: pure functions on models.samples.Samples and a models.learners.base.Learner.

    splits        folds over time, purged on both sides, with an embargo
    cross         out-of-fold evaluation, all that is fitted fitted within the fold; baselines and chance beside it
    scores        figures of one fold; summary: their intervals over folds
    tuning        hyper-parameters within training parts; search, overfitting, returns: what the search found is worth
    holdout       the last samples, looked at once, every look counted
    leaks         what is checked when a model is too good; leak_report: when that is, and the page that is written

What each number means: docs/reference/validation.md. Nothing here logs, stores or reads a clock but to time a fit.
"""
