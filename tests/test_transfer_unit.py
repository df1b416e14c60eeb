"""What the unit of the service sets, for commands run from a shell."""

from pathlib import Path

from flowcoll import config
from flowcoll.transfer.unit import of_service, writable

UNIT = "usr/lib/systemd/system/flowcoll.service"
DROP_IN = "etc/systemd/system/flowcoll.service.d/flowcoll.conf"


def put(root: Path, path: str, text: str) -> Path:
    file = root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    return file


def values(root: Path) -> dict[str, str]:
    found = of_service(root)
    assert found is not None
    return {given.name: given.text for given in found.given}


def test_without_a_unit_there_is_nothing(tmp_path: Path) -> None:
    """Not an empty one."""
    assert of_service(tmp_path) is None


def test_drop_ins_win_in_the_order_of_their_names(tmp_path: Path) -> None:
    """Those in /etc hide those of the same name elsewhere; an empty Environment= forgets what came before."""
    put(tmp_path, UNIT, "[Service]\nEnvironment=EF_API_PORT=1 EF_LOGGER_LEVEL=debug\n")
    put(tmp_path, DROP_IN, "[Service]\nEnvironment=EF_API_PORT=2\n")
    put(tmp_path, "usr/lib/systemd/system/flowcoll.service.d/flowcoll.conf", "[Service]\nEnvironment=EF_API_PORT=3\n")
    assert values(tmp_path) == {"EF_API_PORT": "2", "EF_LOGGER_LEVEL": "debug"}
    put(
        tmp_path,
        "etc/systemd/system/flowcoll.service.d/zz.conf",
        "[Service]\nEnvironment=\nEnvironment=EF_API_PORT=4\n",
    )
    assert values(tmp_path) == {"EF_API_PORT": "4"}


def test_a_credential_is_read_where_it_is_loaded_from(tmp_path: Path) -> None:
    """The copy below %d is for the service alone; a command that root runs reads the file itself."""
    secret = put(tmp_path, "es.key", "hush\n")
    put(
        tmp_path,
        DROP_IN,
        f"[Service]\nLoadCredential=es:{secret}\nEnvironment=EF_OUTPUT_ELASTICSEARCH_API_KEY_FILE=%d/es\n",
    )
    found = of_service(tmp_path)
    assert found is not None
    options = config.load(None, {}, [], root=tmp_path, unit=found.given)
    assert options["EF_OUTPUT_ELASTICSEARCH_API_KEY"] == "hush"


def test_the_unit_stands_between_file_and_environment(tmp_path: Path) -> None:
    """As it does for the service: file < unit < what the shell sets < --set."""
    put(tmp_path, DROP_IN, "[Service]\nEnvironment=EF_API_PORT=2 EF_LOGGER_LEVEL=warn EF_INSTANCE_NAME=unit\n")
    put(tmp_path, "etc/flowcoll/flowcoll.yml", "EF_API_PORT: 1\nEF_API_IP: 127.0.0.2\n")
    found = of_service(tmp_path)
    assert found is not None
    options = config.load(None, {"EF_LOGGER_LEVEL": "error"}, ["EF_INSTANCE_NAME=set"], root=tmp_path, unit=found.given)
    names = ("EF_API_IP", "EF_API_PORT", "EF_LOGGER_LEVEL", "EF_INSTANCE_NAME")
    assert [options[name] for name in names] == ["127.0.0.2", 2, "error", "set"]
    assert options.origin("EF_API_PORT") == f"file {tmp_path / DROP_IN}"


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    """And the rest counts."""
    put(tmp_path, UNIT, "[Service]\nEnvironment=EF_API_PORT=1\n")
    (tmp_path / DROP_IN).mkdir(parents=True)
    found = of_service(tmp_path)
    assert found is not None
    assert len(found.given) == 1
    assert found.notices[0].startswith(f"{tmp_path / DROP_IN} cannot be read")


def test_where_the_service_may_write(tmp_path: Path) -> None:
    """Everywhere, unless the unit says otherwise; then in its own folders and those that are named."""
    assert writable(tmp_path) is None
    put(tmp_path, UNIT, "[Service]\nStateDirectory=flowcoll\n")
    assert writable(tmp_path) is None
    put(tmp_path, DROP_IN, "[Service]\nProtectSystem=strict\nReadWritePaths=-/srv/flows /mnt/x\n")
    assert writable(tmp_path) == (Path("/var/lib/flowcoll"), Path("/srv/flows"), Path("/mnt/x"))
