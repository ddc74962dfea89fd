"""spark-submit stream_spark.py SOURCE EVENTS CHECKPOINT."""

import json
import sys

import pandas as pd
from pyspark.sql import SparkSession
from pyspark.sql.streaming import StatefulProcessor

from plateau import Detector, KeyedDetectors
from plateau_streams import record

EVENTS = "key string, event string"


class Plateaus(StatefulProcessor):
    def init(self, handle):
        self.state = handle.getValueState("plateau", "packed binary")
        self.keyed = KeyedDetectors(Detector(), load=lambda _: None)  # Spark holds the states

    def handleInputRows(self, key, frames, timers):  # noqa: N802
        (name,) = key
        self.keyed.restore(name, self.state.get()[0] if self.state.exists() else None)
        taken = pd.concat(frames).sort_values("position")  # a batch has no order
        events = self.keyed.take_many(name, taken["position"], taken["value"])
        for packed in self.keyed.collect().values():
            self.state.update((packed,))
        rows = [(name, json.dumps(record(name, event))) for event in events]
        yield pd.DataFrame(rows, columns=["key", "event"], dtype=object)

    def close(self):
        pass


def main(source, events, checkpoint):
    store = "org.apache.spark.sql.execution.streaming.state.RocksDBStateStoreProvider"
    spark = SparkSession.builder.config("spark.sql.streaming.stateStore.providerClass", store)
    messages = spark.getOrCreate().readStream.schema("key string, position long, value double")
    found = (
        messages.option("maxFilesPerTrigger", 1)
        .json(source)
        .groupBy("key")
        .transformWithStateInPandas(Plateaus(), EVENTS, outputMode="Append", timeMode="None")
    )
    into = found.writeStream.format("json").option("checkpointLocation", checkpoint)
    into.trigger(availableNow=True).start(events).awaitTermination()


if __name__ == "__main__":
    main(*sys.argv[1:])
