#!/bin/sh
# Writes the images' lock files: the parts of requirements.lock that an image installs, hashes included.
# Run after `make lock`; tests/integration/test_containers.py fails while they differ from it.
set -eu
cd "$(dirname "$0")/../.."
uv=.venv/bin/uv

lock() { # FILE SOURCE…
  target=$1
  shift
  echo "pandas; python_version < '3'" | "$uv" pip compile --quiet --universal --python-version 3.11 --generate-hashes \
    --no-annotate --no-header --constraint requirements.lock --override - \
    --no-emit-package wayproof-contract --no-emit-package wayproof-verifier --no-emit-package aiofabric \
    --output-file "$target" "$@"
}

lock infra/images/wayproof/requirements.lock services/wayproof/pyproject.toml services/aiofabric/pyproject.toml \
  --extra api --extra ingest --extra simulate --extra embedded --extra demo --extra network
lock infra/images/chaincode/requirements.lock services/aiofabric/pyproject.toml
echo "hatchling" >infra/images/.build.in
lock infra/images/build.lock infra/images/.build.in
rm infra/images/.build.in
