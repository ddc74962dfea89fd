"""spark-submit stream_spark_function.py SOURCE EVENTS CHECKPOINT."""

import json
import sys

import pandas as pd
from pyspark.sql import SparkSession

from plateau import Detector, KeyedDetectors
from plateau_streams import record

EVENTS = "key string, event string"


def plateaus(key, frames, state):
    (name,), keyed = key, KeyedDetectors(Detector())
    keyed.restore(name, bytes(state.get[0]) if state.exists else None)
    taken = pd.concat(frames).sort_values("position")  # a batch has no order
    events = keyed.take_many(name, taken["position"], taken["value"])
    for packed in keyed.collect().values():
        state.update((packed,))
    rows = [(name, json.dumps(record(name, event))) for event in events]
    yield pd.DataFrame(rows, columns=["key", "event"], dtype=object)


def main(source, events, checkpoint):
    spark = SparkSession.builder.getOrCreate()
    messages = spark.readStream.schema("key string, position long, value double")
    found = (
        messages.option("maxFilesPerTrigger", 1)
        .json(source)
        .groupBy("key")
        .applyInPandasWithState(plateaus, EVENTS, "packed binary", "append", "NoTimeout")
    )
    into = found.writeStream.format("json").option("checkpointLocation", checkpoint)
    into.trigger(availableNow=True).start(events).awaitTermination()


if __name__ == "__main__":
    main(*sys.argv[1:])
