"""OpenAPI and the documentation page, which needs nothing from elsewhere."""

from __future__ import annotations

import base64
import hashlib
import re

from fastapi.testclient import TestClient

from tests.api.serving import FEATURES, ROW

PATHS = {
    "/predict",
    "/predict/batch",
    "/explain",
    "/feedback",
    "/version",
    "/metrics",
    "/healthz",
    "/readyz",
}


def test_openapi_names_every_route(client: TestClient) -> None:
    assert set(client.get("/openapi.json").json()["paths"]) == PATHS


def test_openapi_describes_the_served_features(client: TestClient) -> None:
    schemas = client.get("/openapi.json").json()["components"]["schemas"]
    assert list(schemas["Features"]["properties"]) == [*FEATURES, "house_id"]
    assert schemas["Features"]["required"] == list(FEATURES)
    assert schemas["Features"]["additionalProperties"] is False
    assert schemas["Batch"]["properties"]["rows"]["maxItems"] == 10_000
    assert {"id", "prediction_id", "real_price"} == set(schemas["FeedbackRequest"]["properties"])


def test_openapi_says_what_can_go_wrong(client: TestClient) -> None:
    paths = client.get("/openapi.json").json()["paths"]
    assert {"200", "401", "413", "422", "503"} <= set(paths["/predict"]["post"]["responses"])
    assert {"200", "401", "404", "422", "503"} <= set(paths["/feedback"]["post"]["responses"])
    assert {"200", "503"} <= set(paths["/readyz"]["get"]["responses"])


def test_answers_match_their_documented_models(client: TestClient) -> None:
    schemas = client.get("/openapi.json").json()["components"]["schemas"]
    answer = client.post("/predict", json=ROW).json()
    assert set(schemas["PredictionAnswer"]["required"]) <= set(answer)
    batch = client.post("/predict/batch", json={"rows": [ROW]}).json()
    assert set(batch["predictions"][0]) == set(answer)
    feedback = client.post("/feedback", json={"id": answer["id"], "real_price": 1}).json()
    assert set(schemas["FeedbackAnswer"]["required"]) == set(feedback)


def test_the_docs_page_refers_to_this_server_only(client: TestClient) -> None:
    page = client.get("/docs").text
    assert "://" not in page.replace("http://testserver", "")
    links = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert len(links) == 3
    for link in links:
        found = client.get(link)
        assert found.status_code == 200
        assert len(found.content) > 300


def test_the_docs_page_may_run_its_own_scripts_and_no_others(client: TestClient) -> None:
    answer = client.get("/docs")
    policy = answer.headers["content-security-policy"]
    (script,) = re.findall(r"<script>(.*?)</script>", answer.text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'self' 'sha256-{digest}';" in policy
    assert "default-src 'none'" in policy
    assert "unsafe-eval" not in policy


def test_the_docs_are_served_under_a_root_path(client: TestClient) -> None:
    proxied = TestClient(client.app, root_path="/housing")
    page = proxied.get("/docs").text
    assert '"/housing/docs/static/swagger-ui.css"' in page
    assert "'/housing/openapi.json'" in page
