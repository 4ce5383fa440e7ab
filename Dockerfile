# The product as an immutable image that carries its model.
#
#   docker build -t housing-api:latest --target runtime .     every verb
#   docker build -t housing-api:serving --target serving .    `serve` and `registry` alone: adds
#                                                             half as much to the base image
#
# The registry in `artifacts/` is baked in. Where it has no production version, the stage `model`
# trains one from `data/`. A model file that is not what was registered fails the build.
# Builds with plain Docker 20.10, buildah and podman: no front end to download, no heredocs.

ARG BASE_IMAGE=python:3.12-slim

# What both images start from.
FROM ${BASE_IMAGE} AS base
# ONNX Runtime would otherwise report its use to its maker.
ENV PYTHONDONTWRITEBYTECODE=1 OPENBLAS_NUM_THREADS=1 ORT_DISABLE_TELEMETRY=1
WORKDIR /app


# Third-party packages, pinned; a layer of its own because it changes least.
FROM base AS packages
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore PIP_CACHE_DIR=/var/cache/pip
WORKDIR /src
COPY pyproject.toml .ci/constraints.txt configs/image/ ./
# Bytecode only for what a server imports: the rest would cost 40 MB to start a retraining sooner.
# An installation that serves lacks what the group `serving-lacks` of pyproject.toml names.
# `--build-arg EXTRAS=sign` puts 17 MB into both that check and make signatures.
ARG EXTRAS=""
RUN --mount=type=cache,target=/var/cache/pip \
    python -c 'import os, re, tomllib; \
project = tomllib.load(open("pyproject.toml", "rb")); \
extras = project["project"]["optional-dependencies"]; \
asked = [line for name in os.environ.get("EXTRAS", "").split() for line in extras[name]]; \
every = project["project"]["dependencies"] + asked; \
lacks = project["dependency-groups"]["serving-lacks"]; \
serving = [line for line in every if re.match(r"[\w.-]+", line)[0] not in lacks]; \
print(*every, sep="\n", file=open("full.txt", "w")); \
print(*serving, sep="\n", file=open("serving.txt", "w"))' \
    && mkdir -p /out/full/opt /out/serving/opt && rm -rf /opt && ln -s /out/full/opt /opt \
    && python -m venv --without-pip /opt/venv \
    && python -m pip --python /opt/venv/bin/python install -q --no-compile \
        -c constraints.txt -r serving.txt \
    && python prune.py /opt/venv \
    && python -m compileall -q -j 0 --invalidation-mode unchecked-hash /opt/venv/lib \
    && cp -a /out/full/opt/venv /out/serving/opt/venv \
    && python -m pip --python /opt/venv/bin/python install -q --no-compile \
        -c constraints.txt -r full.txt \
    && python prune.py /opt/venv


# The package itself; its bytecode does not depend on when it was compiled.
FROM packages AS code
COPY README.md LICENSE NOTICE ./
COPY housing_cli/ housing_cli/
COPY data/HousingData.csv data/
RUN --mount=type=cache,target=/var/cache/pip \
    python -m pip wheel -q --no-deps -c constraints.txt -w /tmp/wheel . \
    && for venv in /out/full/opt/venv /out/serving/opt/venv; do \
        python -m pip --python "$venv/bin/python" install -q --no-compile --no-deps /tmp/wheel/*.whl \
        && python -m compileall -q --invalidation-mode unchecked-hash \
            "$venv"/lib/python*/site-packages/housing_cli || exit 1; \
    done \
    && sed -i '1s|.*|#!/opt/venv/bin/python|' /out/*/opt/venv/bin/housing
# Bytecode of the standard library, as far as a server uses it: the base image has none.
#
# Equal inputs give equal layers: all times are 0, and what an image takes stands in `/out` below
# folders of the same names. (A folder that COPY makes itself has the time of the build.)
RUN PYTHONDONTWRITEBYTECODE='' /opt/venv/bin/python warm.py > /dev/null \
    && mkdir /out/stdlib \
    && find /usr/local/lib/python3* -name site-packages -prune -o -name '*.pyc' \
        -exec cp --parents -t /out/stdlib {} + \
    && find /out -exec touch -h -d @0 {} +


# The registry: what `artifacts/` holds, or a first version. Old versions stay outside.
FROM code AS model
ARG KEEP_VERSIONS=3 GIT_COMMIT=""
ENV PATH=/opt/venv/bin:$PATH
WORKDIR /out/app/app
COPY data/ data/
COPY configs/*.toml configs/
COPY artifacts/ artifacts/
RUN if [ ! -e artifacts/aliases/production ]; then housing train; fi \
    && housing registry verify \
    && housing registry gc --keep "${KEEP_VERSIONS}" \
    && rm -f artifacts/.gitkeep artifacts/.lock \
    && mkdir -p /out/data/app \
    && mv data /out/data/app/data \
    && chmod -R u=rwX,g=u,o=rX /out/app/app /out/data/app \
    && chown -R 1000:1000 artifacts \
    && chown 1000:1000 . /out/data/app \
    && find /out/app /out/data -exec touch -h -d @0 {} +


# User, folders, settings and health check of what runs.
FROM base AS home
RUN export SOURCE_DATE_EPOCH=0 \
    && groupadd --gid 1000 housing \
    && useradd --no-log-init --uid 1000 --gid 1000 --no-create-home --home-dir /tmp \
        --shell /usr/sbin/nologin housing \
    && mkdir -p logs \
    && chown 1000:1000 . logs \
    && chmod 1777 logs \
    && touch -d @0 . logs /etc /etc/passwd* /etc/group* /etc/shadow* /etc/gshadow* /etc/sub?id*
ENV PATH=/opt/venv/bin:$PATH HOUSING_SERVE_HOST=0.0.0.0
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=15s --retries=3 \
    CMD ["python", "-S", "-c", "import os, urllib.request as r; r.urlopen('http://127.0.0.1:' + os.environ.get('HOUSING_SERVE_PORT', '8000') + '/healthz', timeout=4)"]
ENTRYPOINT ["housing"]
CMD ["serve"]


FROM home AS serving
COPY --from=code /out/stdlib/ /
COPY --from=code /out/serving/ /
COPY --from=model /out/app/ /
USER 1000:1000
ARG MODEL_VERSION="" DATA_SHA256="" GIT_COMMIT="" CREATED="" SOURCE=""
LABEL org.opencontainers.image.title="housing (serving)" \
      org.opencontainers.image.description="A house-price model and its API" \
      org.opencontainers.image.version="${MODEL_VERSION}" \
      org.opencontainers.image.revision="${GIT_COMMIT}" \
      org.opencontainers.image.created="${CREATED}" \
      org.opencontainers.image.source="${SOURCE}" \
      housing.model.version="${MODEL_VERSION}" \
      housing.data.sha256="${DATA_SHA256}"


FROM home AS runtime
COPY --from=code /out/stdlib/ /
COPY --from=code /out/full/ /
COPY --from=model /out/data/ /
COPY --from=model /out/app/ /
USER 1000:1000
ARG MODEL_VERSION="" DATA_SHA256="" GIT_COMMIT="" CREATED="" SOURCE=""
LABEL org.opencontainers.image.title="housing" \
      org.opencontainers.image.description="A house-price model, its API and the command that keeps it good" \
      org.opencontainers.image.version="${MODEL_VERSION}" \
      org.opencontainers.image.revision="${GIT_COMMIT}" \
      org.opencontainers.image.created="${CREATED}" \
      org.opencontainers.image.source="${SOURCE}" \
      housing.model.version="${MODEL_VERSION}" \
      housing.data.sha256="${DATA_SHA256}"
