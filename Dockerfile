# syntax=docker/dockerfile:1
# scraper in a container: a user of its own, jobs and output outside, an init that hands on signals.
#   docker build -t scraper .
#   docker run --rm -v "$PWD/jobs:/jobs:ro" -v "$PWD/output:/output" scraper run /jobs/books.yaml
# EXTRAS=parquet (or "parquet,browser") adds what the extras of pyproject.toml bring.
ARG PYTHON=3.13

FROM python:${PYTHON}-slim AS build
ARG EXTRAS=""
WORKDIR /src
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY scraper scraper
COPY jobs jobs
COPY docs/scraper.1 docs/scraper.1
RUN pip wheel --no-cache-dir --no-deps -w /wheels . \
 && python -m venv /opt/scraper \
 && wheel="$(ls /wheels/*.whl)" \
 && /opt/scraper/bin/pip install --no-cache-dir -c constraints.txt "${wheel}${EXTRAS:+[$EXTRAS]}" \
 && /opt/scraper/bin/python -m compileall -q /opt/scraper

FROM python:${PYTHON}-slim
RUN apt-get update \
 && apt-get install -y --no-install-recommends tini tzdata \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --create-home --uid 1000 scraper \
 && install -d -o scraper -g scraper /jobs /output
COPY --from=build /opt/scraper /opt/scraper
ENV PATH=/opt/scraper/bin:$PATH PYTHONUNBUFFERED=1
USER scraper
# A job without `dest` writes to output/<name> below the working directory: that is /output/<name>.
WORKDIR /
VOLUME ["/jobs", "/output"]
# What a run needs to be known of is in its exit code and its ledger: there is nothing to ask while it works.
HEALTHCHECK NONE
STOPSIGNAL SIGTERM
ENTRYPOINT ["tini", "--", "scraper"]
CMD ["--help"]
