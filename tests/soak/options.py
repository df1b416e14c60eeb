"""How the collector of a soak is set up: everything that is looked up, both kinds of output, bounds that are soon reached."""

from typing import Any

from corpus import enrichments, threat_list
from fakes.passivetotal import KEY, USER, PassiveTotal
from soak.load import ALLOWED
from soak.outcome import Plan
from soak.store import Store

_ADDRESSES = 4096
_SPOOL = 128 * 1024 * 1024
_RISKIQ = "EF_PROCESSOR_ENRICH_IPADDR_RISKIQ_"


def options(plan: Plan, store: Store, lists: PassiveTotal) -> dict[str, Any]:
    """Give all options."""
    account = {"API_USER": USER, "API_KEY": KEY, "THREAT_ENDPOINT": lists.blocklist_url, "THREAT_ENABLE": True}
    return {
        **enrichments(threat_list(plan.folder)),
        **{_RISKIQ + name: value for name, value in account.items()},
        **store.options(),
        "EF_STATE_PATH": (plan.disk or plan.folder) / "state",
        "EF_PROCESSOR_POOL_SIZE": plan.workers,
        "EF_PROCESSOR_ENRICH_IPADDR_CACHE_SIZE": _ADDRESSES,
        "EF_FLOW_SERVER_ALLOW": ALLOWED,
        "EF_OUTPUT_ELASTICSEARCH_SPOOL_MAX_BYTES": _SPOOL,
        "EF_OUTPUT_FILE_ENABLE": True,
        "EF_OUTPUT_FILE_PATH": plan.folder / "flows.ndjson",
    }
