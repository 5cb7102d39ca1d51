"""The points that keep models from fooling themselves, and the tests behind each: docs/reference/honest-models.md."""

from __future__ import annotations

from typing import NamedTuple

_FEATURES = "tests/models/features"
_LABELS = "tests/models/labels/test_threshold.py"
_DATA = "tests/models/marketdata"
_REGISTRY = "tests/models/registry"
_TRAINING = "tests/models/training"
_BACKTEST = "tests/models/backtest"
_SPLITS = "tests/models/validation/test_splits.py"
_CROSS = "tests/models/validation/test_cross.py"
_SCORES = "tests/models/validation/test_scores.py"
_TUNING = "tests/models/validation/test_tuning.py"
_OVERFITTING = "tests/models/validation/test_overfitting.py"
_HOLD_OUT = "tests/models/validation/test_holdout.py"
_LEAKS = "tests/models/validation/test_leaks.py"


class Point(NamedTuple):
    """number: of the list. point: what must hold. how: what is done. tests: path::name of each test that holds it."""

    number: int
    point: str
    how: str
    tests: tuple[str, ...]


POINTS = (
    Point(
        1,
        "The horizon is declared; training is purged on both sides of a test fold, with an embargo after it",
        "label intervals by day, purged by `purgedcv`; the embargo is the horizon unless told otherwise",
        (
            f"{_SPLITS}::test_walk_forward_learns_from_the_past_alone",
            f"{_SPLITS}::test_combinatorial_folds_are_purged_on_both_sides",
            f"{_SPLITS}::test_a_purge_from_the_wrong_end_is_caught",
            f"{_SPLITS}::test_the_default_embargo_is_the_horizon",
            f"{_TRAINING}/test_purging.py::test_no_training_label_meets_what_is_predicted",
        ),
    ),
    Point(
        2,
        "Scalers, selection, calibration and thresholds are fitted inside each fold",
        "a scaler is part of a learner; calibration and thresholds come from inner folds of the training part",
        (
            f"{_CROSS}::test_a_fold_is_fitted_on_its_training_rows_alone",
            f"{_CROSS}::test_labels_from_the_test_block_on_change_no_prediction",
        ),
    ),
    Point(
        3,
        "A feature at t is the same when all data after t is removed",
        "a feature is a function of the last bars alone; the leak hunt computes features again without the future",
        (
            f"{_FEATURES}/test_causality.py::test_later_bars_change_nothing",
            f"{_LEAKS}::test_features_are_computed_again_from_real_bars",
        ),
    ),
    Point(
        4,
        "A feature does not depend on how long the history is",
        "every feature sees one fixed window, full before it says anything",
        (
            f"{_FEATURES}/test_causality.py::test_the_history_before_the_window_changes_nothing",
            f"{_FEATURES}/test_causality.py::test_the_declared_window_is_honest",
            f"{_FEATURES}/test_frame.py::test_too_few_bars_give_no_row",
        ),
    ),
    Point(
        5,
        "Nothing looks ahead but the label: no negative shift, no centred window",
        "the sources are searched for both; a label depends on its own interval and on nothing else",
        (
            "tests/models/test_no_future.py::test_nothing_in_models_looks_ahead",
            f"{_LABELS}::test_a_label_depends_on_its_interval_alone",
        ),
    ),
    Point(
        6,
        "A decision at the close of t fills at the open of t + 1 or later, with its costs",
        "labels and strategy returns enter at the next open, net of costs, and hold no bar twice",
        (
            f"{_LABELS}::test_a_label_is_what_the_position_earns_net_of_costs",
            f"{_OVERFITTING}::test_returns_by_hand",
            f"{_OVERFITTING}::test_observations_share_no_bar",
        ),
    ),
    Point(
        7,
        "Tuning sees inner folds only; the last hold-out is touched once",
        "a study is handed one training part; every look at the hold-out is counted before it is given",
        (
            f"{_TUNING}::test_the_tuner_never_sees_an_outer_test_row",
            f"{_TUNING}::test_nothing_of_the_hold_out_flows_into_tuning",
            f"{_HOLD_OUT}::test_a_look_is_written_down_before_samples_are_given_out",
            f"{_HOLD_OUT}::test_the_same_market_again_is_a_further_look",
            f"{_TRAINING}/test_pipeline.py::test_no_plan_trains_on_what_is_held_out",
            f"{_REGISTRY}/test_records.py::test_a_hold_out_s_looks_are_counted_by_who_looks",
        ),
    ),
    Point(
        8,
        "Every trial is logged; deflated Sharpe and the probability of overfitting stand beside Sharpe",
        "trials that were pruned or failed count too; both figures are held to the papers and to a brute force",
        (
            f"{_TUNING}::test_a_trial_is_what_its_folds_say",
            f"{_TUNING}::test_a_failing_trial_is_recorded_and_the_study_goes_on",
            f"{_OVERFITTING}::test_the_worked_example_of_the_paper",
            f"{_OVERFITTING}::test_the_probability_of_overfitting_is_the_brute_forces",
            f"{_OVERFITTING}::test_a_search_is_reported_with_all_its_trials",
            f"{_REGISTRY}/test_records.py::test_every_trial_is_a_run_below_the_trainings_own",
        ),
    ),
    Point(
        9,
        "Baselines are always there: majority class, lagged logistic, permuted labels, buy and hold",
        "each is fitted on the same training rows and scored on the same test rows by the same figures",
        (
            f"{_CROSS}::test_a_known_edge_is_found_beside_its_baselines",
            f"{_CROSS}::test_without_an_edge_nothing_is_found",
            f"{_CROSS}::test_a_baseline_that_is_told_the_labels_is_seen",
        ),
    ),
    Point(
        10,
        "Several symbols are split by time, never by row",
        "a fold boundary is a day, for all symbols",
        (
            f"{_SPLITS}::test_walk_forward_learns_from_the_past_alone",
            f"{_SPLITS}::test_the_embargo_counts_trading_days_of_all_symbols",
            f"{_LABELS}::test_samples_are_pooled_by_time",
        ),
    ),
    Point(
        11,
        "Samples are weighted by how much of their label is their own",
        "uniqueness of labels per symbol; learners are fitted and scored with it",
        (
            f"{_LABELS}::test_uniqueness_is_one_over_the_labels_that_share_a_bar",
            f"{_SCORES}::test_six_rows_by_hand",
        ),
    ),
    Point(
        12,
        "Prices are declared as adjusted or raw",
        "adjusted for splits and dividends, volumes for splits",
        (
            f"{_DATA}/test_bokeh.py::test_splits_are_adjusted_away",
            f"{_DATA}/test_bokeh.py::test_adjusted_close_is_the_files_own",
            f"{_DATA}/test_adjustment.py::test_the_real_splits_are_suspected_in_raw_prices_and_nothing_else_is",
            f"{_DATA}/test_adjustment.py::test_the_real_splits_are_the_steps_of_the_real_factor",
        ),
    ),
    Point(
        13,
        "The same feature code runs online and offline",
        "one function of a window for both, compared on replayed ticks",
        (
            f"{_FEATURES}/test_rolling.py::test_online_equals_offline",
            f"{_FEATURES}/test_rolling.py::test_splits_give_the_features_of_adjusted_bars",
            "tests/streams/signals/test_signals_decider.py::test_a_signal_is_the_models_word_on_its_window",
            "tests/streams/signals/test_signals_splits.py::test_they_are_those_of_the_published_adjustment",
        ),
    ),
    Point(
        14,
        "A model records its data, code, features and range; champions are challenged on fresh data",
        "the registry's run has them all; a challenger is compared once, on days that neither has learnt from; a model "
        "that is too old, or whose market has become another one, abstains",
        (
            f"{_REGISTRY}/test_records.py::test_a_run_records_what_the_model_is_made_of",
            f"{_REGISTRY}/test_promotion.py::test_a_better_challenger_is_better",
            f"{_REGISTRY}/test_promotion.py::test_a_window_that_one_has_learnt_from_is_refused",
            "tests/models/test_cli.py::test_train_list_promote_roll_back",
            "tests/streams/signals/test_outcomes.py::test_a_model_that_is_too_old_or_out_of_its_market_abstains",
            "tests/streams/signals/test_outcomes.py::test_features_unlike_those_of_training_make_it_abstain",
        ),
    ),
    Point(
        15,
        "Intervals over folds, not one number; a figure that is too good is hunted",
        "Student's t over folds with minimum and maximum; above the limit the hunt for leaks is run and written down",
        (
            f"{_SCORES}::test_an_interval_over_folds_by_hand",
            f"{_SCORES}::test_one_fold_has_no_interval",
            f"{_LEAKS}::test_a_quiet_market_calls_for_no_hunt",
            f"{_TRAINING}/test_pipeline.py::test_an_accuracy_that_is_too_good_is_hunted_over_folds_and_on_the_hold_out",
            f"{_LEAKS}::test_a_feature_that_holds_the_label_is_named",
            f"{_LEAKS}::test_an_honest_edge_is_looked_into_and_not_called_a_leak",
        ),
    ),
)
