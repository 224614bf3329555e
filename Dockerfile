# The application with every project: a worker by default, or any `tierra` command.
# docker build -t tierra .
# docker run -e PREFECT_API_URL=... -v tierra:/data tierra
# docker run -v tierra:/data tierra tierra score flight_delays

FROM python:3.11-slim AS build
ARG POETRY_VERSION=2.5.1
ENV POETRY_VIRTUALENVS_IN_PROJECT=true \
    POETRY_NO_INTERACTION=1 \
    PIP_NO_CACHE_DIR=1
RUN python -m venv /opt/poetry && /opt/poetry/bin/pip install "poetry==${POETRY_VERSION}"
WORKDIR /app
# What changes seldom first, so that a change of code installs nothing anew.
COPY pyproject.toml poetry.lock ./
RUN /opt/poetry/bin/poetry install --only main,app --no-root --no-cache --compile
COPY README.md LICENSE ./
COPY tierra tierra
RUN /opt/poetry/bin/poetry install --only main,app --no-cache --compile

FROM python:3.11-slim
ENV PATH=/app/.venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    TIERRA_HOME=/data \
    PREFECT_LOCAL_STORAGE_PATH=/data/results \
    DO_NOT_TRACK=true \
    PREFECT_SERVER_ANALYTICS_ENABLED=false \
    MLFLOW_DISABLE_TELEMETRY=true \
    GX_ANALYTICS_ENABLED=false \
    OMP_WAIT_POLICY=PASSIVE
RUN groupadd --gid 10001 tierra \
    && useradd --uid 10001 --gid 10001 --create-home tierra \
    && install --directory --owner=tierra --group=tierra /data /data/receipts \
    && install --directory --owner=tierra --group=tierra --mode=700 /data/results
WORKDIR /app
COPY --from=build /app/.venv .venv
COPY pyproject.toml prefect.yaml README.md LICENSE ./
COPY tierra tierra
COPY tasks tasks
COPY flows flows
COPY deployments deployments
COPY projects projects
# Here, as the user below may not write: else every process would compile what it imports, most of its start.
RUN python -m compileall -q tierra tasks flows deployments projects
VOLUME /data
USER 10001:10001
# A worker is well while it polls its pool; any other command is well while it runs.
HEALTHCHECK --interval=30s --timeout=10s --start-period=90s --retries=3 \
    CMD ! tr '\0' ' ' < /proc/1/cmdline | grep -q deployments.worker || python -m deployments.services.health
CMD ["python", "-m", "deployments.worker", "--type", "process", "--with-healthcheck"]
