import numpy as np
import pytest
from safetensors.numpy import save_file

from packsight.errors import UserError
from packsight.system.arrays import load_arrays, save_arrays

ARRAYS = {"train": np.arange(600, dtype=np.float32).reshape(2, 3, 100), "val": np.ones((1, 2))}


def test_arrays_come_back_as_they_were(tmp_path):
    save_arrays(tmp_path / "a.safetensors", ARRAYS)
    found = load_arrays(tmp_path / "a.safetensors", "arrays")
    assert found.keys() == ARRAYS.keys()
    assert all(np.array_equal(found[name], array) for name, array in ARRAYS.items())


def test_a_file_of_an_older_version_has_no_digest(tmp_path):
    save_file(ARRAYS, tmp_path / "a.safetensors")
    assert load_arrays(tmp_path / "a.safetensors", "arrays").keys() == ARRAYS.keys()


def test_damaged_files_are_never_taken_for_others(tmp_path, mutated):
    """What is not refused is what was written: bytes were changed that mean nothing."""
    file = tmp_path / "a.safetensors"
    save_arrays(file, ARRAYS)
    told, copies = [], list(mutated(file.read_bytes(), 120, 0))
    for content in copies:
        file.write_bytes(content)
        try:
            found = load_arrays(file, "arrays", "make it again")
        except UserError as error:
            told.append(str(error))
        else:
            assert all(np.array_equal(found[name], array) for name, array in ARRAYS.items())
    assert len(told) > 0.9 * len(copies)
    assert all(line.startswith(f"{file} is damaged, or not arrays (") for line in told)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(UserError, match=r"absent cannot be read \(No such file"):
        load_arrays(tmp_path / "absent", "arrays")
