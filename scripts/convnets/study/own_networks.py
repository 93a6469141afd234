"""What is wrong with networks of the user's own, as far as it can be told without building them."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from convnets import modules, settings
from convnets.errors import suggest
from convnets.study import quantities
from convnets.study.declaration import Declaration, Variant

# Metrics of the parts of the project's own networks.
PARTS = ("convolution_parameters", "dense_parameters", "head_parameters")


def problems(where: str, variant: Variant) -> Iterator[str]:
    """Yield what is wrong with a variant whose network is the user's own."""
    own = settings.Own(network=variant.network, arguments=variant.arguments)
    if not re.fullmatch(r".+\.py:\w+", own.network):
        yield f"{where}.network is {own.network!r}; it is written FILE.py:FUNCTION"
    elif not own.file.is_file():
        yield f"{where}.network names {own.file}, which does not exist in {Path.cwd()}"
    elif not own.file.stem.isidentifier():
        yield f"{where}.network names {own.file}, which Python cannot import; use letters, digits and underscores in its name"
    else:
        try:
            modules.read_module(own.file)
        except (SyntaxError, ValueError) as error:
            yield f"{where}.network names {own.file}, which cannot be read: {error}"
        else:
            yield from _problems_of_function(where, own)
    for key in sorted(variant.model_fields_set & set(settings.Network.model_fields)):
        yield f"{where}.{key} has no effect with a network of your own; remove it, or pass it in {where}.arguments"


def _problems_of_function(where: str, own: settings.Own) -> Iterator[str]:
    """Yield what does not fit a function as its file defines it; nothing where it is made in another way, or imported."""
    tree = ast.parse(own.file.read_bytes())
    functions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    assigned = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    names = set(assigned)
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names |= {(alias.asname or alias.name).partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(node.name)
    if own.function not in names and "*" not in names:
        yield f"{where}.network names {own.function!r}, which {own.file} does not define{_nearest(own.function, [*functions])}"
    function = functions.get(own.function)
    if function is None or function.decorator_list or function.args.kwarg or own.function in assigned:
        return
    by_name = [*function.args.args[max(0, 2 - len(function.args.posonlyargs)) :], *function.args.kwonlyargs]
    known = [argument.arg for argument in by_name]
    for name in sorted(set(own.arguments) - set(known)):
        yield f"{where}.arguments.{name} is no argument of {own.function} in {own.file}{_nearest(name, known)}"


def _nearest(name: str, known: list[str]) -> str:
    return suggest(name, known) if known else ""


def problems_of_claims(declared: Declaration) -> Iterator[str]:
    """Yield each quantity of a claim that a network of the user's own has not."""
    own = {name for name, variant in declared.variants.items() if variant.network}
    for name, claim in declared.claims.items():
        for index, quantity in enumerate(claim.quantities):
            variant, metric = quantities.variant_and_metric(quantity)
            if variant in own and metric in PARTS:
                yield f"claims.{name}.quantities.{index} is {quantity}; a network of your own has no {metric}, only parameters"
