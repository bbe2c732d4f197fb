# DuckDB and pyarrow, which read what we write without any code of ours; sourced by ./test.
# shellcheck shell=bash

readers_version=''

ensure_readers() {
  local folder=$root/target/outside-readers
  export CLARION_TEST_PYTHON=${CLARION_TEST_PYTHON:-$folder/bin/python}
  if ! read_versions; then
    [[ $CLARION_TEST_PYTHON == "$folder/bin/python" ]] ||
      missing "duckdb, pyarrow or pytz in the Python that CLARION_TEST_PYTHON names"
    install_readers "$folder"
    read_versions || missing "duckdb, pyarrow or pytz, although they were installed in $folder"
  fi
  say "outside readers: $readers_version"
}

install_readers() {
  local folder=$1
  command -v python3 >/dev/null || missing "python3, for the outside readers of Parquet"
  say "installing duckdb, pyarrow and pytz from PyPI in target/outside-readers"
  mkdir -p "$root/target"
  if ! python3 -m venv --clear "$folder" >/dev/null 2>&1; then
    if [[ $EUID -ne 0 ]] || ! command -v apt-get >/dev/null; then
      missing "python3's venv module. Debian, Ubuntu: sudo apt-get install python3-venv"
    fi
    say "installing python3-venv (apt-get install python3-venv)"
    apt-get update -qq || true
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends python3-venv
    python3 -m venv --clear "$folder"
  fi
  "$folder/bin/python" -m pip install --quiet --disable-pip-version-check duckdb pyarrow pytz ||
    missing "duckdb, pyarrow and pytz: pip could not install them"
}

read_versions() {
  readers_version=$("$CLARION_TEST_PYTHON" -c \
    'import duckdb, pyarrow, pytz; print("duckdb", duckdb.__version__ + ", pyarrow", pyarrow.__version__)' 2>/dev/null)
}
