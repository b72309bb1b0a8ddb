"""Reading .npz files of strangers: what numpy writes is read as numpy reads it, and nothing else gets in or runs."""

import io
import pickle
import struct
import time
import tracemalloc
import zipfile
from contextlib import nullcontext

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scorehub.dataset_builders.msmd import safe_npz, safe_pickle
from scorehub.dataset_builders.msmd.safe_npz import read_npy, read_npz

EXAMPLES = settings(max_examples=100, deadline=None, derandomize=True)


def npz(compressed=False, **arrays):
    file = io.BytesIO()
    (np.savez_compressed if compressed else np.savez)(file, **arrays)
    return file.getvalue()


def npy_of_objects(pickled, shape="(1,)"):
    header = f"{{'descr': '|O', 'fortran_order': False, 'shape': {shape}, }}".encode().ljust(117) + b"\n"
    return b"\x93NUMPY\1\0" + struct.pack("<H", len(header)) + header + pickled


def npz_of_objects(pickled, shape="(1,)"):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("a.npy", npy_of_objects(pickled, shape))
    return file.getvalue()


def objects(*values):
    array = np.empty(len(values), object)
    array[:] = values
    return array


PIECE = npz(
    compressed=True,
    sheets=np.arange(24, dtype=np.uint8).reshape(2, 3, 4),
    coords=objects({"onset": np.float64(0.5), "note_x": np.int64(7), "page_nr": 0}, {"onset": 1.5, "note_x": 9}),
    synthesized=True,
    notes=np.arange(4, dtype=np.float32).reshape(2, 2, order="F"),
)

plain = st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats() | st.text() | st.binary()
values = st.recursive(
    plain,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(plain, inner, max_size=4)
        | st.tuples(inner, inner)
        | st.sets(plain, max_size=3)
    ),
    max_leaves=20,
)


def same(a, b):
    if isinstance(a, np.ndarray):
        return a.dtype == b.dtype and a.shape == b.shape and all(map(same, a.ravel().tolist(), b.ravel().tolist()))
    if isinstance(a, dict):
        return list(map(repr, a)) == list(map(repr, b)) and all(map(same, a.values(), b.values()))
    if isinstance(a, list | tuple):
        return type(a) is type(b) and len(a) == len(b) and all(map(same, a, b))
    return repr(a) == repr(b) or a == b


@EXAMPLES
@given(st.lists(values, max_size=5), st.sampled_from([2, 3, 4]))
def test_what_pickle_writes_of_plain_data_comes_back(data, protocol):
    assert same(safe_pickle.loads(pickle.dumps(data, protocol)), data)


@pytest.mark.parametrize("protocol", [2, 3, 4])
@pytest.mark.parametrize("dtype", ["u1", "<i4", ">i4", "<f4", "f8", "?", "S3", "<U3"])
def test_arrays_and_scalars_inside_objects_come_back(dtype, protocol):
    array = np.array([[1, 0, 1], [0, 1, 1]]).astype(dtype)
    read = safe_pickle.loads(pickle.dumps([array, array.T, array[0, 0], array[:0]], protocol))
    assert all(np.array_equal(a, b) and a.dtype == b.dtype for a, b in zip(read[:2], (array, array.T), strict=True))
    assert read[2] == array[0, 0]
    assert type(read[2]) is type(array[0, 0].item())
    assert read[3].shape == (0, 3)


def test_an_npz_is_read_as_numpy_reads_it():
    expected = np.load(io.BytesIO(PIECE), allow_pickle=True)
    read = read_npz(PIECE)
    assert sorted(read) == sorted(expected.files)
    assert all(same(read[name], expected[name]) for name in expected.files)


def test_python_2_strings_are_text():
    assert safe_pickle.loads(b"\x80\x02}U\x05onsetG?\xe0\0\0\0\0\0\0s.") == {"onset": 0.5}


@pytest.mark.parametrize("dtype", ["<f4", ">i8", "|u1", "|b1", "<U4"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_an_npy_is_read_as_numpy_reads_it(dtype, order):
    array = np.array([[1, 2, 3], [4, 5, 6]]).astype(dtype, order=order)
    file = io.BytesIO()
    np.save(file, array)
    read = read_npy(file.getvalue())
    assert np.array_equal(read, array)
    assert read.dtype == array.dtype


def reduce_of(name, argument=b"U\x04true"):
    """A protocol 2 pickle that calls a global with one argument."""
    module, function = name.rsplit(".", 1)
    return b"\x80\x02c" + f"{module}\n{function}\n".encode() + argument + b"\x85R."


HOSTILE = [
    "os.system", "posix.system", "nt.system",
    "subprocess.Popen", "builtins.eval", "builtins.exec",
    "__builtin__.eval", "builtins.getattr", "builtins.__import__",
    "builtins.open", "builtins.bytearray", "builtins.range",
    "importlib.import_module", "operator.attrgetter", "operator.methodcaller",
    "functools.partial", "copyreg.__newobj__", "copy_reg._reconstructor",
    "pickle.loads", "codecs.decode", "codecs.encode",
    "ctypes.CDLL", "types.FunctionType", "numpy.load",
    "numpy.fromfile", "numpy.memmap", "numpy.core.multiarray.fromfile",
    "numpy.lib.npyio.NpzFile", "numpy.f2py.compile", "numpy.testing._private.utils.runstring",
    "numpy.core.numeric._frombuffer", "numpy.core._internal._ctypes", "numpy.ufunc",
    "numpy.core.multiarray.array", "numpy.random._pickle.__randomstate_ctor",
]  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_a_global_is_refused_by_name(name):
    with pytest.raises(ValueError, match=f"got '{name}'"):
        read_npz(npz_of_objects(reduce_of(name)))


@pytest.mark.parametrize("name", ["os.system", "builtins.eval"])
def test_a_global_from_the_stack_is_refused_by_name(name):
    module, function = (part.encode() for part in name.split("."))
    stack = b"".join(b"\x8c" + bytes([len(part)]) + part for part in (module, function))
    with pytest.raises(ValueError, match=f"got '{name}'"):
        read_npz(npz_of_objects(b"\x80\x04" + stack + b"\x93)R."))


class Bomb:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


@pytest.mark.parametrize("protocol", range(6))
def test_no_code_of_a_pickle_runs(tmp_path, protocol):
    witness = tmp_path / "witness"
    pickled = pickle.dumps(objects(Bomb(witness)), protocol)
    with pytest.raises(ValueError, match="must"):
        read_npz(npz_of_objects(pickled))
    assert not witness.exists()
    np.load(io.BytesIO(npz_of_objects(pickled)), allow_pickle=True)["a"]
    assert witness.exists()  # so the bomb works


OTHER_INSTRUCTIONS = {
    "INST": b"(ios\nsystem\n.",
    "OBJ": b"(cnumpy\nndarray\no.",
    "NEWOBJ": b"\x80\x02cnumpy\nndarray\n)\x81.",
    "NEWOBJ_EX": b"\x80\x04cnumpy\nndarray\n)}\x92.",
    "PERSID": b"Pname\n.",
    "BINPERSID": b"\x80\x02K\x01Q.",
    "EXT1": b"\x80\x02\x82\x01.",
    "NEXT_BUFFER": b"\x80\x05\x97.",
    "BYTEARRAY8": b"\x80\x05\x96" + struct.pack("<Q", 2) + b"ab.",
    "STRING": b"S'a'\n.",
}


@pytest.mark.parametrize("name", OTHER_INSTRUCTIONS)
def test_an_instruction_that_builds_no_plain_data_is_refused_by_name(name):
    with pytest.raises(ValueError, match=f"got instruction {name}$"):
        safe_pickle.loads(OTHER_INSTRUCTIONS[name])


ARRAY = b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\nK\x00\x85C\x01btR"
DTYPE = (
    b"cnumpy\ndtype\n(X\x02\x00\x00\x00%sK\x00K\x01tR(K\x03X\x01\x00\x00\x00|NNNJ"
    + b"\xff" * 4
    + b"J"
    + b"\xff" * 4
    + b"K\x00tb"
)
MALFORMED = {
    "no end": b"\x80\x02]",
    "empty": b"",
    "stack underflow": b"\x80\x02a.",
    "unknown memo": b"\x80\x02h\x07.",
    "item for a number": b"\x80\x02K\x01K\x02a.",
    "call of a number": b"\x80\x02K\x01)R.",
    "call of an array": b"\x80\x02cnumpy\nndarray\n)R.",
    "name as result": b"\x80\x02cnumpy\nndarray\n.",
    "array without state": b"\x80\x02" + ARRAY + b".",
    "array in a list before its state": b"\x80\x02](" + ARRAY + b"q\x01e.",
    "array with two states": b"\x80\x02" + ARRAY + b"(K\x01K\x00\x85" + DTYPE % b"u1" + b"\x89C\0tb" * 2 + b".",
    "huge shape": b"\x80\x02" + ARRAY + b"(K\x01J\xff\xff\xff\x7f\x85" + DTYPE % b"u1" + b"\x89C\x01atb.",
    "negative shape": b"\x80\x02" + ARRAY + b"(K\x01J\xff\xff\xff\xff\x85" + DTYPE % b"u1" + b"\x89C\x01atb.",
    "void dtype": b"\x80\x02" + ARRAY + b"(K\x01K\x01\x85" + DTYPE % b"V1" + b"\x89C\x01atb.",
    "bytes as objects": b"\x80\x02" + ARRAY + b"(K\x01K\x01\x85" + DTYPE % b"O8" + b"\x89C\x08aaaaaaaatb.",
    "objects in objects": pickle.dumps(objects(objects(1), 2), 4),
    "set of lists": b"\x80\x02cbuiltins\nset\n]]a\x85R.",
    "list as key": b"\x80\x02}]K\x01s.",
    "text beyond Unicode": b"\x80\x02cnumpy.core.multiarray\nscalar\n"
    + DTYPE % b"U1"
    + b"C\x04\xff\xff\xff\xff\x86R.",
    "text that is no UTF-8": b"\x80\x04\x8c\x01\x94.",
    "65-bit integer": b"\x80\x02\x8a\x09" + b"\xff" * 8 + b"\x7f.",
    "mark as result": b"\x80\x02(.",
    "another codec": b"\x80\x02c_codecs\nencode\nX\x01\x00\x00\x00aX\x03\x00\x00\x00zip\x86R.",
}


@pytest.mark.parametrize("name", MALFORMED)
def test_malformed_pickles_are_value_errors(name):
    with pytest.raises(ValueError, match=r"must|needed|exhausted"):
        safe_pickle.loads(MALFORMED[name])


def nested_tuples(depth):
    """Each tuple holds the one before twice: small to write, endless to walk or hash."""
    return b"\x80\x02N" + b"".join(b"q\x01h\x01\x86" for _ in range(depth))


SHARED = b"](" + b"K\x01" * 100_000 + b"eq\x09"
GREEDY = {
    "shared tuples": (nested_tuples(5000) + b".", ""),
    "shared tuples as key": (b"\x80\x02}" + nested_tuples(200)[2:] + b"K\x01s.", "a tuple as key"),
    "depth": (b"\x80\x02" + b"]" * 100_000 + b"a" * 99_999 + b".", ""),
    "memo number": (b"\x80\x02Nr\xff\xff\xff\xff.", ""),
    "claimed bytes": (b"\x80\x04\x8e" + struct.pack("<Q", 2**40) + b"abc.", "3|4|remain|larger"),
    "claimed text": (b"\x80\x04\x8d" + struct.pack("<Q", 2**62) + b"abc.", "3|4|remain|larger"),
    "sets": (b"\x80\x04](" + b"\x8f" * (safe_pickle.MAX_INSTRUCTIONS - 10) + b"e.", ""),
    "many instructions": (b"\x80\x02(" + b"N" * safe_pickle.MAX_INSTRUCTIONS + b"t.", "at most 500000 instructions"),
    "arrays of one list": (
        b"\x80\x02("
        + SHARED
        + (ARRAY + b"(K\x01J\xa0\x86\x01\x00\x85" + DTYPE % b"O8" + b"\x89h\x09tb") * 5000
        + b"t.",
        "copy at most",
    ),
    "sets of one list": (b"\x80\x02(" + SHARED + b"cbuiltins\nset\nh\x09\x85R" * 50_000 + b"t.", "copy at most"),
}


@pytest.mark.parametrize("name", GREEDY)
def test_greedy_pickles_cost_little_time_and_memory(name):
    pickled, error = GREEDY[name]
    tracemalloc.start()
    start = time.process_time()
    try:
        with pytest.raises(ValueError, match=error) if error else nullcontext():
            safe_pickle.loads(pickled)
        assert tracemalloc.get_traced_memory()[1] < 250e6
    finally:
        tracemalloc.stop()
    assert time.process_time() - start < 60  # tracing takes most of it


def patched(data, at, fmt, value):
    changed = bytearray(data)
    struct.pack_into(fmt, changed, at, value)
    return bytes(changed)


def directory(data):
    return struct.unpack_from("<L", data, len(data) - 6)[0]


def zipped(content, method=zipfile.ZIP_DEFLATED, names=("a.npy",)):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        for name in names:
            archive.writestr(name, content)
    return file.getvalue()


def header(text):
    return b"\x93NUMPY\1\0\x76\0" + text.ljust(117) + b"\n"


BAD_ZIPS = {
    "nothing": b"",
    "text": b"hello" * 100,
    "no members": zipped(b"", names=()),
    "comment": PIECE[:-2] + b"\1\0x",
    "cut off": PIECE[:-1],
    "cut in the middle": PIECE[: len(PIECE) // 2],
    "claims more than it unpacks to": patched(PIECE, directory(PIECE) + 24, "<L", 10**6),
    "claims less": patched(PIECE, directory(PIECE) + 24, "<L", 10),
    "claims gigabytes": patched(PIECE, directory(PIECE) + 24, "<L", 2**31),
    "encrypted": patched(PIECE, directory(PIECE) + 8, "<H", 1),
    "huge directory": patched(PIECE, len(PIECE) - 10, "<L", 2**30),
    "other method": patched(PIECE, directory(PIECE) + 10, "<H", zipfile.ZIP_BZIP2),
    "bzip2": zipped(b"a", zipfile.ZIP_BZIP2),
    "lzma": zipped(b"a", zipfile.ZIP_LZMA),
    "no npy": zipped(b"hello"),
    "too many members": zipped(b"a", names=[f"{n}.npy" for n in range(safe_npz.MAX_MEMBERS + 1)]),
    "zeros": zipped(bytes(safe_npz.MAX_NPZ_BYTES + 1)),
    "huge array": zipped(header(b"{'descr': '<f8', 'fortran_order': False, 'shape': (999999999999,), }")),
    "header with code": zipped(header(b"{'descr': __import__('os').system('true'), 'shape': ()}")),
    "header too deep": zipped(header(b"(" * 117)),
    "fields": npz(a=np.zeros(2, [("x", "f4")])),
    "complex": npz(a=np.zeros(2, complex)),
    "object array of another shape": npz_of_objects(pickle.dumps(objects(1, 2), 4), "(3,)"),
    "object array that is a list": npz_of_objects(pickle.dumps([1], 4)),
}


@pytest.mark.parametrize("name", BAD_ZIPS)
def test_bad_files_are_value_errors(name):
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match=r"must|needed"):
            read_npz(BAD_ZIPS[name])
        assert tracemalloc.get_traced_memory()[1] < 20e6
    finally:
        tracemalloc.stop()


def test_names_of_members_are_keys_and_not_paths(tmp_path):
    data = zipped(npy_of_objects(pickle.dumps(objects(1), 4)), names=("../../evil.npy", "/etc/x.npy"))
    assert set(read_npz(data)) == {"../../evil", "/etc/x"}


def mutations(data, count, seed):
    """Copies of `data` with bytes changed, cut out, doubled or moved."""
    rng = np.random.default_rng(seed)
    for _ in range(count):
        changed = bytearray(data)
        for _ in range(rng.integers(1, 6)):
            a, b = sorted(rng.integers(0, len(changed), 2).tolist())
            kind = rng.integers(0, 4)
            if kind == 0:
                changed[a] = rng.integers(0, 256)
            elif kind == 1:
                changed[a] ^= 1 << rng.integers(0, 8)
            elif kind == 2:
                del changed[a : min(b, a + 40)]
            else:
                changed[a:a] = changed[b : b + 40]
        yield bytes(changed)


@pytest.mark.parametrize("compressed", [False, True])
def test_400_mutated_files_are_read_or_refused(compressed):
    arrays = np.load(io.BytesIO(PIECE), allow_pickle=True)
    data = npz(compressed, **{name: arrays[name] for name in arrays.files})
    refused = 0
    for changed in mutations(data, 200, seed=1):
        try:
            read_npz(changed)
        except ValueError:
            refused += 1
    assert refused > 100


@pytest.mark.parametrize("protocol", [2, 4])
def test_1000_mutated_pickles_are_read_or_refused(protocol):
    coords = objects({"onset": np.float64(0.5), "a": np.arange(3), "b": {1, 2}}, [1, (2, "x"), None, True, b"y"])
    refused = 0
    for changed in mutations(pickle.dumps(coords, protocol), 1000, seed=2):
        try:
            safe_pickle.loads(changed)
        except ValueError:
            refused += 1
    assert refused > 500
