"""The collector under test: the options it is measured with, and how it is started."""

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from bench.process import Launch, Sample, free_ports
from bench.world import Files

RISKIQ = {
    "EF_OUTPUT_RISKIQ_ENABLE": "true",
    "EF_OUTPUT_RISKIQ_HOST": "127.0.0.1",
    "EF_OUTPUT_RISKIQ_CUSTOMER_UUID": "00000000-0000-4000-8000-000000000000",
    "EF_OUTPUT_RISKIQ_CUSTOMER_ENCRYPTION_KEY": "AAAAAAAAAAAAAAAAAAAAAA==",
}
"""The RiskIQ output on; its port is the bench's."""

LEAN = {"EF_PROCESSOR_EXPAND_CLISRV": "false", "EF_PROCESSOR_DROP_FIELDS": "related"}
"""Options that leave client.*, server.* and related.* out."""


def settings(files: Files, folder: Path) -> dict[str, str]:
    """Options of the bench: geo, AS, threat match and community ID on, documents to /dev/null, the rest as it comes."""
    return {
        "EF_STATE_PATH": str(folder / "state"),
        "EF_FLOW_SERVER_UDP_IP": "127.0.0.1",
        "EF_API_IP": "127.0.0.1",
        "EF_PROCESSOR_POOL_SIZE": "1",  # what one worker does is what is measured
        "EF_LOGGER_LEVEL": "warn",
        "EF_OUTPUT_FILE_ENABLE": "true",
        "EF_OUTPUT_FILE_PATH": "/dev/null",
        "EF_PROCESSOR_ENRICH_IPADDR_MAXMIND_ASN_ENABLE": "true",
        "EF_PROCESSOR_ENRICH_IPADDR_MAXMIND_ASN_PATH": str(files.asn),
        "EF_PROCESSOR_ENRICH_IPADDR_MAXMIND_GEOIP_ENABLE": "true",
        "EF_PROCESSOR_ENRICH_IPADDR_MAXMIND_GEOIP_PATH": str(files.city),
        "EF_PROCESSOR_ENRICH_IPADDR_THREAT_BENCH_ENABLE": "true",
        "EF_PROCESSOR_ENRICH_IPADDR_THREAT_BENCH_PATH": str(files.threats),
        "EF_PROCESSOR_ENRICH_IPADDR_THREAT_BENCH_TYPE": "csv",
    }


def flowcoll(name: str, options: Mapping[str, str], folder: Path) -> Launch:
    """Start `flowcoll run` with these options and nothing else: no file of the machine, no EF_ variable of the shell."""
    port, api = free_ports(2)
    (folder / "state").mkdir(parents=True, exist_ok=True)
    environ = {key: value for key, value in os.environ.items() if not key.startswith("EF_")}
    environ |= {**options, "EF_FLOW_SERVER_UDP_PORT": str(port), "EF_API_PORT": str(api)}
    command = [sys.executable, "-m", "flowcoll", "run", "--config", str(no_file(folder))]
    return Launch(
        name, command, environ, port, f"http://127.0.0.1:{api}/metrics", documents, f"http://127.0.0.1:{api}/readyz"
    )


def no_file(folder: Path) -> Path:
    """A configuration file that says nothing, so that none of the machine is read."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "empty.yml"
    path.write_text("{}\n")
    return path


def documents(samples: Sequence[Sample]) -> float:
    """Documents handed over to the output, the last thing that is counted."""
    return total(samples, "flowcoll_documents_delivered_total")


def total(samples: Sequence[Sample], name: str) -> float:
    """Sum of a counter over its labels."""
    return sum(sample.value for sample in samples if sample.name == name)
