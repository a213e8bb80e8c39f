"""Coverage-guided fuzzing of our reader of MQTT: whatever a broker sends, it is what paho reads, or the end.

PYTHONPATH=tests python tests/unit/fuzz_ingest_mqtt.py -max_total_time=60
"""

import atheris

with atheris.instrument_imports(include=["wayproof.ingest.mqtt", "wayproof.ingest.arrivals"]):
    from support.mqtt_parsers import FROM_BROKER, read_from_broker

from support.fuzzing import fuzz

if __name__ == "__main__":
    fuzz(read_from_broker, seeds=[b"\x05" + it for it in FROM_BROKER])
