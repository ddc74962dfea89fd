import random
from datetime import UTC, datetime, timedelta

random.seed(3)
start = datetime(2026, 1, 5, 8, tzinfo=UTC)
for i in range(3000):
    latency = random.gauss(120, 10) + max(0, i - 2000) * 0.08  # a leak, from here on
    print(f"{start + timedelta(seconds=10 * i):%FT%TZ} GET /search latency_ms={latency:.1f}")
