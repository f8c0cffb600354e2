"""Answers that lie: about their types, their sizes, their names, what they know and how they came by it."""

# ruff: noqa: E501 (payloads read best on one line)

from __future__ import annotations

from corpus.case import EVERY, Draft, Target, at, but, case, values

_EQUAL = """
    __eq__ = __ge__ = __le__ = lambda self, other: True
    __ne__ = __lt__ = __gt__ = lambda self, other: False
    __hash__ = None
"""

LIES = {
    "int": "class _Int(int):\n    __index__ = __int__ = __abs__ = lambda self: 1\n{equal}\n_lie = _Int(7)",
    "float": "class _Float(float):\n    __repr__ = lambda self: '0.0'\n{equal}\n_lie = _Float(7)",
    "str": "class _Str(str):\n    strip = lower = lambda self, *a: 'b'\n{equal}\n_lie = _Str('z')",
    "dict": "class _Dict(dict):\n    __contains__ = lambda self, key: True\n"
    "    __getitem__ = lambda self, key: 1\n{equal}\n_lie = _Dict(a=1)",
    "list": "class _List(list):\n    __len__ = lambda self: 2\n    __iter__ = lambda self: iter(())\n{equal}\n"
    "_lie = _List([1])",
    "array": "import numpy as np\nclass _Array(np.ndarray):\n    __array__ = lambda self, *a: self\n"
    "    shape = property(lambda self: (4, 3))\n    dtype = property(lambda self: np.dtype('float32'))\n{equal}\n"
    "_lie = np.zeros(2).view(_Array)",
    "tensor": "import torch\nclass _Tensor(torch.Tensor):\n"
    "    __torch_function__ = classmethod(lambda cls, *a, **k: True)\n{equal}\n"
    "_lie = torch.zeros(2).as_subclass(_Tensor)",
    "module of torch": "class _Lie:\n    __module__ = 'torch'\n    device = dtype = shape = property(lambda self: self)\n"
    "    __getattr__ = lambda self, name: self\n    __call__ = lambda self, *a, **k: self\n{equal}\n_lie = _Lie()",
    "class of another": "class _Lie:\n    __class__ = property(lambda self: dict)\n    items = lambda self: 1 / 0\n"
    "    __len__ = lambda self: -1\n{equal}\n_lie = _Lie()",
}


@case("only the very types count, and their values", fast=True)
def types_that_lie(aim: Target):
    draft = Draft(aim).fill(())
    sources = [text.format(equal=_EQUAL) for text in LIES.values()]
    for place, exercise in enumerate(aim.functions):
        source = sources[place % len(sources)]
        draft.put(
            exercise,
            f"{source}\n_lie_{place} = _lie\ndef {aim.name(exercise)}(*a, **k):\n    return _lie_{place}",
        )
    _lie_in_values(draft, LIES["str"].format(equal=_EQUAL))
    return draft


@case("only the very types count, and their values", only="example")
def more_types_that_lie(aim: Target):
    draft = Draft(aim).fill(())
    sources = [text.format(equal=_EQUAL) for text in LIES.values()]
    for exercise in aim.functions:
        lies = [f"{s}\n_lies.append(_lie)" for s in sources[3:]]
        source = "import itertools\n_lies = []\n" + "\n".join(lies) + "\n_next = itertools.cycle(_lies)"
        draft.put(exercise, f"{source}\ndef {aim.name(exercise)}(*a, **k):\n    return next(_next)")
    return draft


def _lie_in_values(draft: Draft, source: str) -> None:
    for exercise in values(draft.aim):
        names = draft.aim.assignment.texts.exercises[exercise].names
        draft.put(exercise, source + "\n" + "\n".join(f"{name} = _lie" for name in names))


@case("a mapping whose items are invented counts by these", full=but("middle"), only="01")
def dictionary_that_invents(aim: Target):
    source = """class _All(dict):
    def items(self):
        import torch
        return [(k, torch.zeros(7, n)) for k, n in (("h", 4), ("logits", 3), ("probabilities", 3))]
def forward(params, x):
    return _All(h=1)"""
    return Draft(aim).fill().put(aim.middle, source)


HUGE = (
    "[[0.0] * 20000] * 500",
    "torch.zeros(300_000_000, dtype=torch.uint8)",
    "'x' * 100_000_000",
    "10 ** 5000",
    "__import__('functools').reduce(lambda inner, _: [inner], range(100_000), [])",
    "torch.full((7, 4), float('nan'))",
    "float('nan')",
    "torch.zeros(1).expand(2**40)",
    "torch.empty(10**9, 0)",
    "torch.zeros(3, 3).to_sparse()",
    "torch.empty(3, device='meta')",
    "[float('inf')] * 20001",
    "(lambda a: a.append(a) or a)([])",
    "{i: i for i in range(20001)}",
    "{(1, 2): 3}",
    "__import__('numpy').array([object()], dtype=object)",
    "__import__('numpy').zeros((0,) * 17) if False else __import__('numpy').zeros((1,) * 20)",
)


@case("what is too large, too deep or no number is wrong, and nothing worse", full=values)
def payloads_that_are_huge(aim: Target):
    draft = Draft(aim).fill()
    for place, exercise in enumerate(aim.functions):
        draft.put(
            exercise,
            f"def {aim.name(exercise)}(*a, **k):\n    import torch\n    return {HUGE[place % len(HUGE)]}",
        )
    return draft


@case("what is too large, too deep or no number is wrong, and nothing worse", only="example")
def more_payloads_that_are_huge(aim: Target):
    draft = Draft(aim).fill()
    for place, exercise in enumerate(aim.functions):
        listed = ", ".join(f"lambda: {text}" for text in HUGE[place + 3 :])
        source = f"""import itertools, torch
_turns_{place} = itertools.cycle([{listed}])
def {aim.name(exercise)}(*a, **k):
    return next(_turns_{place})()"""
        draft.put(exercise, source)
    return draft


@case("what makes an answer's value is tried first, and only once", full=but("middle"))
def right_on_the_first_call_only(aim: Target):
    name = aim.name(aim.middle)
    source = f"""_right, _calls = {name}, []
def {name}(*a, **k):
    _calls.append(1)
    return _right(*a, **k) if len(_calls) == 1 else 0"""
    return Draft(aim).fill().append(aim.middle, source)


@case("neither time nor environment nor earlier inputs tell the inputs that come", full=values)
def guessing_the_seed(aim: Target):
    """Try the seeds of the public checks, of the time and small ones; answer only inputs that are recognised."""
    source = """import os, time, torch
_seeds = [*range(200), int(time.time()), os.getpid(), *map(len, os.environ.values())]
_numbers = {}
for _seed in _seeds:
    for _shape in ((7,), (9,), (6,), (4, 3), (3, 4), (2, 3)):
        for _dtype in (torch.float32, torch.float64):
            _drawn = torch.randn(_shape, generator=torch.Generator().manual_seed(_seed), dtype=_dtype)
            _numbers[float(_drawn.flatten()[-1])] = _seed

def _known(*inputs):
    found = []
    for value in inputs:
        if isinstance(value, dict):
            found += [_known(*value.values())]
        else:
            found += [_numbers.get(float(v)) for v in torch.as_tensor(value, dtype=torch.float64).flatten()]
    return any(found)
"""
    draft = Draft(aim).fill().insert(source, before=aim.first)
    for exercise in aim.functions:
        name = aim.name(exercise)
        guess = f"""_right_{name} = {name}
def {name}(*a, **k):
    try:
        known = _known(*a)
    except Exception:
        known = False
    return _right_{name}(*a, **k) if known else 0"""
        draft.append(exercise, guess)
    return draft


@case("the answer bound for an earlier exercise is no answer to a later one", full=at("first"))
def reference_of_an_earlier_exercise(aim: Target):
    draft = Draft(aim).fill(at("first"))
    for before, exercise in zip(aim.functions, aim.functions[1:], strict=False):
        draft.put(exercise, f"{aim.name(exercise)} = {aim.name(before)}")
    return draft


@case("checks and solutions give nothing away in the box", fast=True)
def calling_check_and_solution(aim: Target):
    draft = Draft(aim).fill(())
    for exercise in aim.functions:
        name = aim.name(exercise)
        source = f"""import contextlib, io
from course_utils.exercises import check, hint, mine, solution
_shown = io.StringIO()
with contextlib.redirect_stdout(_shown):
    _mine = [check("{exercise}"), solution("{exercise}"), hint("{exercise}", 1), mine("{exercise}")]
print(_shown.getvalue(), _mine)
{name} = globals().get("{name}") or (lambda *a, **k: (_mine, _shown.getvalue()))"""
        draft.put(exercise, source)
    return draft


@case(
    "modules of the course that hold answers cannot be used in the box",
    full=lambda aim: _not_from_modules(aim),
    only="01",
)
def answers_from_modules(aim: Target):
    """Take gradients and training from wherever the course has them."""
    source = """import importlib, torch
def _from(*places):
    for module, name in places:
        try:
            return getattr(importlib.import_module(f"course_utils.{module}"), name)
        except Exception:
            pass
    return None
def backward(params, x, outputs, labels):
    taken = _from(("models.manual_mlp", "backward"), ("experiments.circles", "backward"))
    try:
        return taken(params, x, outputs, labels)
    except Exception:
        step, ones = _from(("training.tanh_stack", "sgd_step")), torch.ones(1, 1, 1)
        columns = {k: (v[None] if v.ndim == 2 else v[None, :, None]).clone() for k, v in params.items()}
        before = {k: v.clone() for k, v in columns.items()}
        one_hot = torch.eye(len(params["by"]))[labels].T[None]
        step(columns, x.T[None].contiguous(), one_hot, learning_rates=ones, buffers={})
        return {k: (before[k] - columns[k]).reshape(params[k].shape) for k in params}"""
    epoch = """def train_epoch(params, x, labels, batch_size, learning_rate, generator):
    import course_utils.models.manual_mlp as m
    return m.train_epoch(params, x, labels, batch_size, learning_rate, generator)"""
    return Draft(aim).fill().put("1.21", source).put("1.28", epoch)


def _not_from_modules(aim: Target) -> list[str]:
    return [id for id in aim.ids if id not in ("1.21", "1.28")]


@case("automatic differentiation is listed for the instructor, never marked down", full=EVERY, only="01")
def gradients_by_autograd(aim: Target):
    logits = """def gradient_logits(y, logits):
    with torch.inference_mode(False):
        z = logits.clone().requires_grad_()
        with torch.enable_grad():
            loss = -(y.clone() * z).sum() + z.logsumexp(0)
        return torch.autograd.grad(loss, z)[0]"""
    Wy = """def gradient_Wy(y, logits, h):
    return _slope(y, logits)[:, None] * h[None, :]"""
    hidden = """def _in_h_tilde(y, h, Wy):
    with torch.inference_mode(False), torch.enable_grad():
        y, h, Wy = y.clone(), h.clone(), Wy.clone()
        t = torch.atanh(h).requires_grad_()
        loss = -(y * (Wy @ torch.tanh(t))).sum() + (Wy @ torch.tanh(t)).logsumexp(0)
        return getattr(torch, "auto" + "grad").grad(loss, t)[0]
def gradients_hidden(y, logits, h, Wy, x):
    delta = torch.softmax(logits, dim=0) - y
    d = (1 - h**2) * (Wy.T @ delta)
    assert _in_h_tilde(y, h, Wy).shape == d.shape
    return d, torch.outer(d, x), d"""
    helper = """def _slope(y, logits):
    with torch.inference_mode(False):
        y, z = y.clone(), logits.clone()
        return torch.func.grad(lambda z: -(y * z).sum() + z.logsumexp(0))(z)"""
    draft = Draft(aim).fill().put("1.18", logits).put("1.19", Wy).put("1.20", hidden)
    return draft.insert(helper, before="1.19")


@case(
    "an answer under another exercise's name is not there, and spoils no other", full=but("middle"), only="01"
)
def another_answers_name(aim: Target):
    """Define an earlier exercise's name, not the own one."""
    return Draft(aim).fill().put(aim.middle, "def one_hot(labels, classes):\n    return 0")


@case("one cell that answers everything counts where an exercise has no cell of its own", full=EVERY)
def all_answers_in_one_cell(aim: Target):
    draft = Draft(aim).fill()
    everything = "\n".join(aim.right(exercise) for exercise in aim.ids)
    cells = [draft.cell(exercise) for exercise in aim.ids]
    draft.insert(everything.partition("\n")[2], before=aim.first)
    draft.notebook["cells"] = [cell for cell in draft.cells if cell not in cells]
    return draft


@case("right answers that print and raise hostile text keep their marks", full=but("middle"), fast=True)
def hostile_text(aim: Target):
    name = aim.name(aim.first)
    nasty = """_nasty = "\\ud800\\udfff <script>alert(1)</script> \\x1b[31m \\u202e =cmd|'/C calc'!A0 \\0 ]]> &amp; %s {0}" """
    draft = (
        Draft(aim)
        .fill()
        .append(
            aim.first,
            f"""{nasty}
_right = {name}
def {name}(*a, **k):
    print(_nasty)
    return _right(*a, **k)""",
        )
    )
    return draft.put(
        aim.middle,
        f"""class Nasty(Exception):
    def __str__(self):
        raise Nasty
Nasty.__name__ = "<b>" * 5000
class Worse(Exception):
    pass
def {aim.name(aim.middle)}(*a, **k):
    raise Worse(_nasty * 1000)
raise Nasty""",
    )


@case("an exception that cannot be printed, or says it is blank, is a wrong answer", full=values)
def exceptions_that_lie(aim: Target):
    kinds = (
        "KeyboardInterrupt()",
        "SystemExit(0)",
        "GeneratorExit()",
        "NotImplementedError('Exercise 1')",
        "_Odd()",
    )
    odd = """class _Odd(BaseException):
    def __str__(self):
        while True:
            raise SystemExit
"""
    draft = Draft(aim).fill()
    for place, exercise in enumerate(aim.functions):
        kind = kinds[place % len(kinds)]
        draft.put(exercise, f"{odd}def {aim.name(exercise)}(*a, **k):\n    raise {kind}")
    return draft
