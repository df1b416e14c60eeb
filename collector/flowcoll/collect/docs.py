"""docs/metrics.md, from the tables of counters and gauges."""

from collections.abc import Iterable, Iterator

from flowcoll.counters import COUNTERS, PROTOCOLS, Counter
from flowcoll.decode.waiting import GIVEN_UP
from flowcoll.gauges import GAUGES
from flowcoll.reasons import REASONS

_HEAD = """<!-- generated from the tables of counters and gauges; `python -m flowcoll.generate` writes it anew -->
# Metrics

While it runs, the collector answers `/metrics` on `EF_API_IP` and `EF_API_PORT` (127.0.0.1 and 8080) in the text format of
Prometheus:

```yaml
scrape_configs:
  - job_name: flowcoll
    static_configs:
      - targets: ["collector.example.org:8080"]
```

Only the host itself may ask unless `EF_API_IP` says otherwise. For others, `EF_API_TLS_ENABLE` encrypts what they get and
`EF_API_BASIC_AUTH_ENABLE` asks for a name and a password, except for `/livez`; Prometheus then needs `scheme: https`,
`tls_config` and `basic_auth`. A certificate that was renewed is used from the next connection on, if the user the collector
runs as may read it and its key.

There is one page for all workers. Counters begin at 0 when the collector starts, and go on when a worker is started again:
what it had counted before it died stays in the sum, and what it had in its memory is counted as lost. Some counters with
labels appear only when they have first counted something, so that `increase` does not see their first value; those in the
alerts below are there from the start. `process_*` are the figures of the supervisor alone; those of the workers
have the label `worker`. The counters are the same that the log shows at the end, `datagrams.refused.too_short` there being
`flowcoll_datagrams_refused_total{reason="too_short"}` here.
"""

_SUMS = """
## How they add up

Nothing vanishes: what comes in is delivered, still waits, or is counted as lost with a reason. At any time, apart from what
changes while the page is made:

- **Datagrams.** `flowcoll_datagrams_received_total` = `flowcoll_datagrams_decoded_total` over all protocols +
  `flowcoll_datagrams_refused_total` over all reasons + `flowcoll_datagrams_lost_total`. A datagram on which the collector
  failed, counted in `flowcoll_bugs_total`, may be in none of them, or in one. What the kernel had no room for was never
  received: `flowcoll_socket_drops_total`. What did not even arrive here is seen in the exporters' sequence numbers:
  `flowcoll_sequence_lost_total` - `flowcoll_sequence_found_total`.
- **Data before their template.** `flowcoll_sets_waited_total` = `flowcoll_sets_read_late_total` +
  `flowcoll_sets_kept_total` + `flowcoll_sets_waiting` + `flowcoll_sets_refused_total` by the reasons
  %s.
- **Records.** `flowcoll_records_flow_total` over all protocols = `flowcoll_documents_written_total`: each flow record gives
  one document.
- **Documents**, for each output: `flowcoll_documents_written_total` + `flowcoll_documents_found_total` =
  `flowcoll_documents_delivered_total` + `flowcoll_documents_delivered_before_total` + `flowcoll_documents_rejected_total`
  over all types + `flowcoll_documents_dropped_total` + `flowcoll_documents_passed_over_total` +
  `flowcoll_output_queued_documents` + `flowcoll_output_spooled_documents` + `flowcoll_documents_left_total`.
  What an output does not have counts as 0: a file has neither spool nor rejected documents. The flow records of the
  RiskIQ output count as documents.
- **Reasons.** `flowcoll_documents_dropped_total` = `flowcoll_documents_dropped_because_total` over all reasons.
- **Rejected documents.** `flowcoll_documents_rejected_total` over all types = `flowcoll_dead_letters_written_total` +
  `flowcoll_dead_letters_failed_total`.
"""

_LABELS = {
    "protocol": ", ".join(f"`{protocol}`" for protocol in PROTOCOLS),
    "output": "`file`, `stdout`, `elasticsearch` or `riskiq`; with a namespace `file.<namespace>` and so on",
    "worker": "number of the worker, from 0",
    "port": "UDP port",
    "list": "name of a list of threats",
    "state": "`off`, `waiting`, `on`, or why it failed: a reason of `flowcoll_threats_refreshes_total`",
    "database": "`maxmind_geoip` or `maxmind_asn`",
    "file": "name of a database or list, as `/readyz` has it",
    "reason": "see below, by counter; a status of HTTP for `flowcoll_requests_failed_total`, too",
    "type": "type of an error as Elasticsearch names it; rare ones are `other`",
    "result": "see below, by counter",
    "kind": "see below, by counter; what is said of `flowcoll_facts_learned_total` holds for all counters of facts",
}

_ASK = (
    ("flows per second", "sum(rate(flowcoll_records_flow_total[1m]))"),
    ("documents per second, by output", "sum by (output) (rate(flowcoll_documents_delivered_total[1m]))"),
    (
        "processor time per flow, in microseconds",
        "1e6 * sum(rate(flowcoll_worker_cpu_seconds_total[5m])) / sum(rate(flowcoll_documents_written_total[5m]))",
    ),
    ("how busy the busiest worker is; at 1 it has no more to give", "max(rate(flowcoll_worker_cpu_seconds_total[5m]))"),
    (
        "share of datagrams that were refused",
        "sum(rate(flowcoll_datagrams_refused_total[5m])) / sum(rate(flowcoll_datagrams_received_total[5m]))",
    ),
)

_ALERTS = (
    ("the collector does not answer", 'up{job="flowcoll"} == 0'),
    (
        "a worker is down, or dies again and again",
        "flowcoll_worker_up == 0 or increase(flowcoll_workers_died_total[1h]) > 2",
    ),
    (
        "the kernel drops datagrams: more workers, or a larger receive buffer",
        "increase(flowcoll_socket_drops_total[5m]) > 0",
    ),
    (
        "datagrams or records get lost on the network",
        "sum(increase(flowcoll_sequence_lost_total[1h])) - (sum(increase(flowcoll_sequence_found_total[1h])) or vector(0)) > 0",
    ),
    ("datagrams are refused", "sum by (reason) (increase(flowcoll_datagrams_refused_total[15m])) > 0"),
    (
        "documents are lost; `flowcoll_documents_dropped_because_total` tells why",
        "increase(flowcoll_documents_dropped_total[5m]) > 0",
    ),
    (
        "Elasticsearch rejects documents; `flowcoll_documents_rejected_total` and the dead-letter file tell why",
        "increase(flowcoll_dead_letters_written_total[15m]) > 0",
    ),
    ("an output has no connection; best with `for: 5m`", "flowcoll_output_up == 0"),
    ("documents go to disk", "increase(flowcoll_documents_spooled_total[5m]) > 0"),
    ("a list of threats has not been confirmed for two days", "flowcoll_threat_list_age_seconds > 2 * 86400"),
    ("the collector met something it did not expect", "increase(flowcoll_bugs_total[1h]) > 0"),
)


def page() -> str:
    """Give docs/metrics.md."""
    return "".join(
        [
            _HEAD,
            _SUMS % ", ".join(f"`{reason}`" for reason in GIVEN_UP),
            _counters(),
            _gauges(),
            _labels(),
            *_values(),
            _examples(),
        ]
    )


def _counters() -> str:
    rows = ((f"`flowcoll_{each.metric}_total`", _names(each.labels), each.text) for each in COUNTERS)
    return "\n## Counters\n\n" + _table(("Metric", "Labels", "Meaning"), rows)


def _gauges() -> str:
    rows = (
        (
            f"`{each.metric}`",
            _names(each.labels),
            "counter" if each.rises else "gauge",
            each.unit,
            each.text,
        )
        for each in GAUGES
    )
    return (
        "\n## What is read when the page is made\n\n"
        "Of workers and outputs the sum over all workers is shown, unless there is a label for them.\n\n"
        + _table(("Metric", "Label", "Type", "Counts", "Meaning"), rows)
        + "\n`flowcoll_build_info` has the labels `version` and `instance` (`EF_INSTANCE_NAME`).\n"
    )


def _labels() -> str:
    return "\n## Labels\n\n" + _table(("Label", "Values"), ((f"`{name}`", text) for name, text in _LABELS.items()))


def _values() -> Iterator[str]:
    for counter in COUNTERS:
        if rows := list(_reasons(counter)):
            yield f"\n`flowcoll_{counter.metric}_total`, by `{counter.labels[-1]}`:\n\n"
            yield _table(("Value", "Meaning"), rows)


def _reasons(counter: Counter) -> Iterator[tuple[str, str]]:
    for key, text in REASONS.items():
        name, _, value = key.rpartition(".")
        if name == counter.name and counter.labels[-1:] != ["protocol"]:
            yield f"`{value}`", text


def _examples() -> str:
    asked = _table(("What", "Query"), ((what, f"`{query}`") for what, query in _ASK))
    alerts = _table(("What is wrong", "Query"), ((what, f"`{query}`") for what, query in _ALERTS))
    return f"\n## Questions for Prometheus\n\n{asked}\n## Alerts\n\n{alerts}"


def _names(labels: Iterable[str]) -> str:
    return ", ".join(f"`{label}`" for label in labels)


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    names = list(head)
    lines = [" | ".join(cell.replace("|", "\\|") for cell in row) for row in rows]
    return "".join(
        f"{line}\n"
        for line in [f"| {' | '.join(names)} |", "|---" * len(names) + "|", *(f"| {line} |" for line in lines)]
    )
