"""Lists where no process keeps them, as when captures are read: tables that fit, else made in memory; nothing is downloaded."""

import io
from collections.abc import Mapping

from flowcoll.config import Options
from flowcoll.errors import ListError
from flowcoll.logs import Log
from flowcoll.threat.keeping.desk import folder_of
from flowcoll.threat.keeping.jobs import Job, jobs_of, stamp_of, stamps_of
from flowcoll.threat.keeping.last_good import copies_of, known_copies, listed, octets_of, stamps
from flowcoll.threat.keeping.local import compiled, path_of
from flowcoll.threat.keeping.shelf import Shelf
from flowcoll.threat.matching.following import User
from flowcoll.threat.matching.lists import Lists, ThreatList
from flowcoll.threat.matching.table import Table
from flowcoll.threat.reading.unwrap import Pause, at_once


def use(options: Options, lists: Lists, log: Log, users: Mapping[str, User] | None = None) -> None:
    """Use every list that options ask for, as far as it is on this host. ConfigError.

    `users` are those of tables that are no lists of threats, by the names of their feeds.
    """
    found: dict[str, ThreatList] = {}
    for job in jobs_of(options):
        user = (users or {}).get(job.feed.name)
        if user is None and not job.feed.threats:
            continue
        table = _local(options, job) if job.feed.path is not None else _downloaded(options, job, log)
        if table is None:
            continue
        if user is not None:
            user.use(table)
        else:
            found[job.feed.name] = ThreatList(table)
    lists.use(found, at_once)


def in_memory(job: Job, pause: Pause = at_once) -> Table:
    """Give the table of a list that is in a file. ConfigError."""
    made = io.BytesIO()
    compiled(job, made, pause)
    return Table(made.getvalue())


def _local(options: Options, job: Job) -> Table:
    if options["EF_STATE_PATH"] is not None:
        try:
            table = Shelf(folder_of(options)).find(job.feed.name)
        except (ListError, OSError):
            table = None  # what it was made of is there
        if table is not None and job.current(table) and stamps_of(table) == [stamp_of(path_of(job))]:
            return table
    return in_memory(job)


def _downloaded(options: Options, job: Job, log: Log) -> Table | None:
    """Give the table of a list that was downloaded, or of its last good copy; what is wrong is told."""
    says, shelf = job.feed.says, Shelf(folder_of(options))
    try:
        table = shelf.find(job.feed.name)
        if table is not None and job.fits(table):
            return table
    except (ListError, OSError):
        pass  # there may be a copy
    copies = copies_of(shelf.folder, job.feed)
    try:
        metas = known_copies(job.feed, copies)
        if metas:
            made = io.BytesIO()
            texts = (octets_of(copy, at_once) for copy in copies)
            job.made(texts, listed(metas), stamps(metas), made, at_once)
            return Table(made.getvalue())
    except ListError as exc:
        log.warn(f"{says} the last good copy in {shelf.folder} {exc}; nothing is matched against it")
    except OSError as exc:
        log.warn(f"{says} the last good copy in {shelf.folder} cannot be read ({exc.strerror})")
    else:
        log.warn(
            f"{says} no copy in {shelf.folder}, so that nothing is matched; only `flowcoll run` downloads the list"
        )
    return None
