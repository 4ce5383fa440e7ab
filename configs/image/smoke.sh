#!/usr/bin/env bash
# Start an image as production would (read-only, no capabilities), predict, send a real price, stop.
# usage: configs/image/smoke.sh IMAGE [VERSION]     VERSION: the model version that must answer
set -euo pipefail
image=${1:?image} expected=${2:-}

container=$(docker run --detach --read-only --cap-drop ALL --security-opt no-new-privileges \
    --tmpfs /tmp --tmpfs /app/logs --publish 127.0.0.1::8000 "$image")
# shellcheck disable=SC2317  # called by the trap
finish() {
    code=$?
    [ "$code" = 0 ] || docker logs "$container" >&2
    docker rm --force --volumes "$container" > /dev/null
    exit "$code"
}
trap finish EXIT

url=http://$(docker port "$container" 8000/tcp | head -n 1)
ask() { curl --silent --show-error --fail-with-body --max-time 10 "$@"; }

for _ in $(seq 150); do
    if ask "$url/readyz" > /dev/null 2>&1; then break; fi
    if [ "$(docker inspect --format '{{ .State.Running }}' "$container")" != true ]; then
        echo "error: the container ended before it was ready" >&2
        exit 1
    fi
    sleep 0.2
done
ask "$url/readyz" > /dev/null

version=$(ask "$url/version" | jq --raw-output .version)
if [ -n "$expected" ] && [ "$version" != "$expected" ]; then
    echo "error: the image serves $version, not $expected" >&2
    exit 1
fi
# Every feature missing: a row that any feature schema accepts.
row=$(ask "$url/version" | jq --compact-output '[.features[] | {(.): null}] | add')
answer=$(ask "$url/predict" --header 'Content-Type: application/json' --data "$row")
ask "$url/feedback" --header 'Content-Type: application/json' \
    --data "$(jq --compact-output '{id, real_price: .predicted_price}' <<< "$answer")" > /dev/null

docker stop --time 15 "$container" > /dev/null
code=$(docker inspect --format '{{ .State.ExitCode }}' "$container")
if [ "$code" != 0 ]; then
    echo "error: the container ended with $code after SIGTERM" >&2
    exit 1
fi
echo "$image serves $version: predicted $(jq .predicted_price <<< "$answer"), stopped cleanly"
