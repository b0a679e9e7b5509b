"""Compiling IR: the machine code runs, comes back from the disk, and fails with messages that name the cause."""

import ctypes
import gc
import itertools
import subprocess
import sys
import threading

import numpy as np
import pytest

from pellucid.compile.llvm import cache, engine, jit

DOUBLE, INTEGER = ctypes.c_double, ctypes.c_int64
NUMBER = itertools.count()


def fresh(body: str) -> str:
    """IR that no other test, and no other run of this one, has compiled."""
    return f"; {next(NUMBER)} {np.random.default_rng().integers(2**62)}\n{body}"


NEXT = "define i64 @next(i64 %n) {\n  %m = add i64 %n, 1\n  ret i64 %m\n}\n"
CALLER = """
declare double @{0}(double)
define double @call(double %x) {{
  %y = call double @{0}(double %x)
  ret double %y
}}
"""
CLEAR = """
declare void @llvm.memset.p0.i64(ptr, i8, i64, i1)
define void @clear(ptr noalias %p, i64 %n) {
  call void @llvm.memset.p0.i64(ptr %p, i8 0, i64 %n, i1 false)
  ret void
}
"""
TOTAL = """
define double @total(ptr noalias %p, i64 %n) {
entry:
  br label %next
next:
  %i = phi i64 [0, %entry], [%j, %next]
  %s = phi double [0.0, %entry], [%t, %next]
  %q = getelementptr double, ptr %p, i64 %i
  %x = load double, ptr %q
  %t = fadd reassoc double %s, %x
  %j = add i64 %i, 1
  %c = icmp slt i64 %j, %n
  br i1 %c, label %next, label %done
done:
  ret double %t
}
"""
USED_BEFORE_DEFINED = """
define i64 @f(i1 %c) {
entry:
  br i1 %c, label %a, label %b
a:
  %x = add i64 1, 2
  br label %b
b:
  ret i64 %x
}
"""


@pytest.mark.parametrize("level", [0, 1, 2, 3])
def test_runs_and_comes_back_from_the_disk(level):
    ir = fresh(NEXT)
    first, second = (jit.compile_ir(ir, ["next"], level=level) for _ in range(2))
    assert [library.function("next", INTEGER, INTEGER)(41) for library in (first, second)] == [42, 42]
    assert (first.report["cached"], second.report["cached"]) == (False, True)
    assert first.address("next") != second.address("next")
    for stage in ("parse", "verify", "optimise", "codegen", "link"):
        assert first.report[stage] > 0
    assert first.report["object_bytes"] == second.report["object_bytes"] > 0
    assert second.report["parse"] == second.report["codegen"] == 0


def test_level_is_checked():
    with pytest.raises(ValueError, match="0 to 3"):
        jit.compile_ir(NEXT, ["next"], level=4)


def test_damaged_object_is_compiled_again():
    ir = fresh(NEXT)
    jit.compile_ir(ir, ["next"])
    path = cache.cache_directory() / f"{engine.key_of('text:' + ir, 2)}.object"
    path.write_bytes(path.read_bytes()[:-1])
    again = jit.compile_ir(ir, ["next"])
    assert not again.report["cached"]
    assert again.function("next", INTEGER, INTEGER)(1) == 2
    assert jit.compile_ir(ir, ["next"]).report["cached"]


def test_cache_key_stands_for_the_text():
    key = fresh("")
    jit.compile_ir(NEXT, ["next"], cache_key=key)
    other = NEXT.replace("%n, 1", "%n, 2")
    assert jit.compile_ir(other, ["next"], cache_key=key).function("next", INTEGER, INTEGER)(1) == 2
    assert not jit.compile_ir(other, ["next"], cache_key=key, level=1).report["cached"]
    assert jit.compile_ir(other, ["next"], cache_key=fresh("")).function("next", INTEGER, INTEGER)(1) == 3


def test_key_mixes_everything(monkeypatch):
    here = engine.host()
    keys = {engine.key_of("text", 2), engine.key_of("text", 1), engine.key_of("other", 2)}
    for name in ("triple", "cpu", "features", "layout", "llvm_version"):
        elsewhere = engine.Host(**{**vars_of(here), name: "different"})
        monkeypatch.setattr(engine, "host", lambda elsewhere=elsewhere: elsewhere)
        keys.add(engine.key_of("text", 2))
    monkeypatch.setattr(engine, "host", lambda: here)
    monkeypatch.setattr(engine, "package_version", lambda: "different")
    keys.add(engine.key_of("text", 2))
    assert len(keys) == 9


def vars_of(host: engine.Host) -> dict:
    return {name: getattr(host, name) for name in host.__dataclass_fields__}


def test_imports_are_bound_at_link_time():
    ir = fresh(CALLER.format("twice"))
    callback = ctypes.CFUNCTYPE(DOUBLE, DOUBLE)
    double, triple = callback(lambda x: 2 * x), callback(lambda x: 3 * x)
    for function, expected in ((double, 10.0), (triple, 15.0)):
        library = jit.compile_ir(ir, ["call"], {"twice": ctypes.cast(function, ctypes.c_void_p).value})
        assert library.function("call", DOUBLE, DOUBLE)(5.0) == expected
    assert library.report["cached"]


def test_mathematics_is_bound():
    assert jit.compile_ir(CALLER.format("pm_exp"), ["call"]).function("call", DOUBLE, DOUBLE)(0.0) == 1.0
    with pytest.raises(jit.CompilationError, match="'pm_exp'"):
        jit.compile_ir(CALLER.format("pm_exp"), ["call"], math=False)


def test_own_import_goes_before_mathematics():
    own = ctypes.CFUNCTYPE(DOUBLE, DOUBLE)(lambda x: -1.0)
    imports = {"pm_exp": ctypes.cast(own, ctypes.c_void_p).value}
    assert jit.compile_ir(CALLER.format("pm_exp"), ["call"], imports).function("call", DOUBLE, DOUBLE)(0.0) == -1.0


@pytest.mark.parametrize("turn", [1, 2])  # the second time from the disk
def test_missing_symbol_is_named(turn, capfd):
    with pytest.raises(jit.CompilationError, match=r"'nobody_has_this'.*imports.*'something'"):
        jit.compile_ir(CALLER.format("nobody_has_this"), ["call"], {"something": 1})
    assert capfd.readouterr().err == ""


def test_missing_export_is_named():
    with pytest.raises(jit.CompilationError, match=r"'absent'; it defines 'next'"):
        jit.compile_ir(NEXT, ["absent"])
    with pytest.raises(KeyError, match=r"'absent' was not exported.*next"):
        jit.compile_ir(NEXT, ["next"]).address("absent")


def test_null_import_is_refused():
    with pytest.raises(jit.CompilationError, match="'twice' is null"):
        jit.compile_ir(CALLER.format("twice"), ["call"], {"twice": 0})


def test_malformed_text_is_shown():
    with pytest.raises(jit.CompilationError, match=r"parse.*\n(.*\n)*line 4: ret i32 %m"):
        jit.compile_ir("define i64 @f(i64 %m) {\n  ret i32 %m\n}\n", ["f"])


def test_invalid_module_is_refused():
    with pytest.raises(jit.CompilationError, match="dominate"):
        jit.compile_ir(USED_BEFORE_DEFINED, ["f"])


def test_memory_routines_come_from_the_process():
    data = np.ones(1000)
    jit.compile_ir(fresh(CLEAR), ["clear"]).function("clear", None, ctypes.c_void_p, INTEGER)(data.ctypes.data, 8 * 999)
    assert data.sum() == 1.0


def test_symbols_of_libraries_do_not_clash():
    one, two = (jit.compile_ir(fresh(NEXT.replace("%n, 1", f"%n, {k}")), ["next"]) for k in (10, 20))
    assert [library.function("next", INTEGER, INTEGER)(0) for library in (one, two)] == [10, 20]


def test_function_keeps_its_library_alive():
    functions = [jit.compile_ir(fresh(NEXT), ["next"]).function("next", INTEGER, INTEGER) for _ in range(20)]
    gc.collect()
    assert [function(1) for function in functions] == [2] * 20


def test_threads_compile_side_by_side():
    results, errors = {}, []

    def work(number):
        try:
            for turn in range(4):
                library = jit.compile_ir(fresh(NEXT.replace("%n, 1", f"%n, {number}")), ["next"])
                results[number, turn] = library.function("next", INTEGER, INTEGER)(0)
        except jit.CompilationError as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    assert results == {(number, turn): number for number in range(8) for turn in range(4)}


def test_loops_are_vectorised():
    module = engine.llvm().parse_assembly(TOTAL)
    engine._optimise(module, engine.engine().machine(2), 2)
    assert "x double>" in str(module)
    total = jit.compile_ir(TOTAL, ["total"]).function("total", DOUBLE, ctypes.c_void_p, INTEGER)
    assert total(np.arange(1000.0).ctypes.data, 1000) == 499500.0


def run(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout


def test_import_is_lazy():
    code = (
        "import sys, pellucid.compile.llvm.jit, pellucid.compile.llvm.blas\n"
        "print('llvmlite' in sys.modules, 'scipy' in sys.modules)"
    )
    assert run(code).split() == ["False", "False"]


def test_process_ends_cleanly_with_libraries_alive():
    code = (
        "from pellucid.compile.llvm import jit, math\n"
        f"library = jit.compile_ir({NEXT!r}, ['next']); mathematics = math.library('exp')\n"
        "print(library.report['link'] > 0)"
    )
    assert run(code).strip() == "True"
