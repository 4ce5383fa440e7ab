"""The checker of the pages finds each kind of claim that is not so: broken here on purpose."""

from __future__ import annotations

import pytest

from tests.docs.claims import ROOT, anchors, problems

PAGE = ROOT / "docs" / "operate.md"


def said(text: str) -> list[str]:
    return [line.removeprefix("docs/operate.md: ") for line in problems(PAGE, text)]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[a](nowhere.md)", "link to `nowhere.md`, which does not exist"),
        ("[a](../README.md#no-such)", "link to `../README.md#no-such`, which has no such heading"),
        ("[a](#no-such)", "link to `#no-such`, which has no such heading"),
        ("```sh\nhousing juge\n```", "`housing` has no verb `juge`"),
        ("```sh\nhousing registry lz\n```", "`housing registry` has no verb `lz`"),
        ("```sh\nhousing train --nag x\n```", "`housing train` has no option `--nag`"),
        ("```console\n$ housing serve --prt=1\n```", "`housing serve` has no option `--prt`"),
        ("```sh\nX=1 housing train && housing trian\n```", "`housing` has no verb `trian`"),
        ("```sh\nif ! housing evaluat; then x; fi\n```", "`housing` has no verb `evaluat`"),
        ("```sh\nhousing train \\\n  --no-such\n```", "`housing train` has no option `--no-such`"),
        ("`housing promote v1 --too x`", "`housing promote` has no option `--too`"),
        ("`housing promote\n--too x`", "`housing promote` has no option `--too`"),
        ("`--thresold 0.1`", "no verb has an option `--thresold`"),
        ("```sh\nhousing train --set train.sed=1\n```", "--set train.sed=1"),
        ("`--set train.seed=x`", "--set train.seed=x"),
        ("`HOUSING_LOG_URI`", "`HOUSING_LOG_URI` is no variable"),
        ("```sh\nHOUSING_LOG_URI=csv:logs housing serve\n```", "`HOUSING_LOG_URI` is no variable"),
        ("`retrain.max_levl`", "`retrain.max_levl` is no setting"),
        ("`[log] uri`", "`[log] uri` is no setting"),
        ("`[logs]`", "`[logs]` is no setting"),
        ("```toml\n[serve]\nprot = 1\n```", "`[serve] prot` is no setting"),
        ("`configs/hosing.toml`", "file `configs/hosing.toml` does not exist"),
        ("`housing_cli/no/where.py`", "file `housing_cli/no/where.py` does not exist"),
        ("`logs/predictons.csv`", "file `logs/predictons.csv` does not exist"),
        ("`metdata.json`", "file `metdata.json` does not exist"),
        ("`.ci/test --qick`", "`.ci/test` has no option `--qick`"),
        ("`.ci/upp`", "`.ci/upp` does not exist"),
        ("`POST /predct`", "the API has no route `/predct`"),
        ("`housing_cli.api.ap`", "`housing_cli.api.ap` is no module"),
        ("`python -m tests.benchmarks.bench_sreve`", "is no module"),
        (
            "```python\nfrom housing_cli.registri import x\n```",
            "`housing_cli.registri` is no module",
        ),
    ],
)
def test_a_claim_that_is_not_so_is_named(text: str, problem: str) -> None:
    assert any(problem in line for line in said(text)), said(text)


@pytest.mark.parametrize(
    "text",
    [
        "[a](../README.md) and [b](../README.md#exit-codes) and [c](https://example.com/x)",
        "```console\n$ housing evaluate --window 30d; echo $?\nhousing is fine\n```",
        "```sh\nhousing train --set model.params.n_estimators=500 --tag first  # a comment\n```",
        "`--promote/--no-promote`, `--data_path`, `--confidence 0.95`, `--keep=3`, `-h`",
        "`HOUSING_LOG_URL=sqlite:///logs/predictions.db`, `HOUSING_*`, `HOUSING_<SECTION>_<KEY>`",
        "`retrain.max_level`, `[log] url`, `[api]`, `train.repeats=1`, `model.params.max_features`",
        "`model.onnx`, `artifacts/versions/v3/`, `logs/feedback.csv`, `registry/`, `api/app.py`",
        "`POST /predict/batch`, `/healthz`, `GET /docs`, `/openapi.json`",
        "`housing_cli.api.app:app`, `tests.benchmarks.bench_serve`, `csv:logs`, `v7-<commit>`",
    ],
)
def test_a_claim_that_is_so_passes(text: str) -> None:
    assert said(text) == []


def test_anchors_are_those_of_github() -> None:
    page = (
        "# One, two: `three`\n\n```\n# no heading\n```\n## Same\n## Same\n### [Named](x.md) - it\n"
    )
    assert anchors(page) == {"one-two-three", "same", "same-1", "named---it"}
