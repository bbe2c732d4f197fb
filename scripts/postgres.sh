# A throw-away PostgreSQL cluster; sourced by ./test.
# shellcheck shell=bash

cluster=''
postgres_bin=''
postgres_version=''

ensure_postgres() {
  find_postgres && return
  if [[ $EUID -ne 0 ]] || ! command -v apt-get >/dev/null; then
    missing "the PostgreSQL server (initdb, pg_ctl). Debian, Ubuntu: sudo apt-get install postgresql;" \
      "Fedora: sudo dnf install postgresql-server; macOS: brew install postgresql"
  fi
  say "installing PostgreSQL (apt-get install postgresql), without a cluster of its own"
  mkdir -p /etc/postgresql-common
  [[ -e /etc/postgresql-common/createcluster.conf ]] ||
    echo 'create_main_cluster = false' >/etc/postgresql-common/createcluster.conf
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -qq || true
  apt-get install -y -qq --no-install-recommends -o Dpkg::Options::=--force-confold postgresql ||
    missing "the PostgreSQL server: apt-get could not install it"
  find_postgres || missing "initdb and pg_ctl, although PostgreSQL was installed"
}

# The newest server of this machine: Debian keeps its programs out of PATH.
find_postgres() {
  local folder
  for folder in $(printf '%s\n' /usr/lib/postgresql/*/bin /usr/pgsql-*/bin /opt/homebrew/opt/postgresql*/bin | sort -rV) \
    "$(dirname "$(readlink -f "$(command -v initdb || echo /none/initdb)")")"; do
    if [[ -x $folder/initdb && -x $folder/pg_ctl ]]; then
      postgres_bin=$folder
      postgres_version=$("$folder/postgres" --version | sed 's/^postgres (PostgreSQL) \([^ ]*\).*/PostgreSQL \1/')
      return 0
    fi
  done
  return 1
}

start_postgres() {
  cluster=$(mktemp -d /tmp/clarion-test.XXXXXX)
  if [[ $EUID -eq 0 ]]; then
    chown "$(server_user)" "$cluster"
  fi
  # Others must reach the socket in it: root starts the tests, the server's user the server.
  chmod 755 "$cluster"
  say "$postgres_version: starting a throw-away cluster in $cluster"
  as_server initdb -D "$cluster/data" -U postgres --auth=trust --encoding=UTF8 --no-locale --no-sync >"$cluster.log" ||
    { cat "$cluster.log" >&2; missing "a PostgreSQL cluster: initdb failed"; }
  # Nothing here has to survive a power cut.
  as_server pg_ctl start -w -s -D "$cluster/data" -l "$cluster/server.log" -o "-c listen_addresses='' \
    -c unix_socket_directories=$cluster -c fsync=off -c synchronous_commit=off -c full_page_writes=off \
    -c max_connections=200 -c shared_buffers=256MB -c max_wal_size=4GB" ||
    { cat "$cluster/server.log" >&2; missing "a PostgreSQL cluster: the server did not start"; }
  export CLARION_TEST_POSTGRES="postgres://postgres@localhost/postgres?host=$cluster"
}

stop_postgres() {
  [[ -n $cluster ]] || return 0
  as_server pg_ctl stop -s -m immediate -D "$cluster/data" 2>/dev/null || true
  rm -rf "$cluster" "$cluster.log"
}

# PostgreSQL refuses to run as root.
server_user() {
  if id postgres >/dev/null 2>&1; then echo postgres; else echo nobody; fi
}

as_server() {
  local program=$1
  shift
  if [[ $EUID -eq 0 ]]; then
    (cd "$cluster" && exec runuser -u "$(server_user)" -- "$postgres_bin/$program" "$@")
  else
    "$postgres_bin/$program" "$@"
  fi
}
