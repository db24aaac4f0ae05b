"""Before jax is imported: CPU, 4 fake devices, fast compilation, and a compilation cache that outlives the run."""

import importlib.metadata
import os
import platform
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest


def _cpu() -> str:
    """The CPU model: cache entries hold machine code, so one folder serves one kind of machine."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    models = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    return (models or [platform.machine()])[0].replace(" ", "_")


os.environ.setdefault("JAX_PLATFORMS", "cpu")
_flags = os.environ.get("XLA_FLAGS", "")
# Level 0 and the older kernel emitters run slower and compile in half the time; tests mostly compile.
for _flag in (
    "--xla_force_host_platform_device_count=4",
    "--xla_backend_optimization_level=0",
    "--xla_cpu_use_fusion_emitters=false",
):
    if _flag.split("=")[0] not in _flags:
        _flags += " " + _flag
os.environ["XLA_FLAGS"] = _flags.strip()
_cache = Path(os.environ.get("JAXGEN_TEST_CACHE", Path.home() / ".cache" / "jaxgen-tests"))
os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(_cache / f"{importlib.metadata.version('jaxlib')}-{_cpu()}"))
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES", "-1")


def pytest_addoption(parser):
    parser.addoption("--long", action="store_true", help="run the long tests as well")


def pytest_collection_modifyitems(config, items):
    # With several processes, what shares compiled programs stays together: a file, or one config's conformance.
    for item in items:
        name = (
            item.callspec.params.get("name") if "conformance" in item.path.parts and hasattr(item, "callspec") else None
        )
        item.add_marker(pytest.mark.xdist_group(name or item.path.stem))
    if not config.getoption("--long"):
        skip = pytest.mark.skip(reason="long: run with --long (make test-all)")
        for item in items:
            if "long" in item.keywords:
                item.add_marker(skip)


@pytest.fixture
def fails(capsys):
    """fails(*argv, says): the command line ends with exit code 2 and one sentence on stderr that holds `says`."""

    def check(*argv, says: str) -> None:
        from jaxgen import cli

        capsys.readouterr()
        assert cli.main([str(arg) for arg in argv]) == 2
        err = capsys.readouterr().err
        assert err.count("\n") == 1, err
        assert err.startswith("jaxgen: ")
        assert says in err, err

    return check


@pytest.fixture(scope="module", autouse=True)
def _forget_programs():
    """Compiled programs of one file are of no use to the next; kept, they fill gigabytes."""
    yield
    if "jax" in sys.modules:
        sys.modules["jax"].clear_caches()


@pytest.fixture(scope="session")
def jaxgen_data() -> Path:
    """The folder of real data named by JAXGEN_DATA; tests that need it are skipped without it."""
    folder = os.environ.get("JAXGEN_DATA", "")
    if not folder or not Path(folder).is_dir():
        pytest.skip("JAXGEN_DATA does not name a folder of data sets")
    return Path(folder)


@pytest.fixture
def read_only(tmp_path) -> Iterator[Path]:
    """A folder in which nothing can be written; the test is skipped for users who may write everywhere."""
    folder = tmp_path / "read_only"
    folder.mkdir(mode=0o500)
    try:
        (folder / "probe").touch()
    except PermissionError:
        yield folder
    else:
        pytest.skip("this user may write anywhere")
    finally:
        folder.chmod(0o700)
