"""Environments and CondaDependencies, as notebooks define them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from traindock.environment import CondaDependencies, Environment
from traindock.errors import AttributeNotFoundException, UserErrorException

CONDA_FILE = """\
# as Azure ML's samples have it
name: project_environment
channels: [conda-forge, pytorch]
dependencies:
  - python=3.6.2
  - pip=20.0
  - numpy=1.19
  - pip:
      - azureml-defaults
      - torch==1.6.0
      - --extra-index-url https://example.org/simple
      - -r more.txt
variables:
  EPOCHS: 3
"""


@pytest.fixture
def conda_file(tmp_path: Path) -> Path:
    (tmp_path / "more.txt").write_text("six\n")
    file = tmp_path / "environment.yml"
    file.write_text(CONDA_FILE)
    return file


class TestCondaDependencies:
    def test_are_made_of_lists(self) -> None:
        made = CondaDependencies.create(
            pip_indexurl="https://example.org/simple",
            pip_packages=["torch", "pillow==5.4.1"],
            conda_packages=["numpy=1.19"],
            python_version="3.8",
        )
        assert made.conda_packages == ["python=3.8", "numpy=1.19"]
        assert made.pip_packages == ["torch", "pillow==5.4.1"]
        assert made.get_python_version() == "3.8"
        assert made.pip_index_url == "https://example.org/simple"

    def test_adding_replaces_and_removing_ignores_the_version(self) -> None:
        made = CondaDependencies.create(pip_packages=["Ruamel_Yaml==1", "six"], conda_packages=["numpy=1.19"])
        made.add_pip_package("ruamel.yaml>=2")
        made.add_conda_package("numpy>=1.20")
        assert made.pip_packages == ["six", "ruamel.yaml>=2"]
        assert made.conda_packages == ["numpy>=1.20"]
        made.remove_pip_package("six>3")
        made.remove_conda_package("numpy")
        made.remove_conda_package("never-there")
        assert (made.pip_packages, made.conda_packages) == (["ruamel.yaml>=2"], [])

    def test_the_python_version_is_replaced(self) -> None:
        made = CondaDependencies.create(python_version="3.8")
        made.set_python_version(">=3.9,<3.12")
        assert made.conda_packages == ["python>=3.9,<3.12"]
        assert made.get_python_version() == ">=3.9,<3.12"
        made.set_python_version("3.10.18")
        assert made.get_python_version() == "3.10.18"
        assert CondaDependencies().get_python_version() is None

    def test_survive_a_round_through_a_file(self, conda_file: Path, tmp_path: Path) -> None:
        made = CondaDependencies(conda_file)
        made.add_channel("grün")
        path = made.save_to_file(tmp_path / "other", "saved.yml")
        again = CondaDependencies(conda_dependencies_file_path=tmp_path / "other" / path)
        assert again == made
        assert again.serialize_to_string() == made.serialize_to_string()
        assert made.save(tmp_path) == str(tmp_path / "conda_dependencies.yml")

    def test_are_read_from_a_file(self, conda_file: Path) -> None:
        made = CondaDependencies(conda_file)
        assert made.conda_channels == ["conda-forge", "pytorch"]
        assert made.conda_packages == ["python=3.6.2", "pip=20.0", "numpy=1.19"]
        assert made.pip_packages == ["azureml-defaults", "torch==1.6.0", "six"]
        assert made.pip_options == ["--extra-index-url https://example.org/simple"]

    @pytest.mark.parametrize(
        ("content", "words"),
        [
            (b"a: [1", "is no YAML"),
            (b"- numpy", "is no mapping"),
            (b"", "is no mapping"),
            (b"\xff\xfe\x00", "is no UTF-8"),
            (b"dependencies: numpy", "must be a list"),
            (b"dependencies: [3.8]", "3.8 among its dependencies"),
            (b"dependencies: [{conda: [x]}]", "neither a text nor a pip section"),
            (b"dependencies: [{pip: numpy}]", "must be a list"),
            (b"dependencies: [{pip: [1.0]}]", "1.0 among its pip is no text"),
            (b"dependencies: ['numpy=>1']", "numpy=>1"),
            (b"dependencies: [{pip: ['numpy=1']}]", "numpy=1"),
            (b"variables: 3", "'variables' must be a mapping"),
            (b"dependencies: [!!python/object/apply:os.system ['true']]", "is no YAML"),
        ],
    )
    def test_a_file_that_is_none_is_named_with_the_fault(self, tmp_path: Path, content: bytes, words: str) -> None:
        file = tmp_path / "bad.yml"
        file.write_bytes(content)
        with pytest.raises(UserErrorException, match=words):
            Environment.from_conda_specification("e", file)

    def test_a_missing_file_is_named(self, tmp_path: Path) -> None:
        with pytest.raises(UserErrorException, match=r"none\.yml' does not exist"):
            Environment.from_conda_specification("e", tmp_path / "none.yml")

    def test_a_malformed_package_is_refused_when_it_is_added(self) -> None:
        made = CondaDependencies()
        with pytest.raises(UserErrorException, match="not a package"):
            made.add_pip_package("not a package")
        with pytest.raises(UserErrorException, match="one text where a list"):
            CondaDependencies.create(pip_packages="numpy")


class TestEnvironment:
    def test_becomes_a_recipe(self, conda_file: Path) -> None:
        environment = Environment.from_conda_specification("Übung", conda_file)
        recipe = environment.to_recipe(framework="torch==1.6.*")
        assert recipe.python == "3.6.2"
        assert recipe.pip == ("torch==1.6.0", "six")
        assert recipe.conda == ("pip=20.0", "numpy=1.19")
        assert recipe.channels == ("conda-forge", "pytorch")
        assert recipe.pip_options == ("--extra-index-url https://example.org/simple",)
        assert recipe.environment_variables == {"EPOCHS": "3"}
        assert recipe.framework == "torch==1.6.*"

    @pytest.mark.parametrize("name", ["azureml-defaults", "azureml_core==1.0.45", "AzureML-Widgets", "traindock"])
    def test_leaves_the_azure_sdk_out_with_a_notice(self, name: str) -> None:
        environment = Environment("e")
        environment.python.conda_dependencies = CondaDependencies.create(pip_packages=[name, "six"])
        environment.python.conda_dependencies.add_conda_package(name.split("=")[0])
        recipe = environment.to_recipe()
        assert (recipe.pip, recipe.conda) == (("six",), ())
        assert f"{name} is left out" in recipe.notices[0]
        assert name in environment.python.conda_dependencies.serialize_to_string()

    def test_is_made_of_a_requirements_file(self, tmp_path: Path) -> None:
        file = tmp_path / "requirements.txt"
        file.write_text("six>=1.16 # comment\n-i https://example.org/simple\n")
        recipe = Environment.from_pip_requirements("e", file).to_recipe()
        assert (recipe.pip, recipe.index_url) == (("six>=1.16",), "https://example.org/simple")

    def test_is_rebuilt_for_each_run_where_that_is_asked_for(self) -> None:
        environment = Environment("e")
        assert environment.to_recipe().built_after is None
        environment.rebuild = True
        first, second = (environment.to_recipe().built_after for _ in range(2))
        assert first is not None
        assert second is not None
        assert first < second
        assert environment.clone("other").rebuild
        assert not Environment.from_recipe("again", environment.to_recipe()).rebuild

    def test_keeps_the_constraints_of_a_requirements_file(self, tmp_path: Path) -> None:
        (tmp_path / "bounds.txt").write_text("numpy<2\n")
        (tmp_path / "r.txt").write_text("pandas\n-c bounds.txt\n")
        environment = Environment.from_pip_requirements("e", tmp_path / "r.txt")
        recipe = environment.to_recipe()
        assert (recipe.pip, recipe.constraints) == (("pandas",), ("numpy<2",))
        assert Environment.from_recipe("again", recipe) == environment
        saved = environment.python.conda_dependencies.save(tmp_path / "saved.yml")
        assert CondaDependencies(saved) == environment.python.conda_dependencies

    def test_is_made_of_an_interpreter(self) -> None:
        recipe = Environment.from_existing_interpreter("e").to_recipe()
        assert recipe.user_managed
        assert recipe.interpreter == sys.executable

    def test_user_managed_leaves_packages_alone_and_says_so(self) -> None:
        environment = Environment("e")
        environment.python.user_managed_dependencies = True
        environment.python.conda_dependencies.add_pip_package("six")
        recipe = environment.to_recipe()
        assert (recipe.user_managed, recipe.pip) == (True, ())
        assert "six are not installed" in recipe.notices[0]
        environment.rebuild = True
        assert "nothing is rebuilt" in environment.to_recipe().notices[1]

    def test_an_interpreter_is_looked_for_where_the_run_goes(self) -> None:
        environment = Environment("e")
        environment.python.interpreter_path = "/no/such/python"
        assert environment.to_recipe().interpreter == "/no/such/python"

    def test_docker_attributes_are_kept(self) -> None:
        environment = Environment("e")
        environment.docker.enabled = True
        environment.docker.base_image = "nvidia/cuda:12.4"
        environment.docker.base_dockerfile = None
        environment.docker.shm_size = "8g"
        environment.docker.arguments = ["--ipc=host"]
        copy = environment.clone("other")
        assert copy.docker == environment.docker
        with pytest.raises(AttributeError):
            environment.docker.base_imgae = "typo"  # type: ignore[attr-defined]

    def test_the_registry_of_an_image_is_kept_and_its_password_is_not_shown(self) -> None:
        registry = Environment("e").docker.base_image_registry
        registry.address, registry.username, registry.password = "registry.example.org", "me", "SECRET"
        assert "registry.example.org" in repr(registry)
        assert "SECRET" not in repr(registry)

    @pytest.mark.parametrize(
        ("name", "says"),
        [
            ("list", r"conda_dependencies\.save\('env\.yml'\)"),
            ("register", r"Environment\.from_conda_specification"),
            ("build_local", r"environment\.rebuild = True"),
            ("from_existing_conda_environment", r"from_existing_interpreter"),
        ],
    )
    def test_what_only_azures_has_says_what_to_use(self, name: str, says: str) -> None:
        for place in (Environment, Environment("e")):
            with pytest.raises(AttributeNotFoundException, match=f"Environment has no {name}: .*{says}"):
                getattr(place, name)
            assert not hasattr(place, name)

    def test_equals_another_by_definition_and_not_by_name(self) -> None:
        first = Environment("first")
        first.python.conda_dependencies = CondaDependencies.create(pip_packages=["six", "NumPy >=1"])
        second = Environment("second")
        second.python.conda_dependencies = CondaDependencies.create(pip_packages=["numpy>=1", "SIX"])
        assert first == second
        assert first.to_recipe().key() == second.to_recipe().key()
        second.environment_variables["A"] = "1"
        assert first != second
        assert first != "first"

    def test_a_clone_is_equal_and_goes_its_own_way(self) -> None:
        first = Environment("first")
        clone = first.clone("clone")
        assert (clone.name, clone) == ("clone", first)
        clone.python.conda_dependencies.add_pip_package("six")
        clone.docker.arguments.append("-x")
        assert first.python.conda_dependencies.pip_packages == []
        assert first.docker.arguments == []

    @pytest.mark.parametrize("name", ["AzureML-pytorch", "Ünïcödé 环境 'q'", "a b/c"])
    def test_may_have_any_printable_name(self, name: str) -> None:
        assert Environment(name).name == name

    @pytest.mark.parametrize("name", ["", " ", "a\nb", "a\0", "x" * 256, None, 3])
    def test_refuses_what_is_no_name(self, name: str) -> None:
        with pytest.raises(UserErrorException, match="is no environment name"):
            Environment(name)


def test_importing_it_loads_nothing_heavy() -> None:
    heavy = ("yaml", "packaging", "numpy", "uv")
    code = f"import sys, traindock.environment; print([m for m in {heavy} if m in sys.modules])"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"
