"""The conda environments and Binder's scripts, checked by reading and by repo2docker's own choice.

No conda and no container engine is needed; whether the environments can be solved is not tested here.
"""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

yaml = pytest.importorskip("yaml", reason="PyYAML comes with the dev extra")

ROOT = Path(__file__).parent.parent
LAPTOP = ROOT / "environment.yml"
BINDER = ROOT / "binder" / "environment.yml"
SCRIPTS = [ROOT / "binder" / "postBuild", ROOT / "binder" / "start"]

# conda-forge's names for what pyproject.toml calls by another; the -base packages leave Qt out.
CONDA_NAMES = {
    "pytorch": "torch",
    "pytorch-cpu": "torch",
    "matplotlib-base": "matplotlib",
    "seaborn-base": "seaborn",
}


def conda_requirements(path: Path) -> dict[str, str]:
    """Return package -> version range of a conda environment, by the names that pyproject.toml uses."""
    packages = [entry for entry in yaml.safe_load(path.read_text())["dependencies"] if isinstance(entry, str)]
    found = {}
    for package in packages:
        name, bound = re.fullmatch(r"([a-z0-9-]+)(.*)", package).groups()
        found[CONDA_NAMES.get(name, name)] = bound
    return found


def project_requirements() -> dict[str, str]:
    """Return package -> version range of what the course needs, with the extra that reads data packs."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    lines = project["dependencies"] + project["optional-dependencies"]["packs"]
    return {Requirement(line).name: str(Requirement(line).specifier) for line in lines}


@pytest.mark.parametrize("path", [LAPTOP, BINDER], ids=["laptop", "binder"])
def test_an_environment_holds_the_project_s_dependencies_with_their_lower_bounds(path):
    found = conda_requirements(path)
    del found["python"], found["pip"]
    assert found == project_requirements()


def test_both_environments_ask_for_the_same_python_and_the_project_allows_it():
    laptop, binder = conda_requirements(LAPTOP)["python"], conda_requirements(BINDER)["python"]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert laptop == binder
    assert Requirement(f"python{project['requires-python']}").specifier.contains(binder.lstrip("="))


@pytest.mark.parametrize("path", [LAPTOP, BINDER], ids=["laptop", "binder"])
def test_conda_forge_is_the_only_channel(path):
    assert yaml.safe_load(path.read_text())["channels"] == ["conda-forge"]


def test_binder_gets_the_cpu_build_of_torch_and_a_laptop_the_one_that_fits():
    assert "pytorch-cpu>=2.6" in yaml.safe_load(BINDER.read_text())["dependencies"]
    assert "pytorch>=2.6" in yaml.safe_load(LAPTOP.read_text())["dependencies"]


def test_the_laptop_environment_installs_the_course_itself():
    assert {"pip": ["-e ."]} in yaml.safe_load(LAPTOP.read_text())["dependencies"]


@pytest.fixture(scope="module")
def chosen():
    """The build pack that repo2docker chooses for this repository, and the Dockerfile that it writes."""
    app = pytest.importorskip("repo2docker.app", reason="jupyter-repo2docker is not installed (dev extra)")
    from repo2docker.buildpacks import BuildPack

    written = []
    packs = []

    def note(pack, *args, **kwargs):
        packs.append(pack)
        written.append(render(pack, *args, **kwargs))
        return written[-1]

    render = BuildPack.render
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(BuildPack, "render", note)
        # What the command line's --no-build sets; a user's id because root is refused.
        app.Repo2Docker(
            repo=str(ROOT), dry_run=True, user_id=1000, user_name="reader", platform="linux/amd64"
        ).build()
        patch.chdir(ROOT)
        yield packs[-1], written[-1]


def test_repo2docker_chooses_conda_with_binder_s_own_environment(chosen):
    pack, dockerfile = chosen
    assert type(pack).__name__ == "CondaBuildPack"
    assert '--file "binder/environment.yml"' in dockerfile


def test_repo2docker_chooses_the_python_of_the_environment(chosen):
    pack, _ = chosen
    assert pack.python_version == conda_requirements(BINDER)["python"].lstrip("=")


def test_repo2docker_runs_post_build_and_start(chosen):
    _, dockerfile = chosen
    assert "RUN ./binder/postBuild" in dockerfile
    assert 'ENV R2D_ENTRYPOINT="${REPO_DIR}/binder/start"' in dockerfile


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_a_script_has_unix_line_ends_and_names_its_interpreter(path):
    text = path.read_bytes()
    assert text.startswith(b"#!/bin/bash\n")
    assert b"\r" not in text
    assert text.endswith(b"\n")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no executable bit")
@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_a_script_is_executable(path):
    assert os.access(path, os.X_OK)


def test_post_build_installs_the_course_without_its_dependencies_and_makes_the_copies():
    lines = (ROOT / "binder" / "postBuild").read_text().splitlines()
    (install,) = [line for line in lines if "pip install" in line]
    assert "--no-deps" in install
    assert lines[-1] == "course start"


def run_start(*command: str, **environment: str) -> str:
    """Run binder/start around a command, as the container's entry point does."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        [str(ROOT / "binder" / "start"), *command],
        env={**os.environ, "PATH": path, **environment},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    ).stdout


needs_bash = pytest.mark.skipif(sys.platform == "win32", reason="Binder's scripts run on Linux")


@needs_bash
def test_start_caps_the_threads_at_the_cores_allowed():
    from course_utils import machine

    asked = "print(*(os.environ[n] for n in ['OMP_NUM_THREADS', 'OPENBLAS_NUM_THREADS', 'OMP_WAIT_POLICY']))"
    cores = machine.cores()
    assert run_start(sys.executable, "-c", f"import os; {asked}").split() == [str(cores)] * 2 + ["passive"]


@needs_bash
def test_start_hands_the_command_s_words_on_unchanged():
    program = "import sys; print(sys.argv[1:])"
    assert run_start(sys.executable, "-c", program, "two words", "$x") == "['two words', '$x']\n"


@needs_bash
def test_start_still_starts_when_the_course_cannot_be_asked(tmp_path):
    broken = tmp_path / "python"
    broken.write_text("#!/bin/bash\nexit 1\n")
    broken.chmod(0o755)
    path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
    program = "import os; print(os.environ['OMP_NUM_THREADS'])"
    assert run_start(sys.executable, "-c", program, PATH=path) == "1\n"
