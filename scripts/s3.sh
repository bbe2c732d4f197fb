# A throw-away S3 server (moto) with one bucket; sourced by ./test.
# shellcheck shell=bash

moto=''
moto_log=''
s3_version=''

ensure_s3() {
  if ! "$CLARION_TEST_PYTHON" -c 'import moto.server' 2>/dev/null; then
    [[ $CLARION_TEST_PYTHON == "$root/target/outside-readers/bin/python" ]] ||
      missing "moto[server] in the Python that CLARION_TEST_PYTHON names"
    say "installing moto[server] from PyPI in target/outside-readers"
    "$CLARION_TEST_PYTHON" -m pip install --quiet --disable-pip-version-check 'moto[server]' ||
      missing "moto[server]: pip could not install it"
  fi
  s3_version=moto\ $("$CLARION_TEST_PYTHON" -c 'import moto; print(moto.__version__)')
}

start_s3() {
  moto_log=$(mktemp)
  "$CLARION_TEST_PYTHON" -B "$root/scripts/s3_server.py" >"$moto_log" 2>&1 &
  moto=$!
  local tries=0
  until grep -q '^listening ' "$moto_log"; do
    if ! kill -0 "$moto" 2>/dev/null || ((++tries > 300)); then
      cat "$moto_log" >&2
      missing "an S3 server: moto did not start"
    fi
    sleep 0.1
  done
  export AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test AWS_REGION=us-east-1
  CLARION_TEST_S3="s3://clarion-test?endpoint=$(sed -n 's/^listening //p' "$moto_log" | head -n 1)&allow_http=true"
  export CLARION_TEST_S3
  say "$s3_version: $CLARION_TEST_S3"
}

stop_s3() {
  [[ -z $moto ]] || kill "$moto" 2>/dev/null || true
  [[ -z $moto_log ]] || rm -f "$moto_log"
}
