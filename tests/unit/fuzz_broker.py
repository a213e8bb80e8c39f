"""Coverage-guided fuzzing of the embedded broker: whatever a client sends, only its own connection ends.

PYTHONPATH=tests python tests/unit/fuzz_broker.py -max_total_time=60
"""

import atheris

with atheris.instrument_imports(include=["wayproof.broker", "amqtt.mqtt", "amqtt.codecs_a"]):
    from support.mqtt_parsers import FROM_CLIENT, serve_client

from support.fuzzing import fuzz

if __name__ == "__main__":
    fuzz(serve_client, seeds=FROM_CLIENT)
