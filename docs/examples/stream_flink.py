"""python stream_flink.py SOURCE EVENTS CHECKPOINT."""

import json
import sys
from pathlib import Path

from pyflink.common import Configuration, Encoder, Types, WatermarkStrategy
from pyflink.datastream import KeyedProcessFunction, StreamExecutionEnvironment
from pyflink.datastream.connectors.file_system import (
    FileSink,
    FileSource,
    RollingPolicy,
    StreamFormat,
)
from pyflink.datastream.state import ValueStateDescriptor

from plateau import Detector, KeyedDetectors
from plateau_streams import record


class Plateaus(KeyedProcessFunction):
    def open(self, context):
        self.state = context.get_state(ValueStateDescriptor("plateau", Types.PICKLED_BYTE_ARRAY()))
        self.keyed = KeyedDetectors(Detector(), load=lambda _: None)  # Flink holds the states

    def process_element(self, message, context):
        key = message["key"]
        self.keyed.restore(key, self.state.value())
        for event in self.keyed.take(key, message["position"], message["value"]):
            yield json.dumps({"key": key, "event": json.dumps(record(key, event))})
        for packed in self.keyed.collect().values():
            self.state.update(packed)


def main(source, events, checkpoint):
    settings = Configuration()
    settings.set_string("execution.checkpointing.interval", "500ms")
    settings.set_string("execution.checkpointing.dir", Path(checkpoint).as_uri())
    kept = "execution.checkpointing.externalized-checkpoint-retention"
    settings.set_string(kept, "RETAIN_ON_CANCELLATION")
    whole = sorted(
        Path(checkpoint).glob("*/chk-*/_metadata"), key=lambda file: file.stat().st_mtime
    )
    if whole:
        settings.set_string("execution.state-recovery.path", whole[-1].parent.as_uri())
    flink = StreamExecutionEnvironment.get_execution_environment(settings)
    lines = FileSource.for_record_stream_format(StreamFormat.text_line_format(), source).build()
    into = FileSink.for_row_format(events, Encoder.simple_string_encoder())
    into = into.with_rolling_policy(RollingPolicy.on_checkpoint_rolling_policy()).build()
    messages = flink.from_source(lines, WatermarkStrategy.no_watermarks(), "messages")
    messages.set_parallelism(1)
    read = messages.map(json.loads).set_parallelism(1)  # so that they stay in their order
    found = read.key_by(lambda message: message["key"], Types.STRING())
    found.process(Plateaus(), Types.STRING()).sink_to(into)
    flink.execute("plateau")


if __name__ == "__main__":
    main(*sys.argv[1:])
