"""What each alert is fired by: input series, the time to look, and the labels it carries then."""

from __future__ import annotations

from typing import Any

UP = 'up{job="housing", instance="api:8000"}'
LAST_CODE = "housing_evaluation_last_exit_code"
OTHER_REPLICA = (
    "housing_request_seconds_count{{"
    'job="housing", instance="api-2:8000", route="/predict", status="{status}"}}'
)
MODEL = 'housing_model_info{job="housing", instance="api:8000", version="v1"}'


def requests(status: str, values: str) -> dict[str, str]:
    """Return answers of /predict with a status."""
    labels = f'job="housing", instance="api:8000", route="/predict", status="{status}"'
    return {"series": f"housing_request_seconds_count{{{labels}}}", "values": values}


def bucket(le: str, values: str) -> dict[str, str]:
    """Return one latency bucket."""
    labels = f'job="housing", instance="api:8000", route="/predict", status="200", le="{le}"'
    return {"series": f"housing_request_seconds_bucket{{{labels}}}", "values": values}


def series(name: str, values: str) -> dict[str, str]:
    """Return one input series."""
    return {"series": name, "values": values}


FIRING: dict[str, tuple[list[dict[str, str]], str]] = {
    "HousingApiDown": ([series(UP, "1 1 0x10")], "5m"),
    "HousingNoModel": ([series(UP, "1x10"), series(MODEL, "1 0x10")], "5m"),
    "HousingErrorRate": ([requests("200", "0+98x30"), requests("503", "0+2x30")], "20m"),
    "HousingLatency": (
        [bucket("0.25", "0+90x30"), bucket("0.5", "0+100x30"), bucket("+Inf", "0+100x30")],
        "25m",
    ),
    "HousingLogNotWritable": (
        [
            series(
                'housing_log_errors_total{instance="api:8000", operation="predict"}', "0x5 1+1x10"
            )
        ],
        "10m",
    ),
    "HousingReloadFailing": (
        [series('housing_reload_refused{instance="api:8000"}', "0 1x10")],
        "5m",
    ),
    "HousingCanaryLeft": (
        [series('housing_canary_left{instance="api:8000", version="v2"}', "0 1x10")],
        "5m",
    ),
    "HousingVersionsDiffer": (
        [series(MODEL, "1x30"), series(MODEL.replace("v1", "v2"), "0x5 1x30")],
        "30m",
    ),
    "HousingModelDegraded": (
        [series('housing_evaluation_exit_code{version="v1"}', "0x5 2x120")],
        "1h30m",
    ),
    "HousingDrift": (
        [series('housing_evaluation_drifted_columns{version="v1"}', "0x5 3x120")],
        "1h30m",
    ),
    "HousingNoFeedback": (
        [series('housing_predictions_total{version="v1", outcome="ok"}', "0+5x1600")],
        "27h",
    ),
    "HousingEvaluationStale": ([series("housing_evaluation_timestamp_seconds", "0x3200")], "50h"),
    "HousingEvaluationFailing": ([series(LAST_CODE, "0x5 1x20")], "20m"),
}

QUIET: dict[str, tuple[list[dict[str, str]], str]] = {
    "HousingApiDown": ([series(UP, "1x10")], "5m"),
    "HousingNoModel": ([series(UP, "1x10"), series(MODEL, "1x10")], "5m"),
    "HousingErrorRate": ([requests("200", "0+999x30"), requests("503", "0+1x30")], "20m"),
    "HousingLatency": ([bucket("0.25", "0+100x30"), bucket("+Inf", "0+100x30")], "25m"),
    "HousingLogNotWritable": (
        [series('housing_log_errors_total{instance="api:8000", operation="predict"}', "4x20")],
        "10m",
    ),
    "HousingReloadFailing": ([series('housing_reload_refused{instance="api:8000"}', "0x10")], "5m"),
    "HousingCanaryLeft": (
        [series('housing_canary_left{instance="api:8000", version="v2"}', "0x10")],
        "5m",
    ),
    # A promotion reaches the replicas one by one; that is no reason to call anybody.
    "HousingVersionsDiffer": (
        [series(MODEL, "1x30"), series(MODEL.replace("v1", "v2"), "0x5 1x4 0x30")],
        "30m",
    ),
    "HousingModelDegraded": (
        [series('housing_evaluation_exit_code{version="v1"}', "2x30 0x120")],
        "1h30m",
    ),
    "HousingDrift": (
        [series('housing_evaluation_drifted_columns{version="v1"}', "0x120")],
        "1h30m",
    ),
    "HousingNoFeedback": (
        [
            series('housing_predictions_total{version="v1", outcome="ok"}', "0+5x1600"),
            series('housing_feedback_total{version="v1", outcome="recorded"}', "0+1x1600"),
        ],
        "27h",
    ),
    "HousingEvaluationStale": (
        [series("housing_evaluation_timestamp_seconds", "0+60x3200")],
        "50h",
    ),
    "HousingEvaluationFailing": ([series(LAST_CODE, "1x5 0x5 2x20 3x20")], "45m"),
}

# More cases of the same alerts, by what is special about them.
ALSO_FIRING: dict[str, tuple[str, list[dict[str, str]], str]] = {
    "production was never judged": ("HousingEvaluationStale", [series(UP, "1x1700")], "26h"),
    "one replica of two fails": (
        "HousingErrorRate",
        [
            requests("200", "0+9999x30"),
            series(OTHER_REPLICA.format(status="200"), "0+98x30"),
            series(OTHER_REPLICA.format(status="503"), "0+2x30"),
        ],
        "20m",
    ),
}
ALSO_QUIET: dict[str, tuple[str, list[dict[str, str]], str]] = {
    "predictions began an hour ago": (
        "HousingNoFeedback",
        [series('housing_predictions_total{version="v1", outcome="ok"}', "0x1440 0+5x120")],
        "25h50m",
    ),
    "one prediction after a quiet weekend": (
        "HousingNoFeedback",
        [series('housing_predictions_total{version="v1", outcome="ok"}', "9x4320 10x120")],
        "73h50m",
    ),
    "judged again after a promotion": (
        "HousingModelDegraded",
        [
            series('housing_evaluation_exit_code{version="v1"}', "0x5 2x2 stale"),
            series('housing_evaluation_exit_code{version="v2"}', "_x8 0x120"),
        ],
        "1h30m",
    ),
}


def document(
    rules: str, alerts: dict[str, tuple[list[dict[str, str]], str]], *, firing: bool
) -> dict[str, Any]:
    """Return a file for `promtool test rules`: each alert fires once in its case, or not at all."""
    samples = [{"labels": "{}", "value": 1}] if firing else []
    return {
        "rule_files": [rules],
        "evaluation_interval": "1m",
        "tests": [
            {
                "name": name,
                "interval": "1m",
                "input_series": given,
                "promql_expr_test": [
                    {
                        "expr": f'count(ALERTS{{alertname="{name}", alertstate="firing"}})',
                        "eval_time": at,
                        "exp_samples": samples,
                    }
                ],
            }
            for name, (given, at) in alerts.items()
        ],
    }
