"""Fabric in containers: `provision` makes keys and genesis block, `channel` joins the nodes and deploys the contract.

Programs of the image, not of a distribution: `docker-compose.yml` runs each once. They use `aiofabric.network`, which
plans processes on 127.0.0.1, and give its plan the names that containers have.
"""
