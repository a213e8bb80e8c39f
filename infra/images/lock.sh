#!/bin/sh
# Writes the images' lock files: the entries of requirements.lock that an image installs, hashes included, unchanged.
# Run after `make lock`; tests/integration/test_container_images.py fails while they differ from it.
set -eu
cd "$(dirname "$0")/../.."
uv=.venv/bin/uv
mkdir -p .build

lock() { # FILE SOURCE…: which packages uv decides, what they are requirements.lock says
  target=$1
  shift
  echo "pandas; python_version < '3'" | "$uv" pip compile --quiet --universal --python-version 3.11 \
    --no-annotate --no-header --constraint requirements.lock --override - \
    --no-emit-package wayproof-contract --no-emit-package wayproof-verifier --no-emit-package aiofabric "$@" |
    sed 's/==.*//' >.build/wanted
  awk 'NR == FNR { wanted[$0]; next }
       /^[a-z]/ { split($0, name, "=="); keep = name[1] in wanted }
       keep' .build/wanted requirements.lock >"$target"
}

echo hatchling >.build/build.in
lock infra/images/wayproof/requirements.lock services/wayproof/pyproject.toml \
  --extra api --extra ingest --extra metrics --extra simulate --extra embedded --extra demo
lock infra/images/chaincode/requirements.lock services/aiofabric/pyproject.toml
lock infra/images/build.lock .build/build.in
