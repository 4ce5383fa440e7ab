"""Image size, and the time from `docker run` to the first 200.

    python -m tests.benchmarks.bench_image housing-api:latest housing-api:serving

Uses the Docker engine that `docker` talks to; the images must be built. Cold start is measured from
the start of `docker run` to the first answered prediction, over RUNS containers; the image's files
are in the page cache after the first of them, so both the first and the median are printed.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time

import httpx

BASE = "python:3.12-slim"
RUNS = 7


def docker(*arguments: str) -> str:
    done = subprocess.run(["docker", *arguments], check=True, capture_output=True, text=True)
    return done.stdout.strip()


def size(image: str) -> float:
    """Return the uncompressed size in MB (10^6 bytes)."""
    return int(docker("image", "inspect", "--format", "{{ .Size }}", image)) / 1e6


def parts(image: str) -> dict[str, float]:
    """Return what the largest packages of the image take, in MB."""
    script = (
        "import json, pathlib; found = {}\n"
        "for path in next(pathlib.Path('/opt/venv/lib').glob('*/site-packages')).iterdir():\n"
        "    files = path.rglob('*') if path.is_dir() else [path]\n"
        "    key = path.name.removesuffix('.libs').split('.')[0]\n"
        "    used = sum(f.stat().st_size for f in files if f.is_file())\n"
        "    found[key] = found.get(key, 0) + used\n"
        "print(json.dumps(found))"
    )
    found = json.loads(docker("run", "--rm", "--entrypoint", "python", image, "-c", script))
    largest = sorted(found.items(), key=lambda item: -item[1])[:12]
    return {name: round(used / 1e6, 1) for name, used in largest}


def cold_start(image: str) -> float:
    """Return the seconds from `docker run` to the first predicted price."""
    with httpx.Client(timeout=1) as client:
        started = time.perf_counter()
        container = docker(
            "run", "--detach", "--tmpfs", "/app/logs", "--publish", "127.0.0.1::8000", image
        )
        try:
            url = "http://" + docker("port", container, "8000/tcp").splitlines()[0]
            row: dict[str, None] = {}
            while True:
                try:
                    if not row:
                        row = dict.fromkeys(client.get(f"{url}/version").json()["features"])
                    if client.post(f"{url}/predict", json=row).status_code == 200:
                        return time.perf_counter() - started
                except (httpx.TransportError, KeyError):
                    time.sleep(0.005)
        finally:
            docker("rm", "--force", container)


def main() -> None:
    """Print what each named image weighs and how fast it starts."""
    base = size(BASE)
    print(f"{BASE}: {base:.0f} MB")
    for image in sys.argv[1:] or ["housing-api:latest"]:
        print(f"{image}: {size(image):.0f} MB, base + {size(image) - base:.0f} MB")
        print(f"  packages, MB: {parts(image)}")
        times = [cold_start(image) for _ in range(RUNS)]
        print(f"  cold start: first {times[0]:.2f} s, median {statistics.median(times):.2f} s")


if __name__ == "__main__":
    main()
