#!/bin/sh
# Passwords and tokens for docker-compose.yml, drawn once, into deploy/secrets/; what is there already is left alone.
# The containers' users read the files through their mounts; on this machine the folder lets its owner alone in.
set -eu
cd "$(dirname "$0")"
mkdir -p -m 700 secrets
cd secrets

drawn() {
    od -An -N 24 -t x1 /dev/urandom | tr -d ' \n'
}

keep() { # the file's name; its content comes on standard input
    if [ -s "$1" ]; then cat >/dev/null; else cat >"$1" && chmod 644 "$1" && echo "deploy/secrets/$1"; fi
}

drawn | keep redis_password
printf 'requirepass %s\nsave ""\nappendonly no\n' "$(cat redis_password)" | keep redis_conf
printf 'redis://:%s@redis:6379/0\n' "$(cat redis_password)" | keep redis_url
printf 'viewer:wall:%s\nsupervisor:lead:%s\n' "$(drawn)" "$(drawn)" | keep board_tokens
drawn | keep grafana_password
