"""Tell a cluster's route which share of the requests a canary gets, as the registry has it.

A route gives each of its backends weight / (sum of the weights) of the requests. These weights are
hundredths of a percent, of a sum that stays the same, with the canary last: a gateway that chooses
by a header's hash, modulo that sum, keeps whom it gave to a canary when its share grows.

The alias moves first and the route follows, whatever is asked for. So no request fails in between:

- begun or given more: until the route knows, the canary gets what it got before;
- given up, or made production: servers of the canary serve production two seconds later, and what
  the route still sends there is answered by it.
"""

from __future__ import annotations

import json
import subprocess
from typing import Any, Final

from housing_cli.config import Settings
from housing_cli.errors import RouteError
from housing_cli.registry import open_registry
from housing_cli.registry.names import CANARY
from housing_cli.registry.trials import MOST, Trial

WHOLE: Final = 10_000
"""What the weights of a route add up to."""
PORT: Final = 80
"""Of the Services."""
KIND: Final = "httproutes.gateway.networking.k8s.io"
SECONDS: Final = 10
"""How long a cluster may take to answer."""
TRIES: Final = 5
"""How often a cluster is told anew because others move the alias as well."""
SHOWN: Final = 300
"""How many characters of what `kubectl` says are repeated."""


def canary(settings: Settings) -> Trial | None:
    """Return the canary that there is now, whose share is the route's. Raises `RegistryError`."""
    return open_registry(settings).trial(CANARY)


def weights(percent: float) -> tuple[int, int]:
    """Return the weights of production and of a canary that answers `percent` of the requests.

    A canary that answers any has a weight, however small its share is.
    """
    share = round(percent / MOST * WHOLE)
    share = min(WHOLE, max(share, 1 if percent > 0 else 0))
    return WHOLE - share, share


def backends(settings: Settings) -> tuple[str, str]:
    """Return the names of the Services that the route shares its requests out to."""
    return settings.route.name, f"{settings.route.name}-{CANARY}"


def manifest(settings: Settings, percent: float) -> dict[str, Any]:
    """Return the whole route, as `kubectl apply` takes it."""
    wanted = settings.route
    namespace, _, gateway = wanted.gateway.rpartition("/")
    metadata = {"name": wanted.name, "labels": {"app.kubernetes.io/part-of": "housing"}}
    parent = {"name": gateway}
    refs = [
        {"name": name, "port": PORT, "weight": weight}
        for name, weight in zip(backends(settings), weights(percent), strict=True)
    ]
    return {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": metadata | ({"namespace": wanted.namespace} if wanted.namespace else {}),
        "spec": {
            "parentRefs": [parent | ({"namespace": namespace} if namespace else {})],
            **({"hostnames": list(wanted.hostnames)} if wanted.hostnames else {}),
            "rules": [{"backendRefs": refs}],
        },
    }


def patch(settings: Settings, percent: float) -> list[dict[str, Any]]:
    """Return the change of the two weights, a JSON patch; all else of a route stays as it is.

    It is refused where the backends are others than those that the weights are meant for.
    """
    change: list[dict[str, Any]] = []
    for at, (name, weight) in enumerate(zip(backends(settings), weights(percent), strict=True)):
        place = f"/spec/rules/0/backendRefs/{at}"
        change.append({"op": "test", "path": f"{place}/name", "value": name})
        change.append({"op": "add", "path": f"{place}/weight", "value": weight})
    return change


def rehearse(settings: Settings) -> None:
    """Raise `RouteError` where `apply` would, before anything moves that a route is to follow."""
    trial = canary(settings)
    try:
        _kubectl(settings, trial.weight if trial else 0.0, "--dry-run=server")
    except RouteError as error:
        raise RouteError(error.message, f"{error.hint}; nothing has moved") from None


def follow(settings: Settings) -> Trial | None:
    """Give the canary what the registry says, by `kubectl`; return the canary.

    Who moved it meanwhile may have told the cluster before: it is told again until it has what the
    registry has. Raises `RouteError`.
    """
    told = canary(settings)
    for _ in range(TRIES):
        apply(settings, told.weight if told else 0.0)
        now = canary(settings)
        if (now and now.weight) == (told and told.weight):
            break
        told = now
    return told


def apply(settings: Settings, percent: float) -> None:
    """Give the canary `percent` of the requests, by `kubectl`. Raises `RouteError`."""
    _kubectl(settings, percent)


def _kubectl(settings: Settings, percent: float, *options: str) -> None:
    name, namespace = settings.route.name, settings.route.namespace
    command = ["kubectl", "patch", KIND, name, "--type=json"]
    command += [f"--request-timeout={SECONDS}s", *options]
    command += [f"--namespace={namespace}"] if namespace else []
    command.append(f"--patch={json.dumps(patch(settings, percent))}")
    try:
        done = subprocess.run(
            command, capture_output=True, stdin=subprocess.DEVNULL, timeout=3 * SECONDS, check=False
        )
    except FileNotFoundError:
        raise RouteError(
            "there is no `kubectl` here", "install it, or `--route print` and apply it elsewhere"
        ) from None
    except OSError as error:
        raise RouteError(
            f"`kubectl` cannot be run: {error.strerror}", "`--route print` needs no `kubectl`"
        ) from None
    except subprocess.TimeoutExpired:
        raise RouteError(
            f"`kubectl` said nothing for {3 * SECONDS} s", f"try `kubectl get {KIND}`"
        ) from None
    if done.returncode:
        raise RouteError(f"`kubectl` says: {_said(done.stderr)}", _hint(settings, done.stderr))


def _said(stderr: bytes) -> str:
    """Return the last line of what a program said, which says why it failed."""
    lines = [line.strip() for line in stderr.decode(errors="replace").splitlines() if line.strip()]
    text = lines[-1].removeprefix("error: ") if lines else "nothing"
    shown = "".join(c if c.isprintable() else " " for c in text)
    return shown if len(shown) <= SHOWN else f"{shown[:SHOWN]}…"


def _hint(settings: Settings, stderr: bytes) -> str:
    text = stderr.decode(errors="replace").lower()
    production, trial = backends(settings)
    if "notfound" in text.replace(" ", "") or "doesn't have a resource type" in text:
        return "`route.name` and `route.namespace` name it; `--route print` prints one"
    if "forbidden" in text:
        return f"who runs this needs the verb `patch` on `{KIND}`"
    if "test" in text or "invalid" in text:
        return f"its first rule must have the backends `{production}` and `{trial}`, in this order"
    return f"try `kubectl get {KIND}`"
