"""docs/doctor.md, made of the table of checks."""

from flowcoll.doctor.examination import CHECKS

_HEAD = """\
<!-- generated from the table of checks; `python -m flowcoll.generate` writes it anew -->
# flowcoll doctor

`flowcoll doctor` looks whether everything the collector needs is there and works, and says what to do where it is not:

```
sudo flowcoll doctor              a table
sudo flowcoll doctor --json       the same for scripts
flowcoll doctor --config FILE     with the options of this file, in the place of the service's
```

Nothing is changed: a UDP port is bound for a moment, and only if nobody has it; Elasticsearch is asked, never written to; of
a list that is downloaded only the status of the answer is taken, and only if no collector runs that knows it. Everything is
looked at at the same time, and what does not answer within seconds has failed.

The options are those of the service on this machine: `/etc/flowcoll/flowcoll.yml`, what the unit and its drop-ins set, the
environment, `--set`. Root sees more: who has a taken port, secrets in files, the drop-in if it is not for everybody.

| verdict | means |
|---|---|
| ok | as it should be |
| warn | it works, but not as it should, or not for long |
| fail | it does not work |
| skip | does not apply, or cannot be known here |

| exit code | means |
|---|---|
| 0 | nothing fails |
| 1 | something fails |
| 78 | the options cannot work; every problem is a finding |

As JSON it is an object with `code` and `checks`, a list of objects with `check`, `subject` (which port, output or list, where
there may be several), `verdict`, `finding` and `advice`.

## Checks

| check | what is looked at |
|---|---|
"""


def page() -> str:
    """Give the page."""
    return _HEAD + "".join(f"| {check.name} | {check.probed.replace('|', '&#124;')} |\n" for check in CHECKS)
