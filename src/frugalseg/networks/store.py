"""A model folder: ``card.yaml`` describes the model, ``weights.safetensors`` holds its weights.

Reading either never runs code. The keys of the card are those of `frugalseg.networks.cards`.

A model is written under a hidden name, and renamed once it is whole. The model that it replaces has a hidden name
meanwhile; where a run was killed just then, it gets its own name back the next time it is asked for.
"""

import hashlib
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

import torch
from pydantic import ValidationError
from torch import nn

from frugalseg import __version__
from frugalseg.errors import BadModel, FrugalsegError, OutputExists, OutputFailed, TrainingFailed
from frugalseg.images.plain_files import shortened
from frugalseg.images.unfinished import foreign_entries, hidden_path, hidden_paths, remove_folder
from frugalseg.images.write import atomic_file, path_taken, write_text
from frugalseg.networks.card_text import read_card_text, write_card_text
from frugalseg.networks.cards import ANY_CARD, Card, MarkerCard, ObjectCard, StainCard
from frugalseg.networks.old_cards import current_card
from frugalseg.networks.weights import first_not_finite, in_float32, read_weights

CARD, WEIGHTS = "card.yaml", "weights.safetensors"
#: Files of a model folder; a folder that holds others is never replaced.
OWN = {CARD, WEIGHTS, "training.json", "record.json", "report.html"}

NetworkT = TypeVar("NetworkT", bound=nn.Module)
CardT = TypeVar("CardT", bound=Card)


def save_model(
    folder: str | Path,
    card: CardT,
    network: nn.Module,
    overwrite: bool = False,
    extras: Mapping[str, str] | None = None,
) -> CardT:
    """Write a model folder, whole or not at all.

    Parameters
    ----------
    folder
        The model's folder; must not exist, be empty, or hold a model that `overwrite` replaces.
    card
        Describes the model.
    network
        Its weights are saved.
    overwrite
        Replace an existing model.
    extras
        File name -> text of further files in the folder, such as the training record.

    Returns
    -------
    Card
        As saved, with the checksum of the weights; see `frugalseg.networks.card_text.write_card_text` for many fields.

    Raises
    ------
    OutputExists
        The folder holds a model already, or something that is never replaced.
    OutputFailed
        The folder can't be written.
    TrainingFailed
        Not all weights are finite numbers.
    """
    from safetensors.torch import save

    folder = Path(folder)
    check_free(folder, overwrite)
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in network.state_dict().items()}
    broken = first_not_finite(tensors)
    if broken is not None:
        raise TrainingFailed(
            f"{broken} of the network for {folder} is not all finite numbers, so no model is written; train again with a "
            "lower learning rate"
        )
    weights = save(tensors)
    card, card_text = write_card_text(card.model_copy(update={"sha256": hashlib.sha256(weights).hexdigest()}))
    folder = folder.resolve()  # a link to a model stays a link
    hidden, old = hidden_path(folder), hidden_path(folder, "old")
    try:
        with atomic_file(hidden / WEIGHTS) as file:
            file.write(weights)
        write_text(hidden / CARD, card_text)
        for name, text in (extras or {}).items():
            write_text(hidden / name, text)
        if (folder / CARD).is_file():
            folder.rename(old)
        elif folder.exists():
            folder.rmdir()  # it is empty
        hidden.rename(folder)
    except OSError as error:
        raise OutputFailed(
            f"model {folder} could not be written: {error.strerror}; choose another folder"
        ) from error
    finally:
        restore_model(folder)
        remove_folder(hidden, OWN)
    return card


def restore_model(folder: Path) -> None:
    """Restore the name of a model that a killed run was about to replace, and remove what else killed runs left.

    Raises
    ------
    OutputFailed
        The model can't be renamed.
    """
    folder = folder.resolve()
    olds = hidden_paths(folder, "old")
    whole = [old for old in olds if (old / CARD).is_file()]
    if whole and not folder.exists():
        last = max(whole, key=lambda old: old.stat().st_mtime_ns)
        try:
            last.rename(folder)
        except OSError as error:
            raise OutputFailed(
                f"{last} is model {folder.name}, whose replacement was cut short, and can't be renamed ({error.strerror}); "
                "rename it, or allow writing its folder"
            ) from error
    if (folder / CARD).is_file():
        for old in olds:
            remove_folder(old, OWN)


def remove_model(folder: Path) -> None:
    """Remove a model; a folder that is none, or holds anything else, stays."""
    if not (folder / CARD).is_file() or any(foreign_entries(folder, OWN)):
        return
    hidden = hidden_path(folder)
    with suppress(OSError):
        folder.rename(hidden)  # at once, so that no half of it is ever seen
        remove_folder(hidden, OWN)


def check_free(folder: Path, overwrite: bool = False) -> None:
    """Check that a model may be written to a folder: it is missing, empty, or holds a model to be replaced.

    Raises
    ------
    OutputExists
        Otherwise.
    """
    if not folder.name:
        raise OutputExists(f"{folder} is no name for a model; give the name of a new folder")
    path_taken(folder.with_name(f"{folder.name}.part"))  # the longest name that a model needs
    restore_model(folder)
    for left in hidden_paths(folder.resolve()):
        remove_folder(left, OWN)
    if not path_taken(folder) or (folder.is_dir() and not any(folder.iterdir())):
        return
    if not (folder / CARD).is_file():
        raise OutputExists(f"{folder} exists and is no model, so it is not replaced; choose another name")
    if not overwrite:
        raise OutputExists(
            f"{folder} holds a model already; give `overwrite` to replace it, or choose another name"
        )
    others = [path.name for path in foreign_entries(folder, OWN)]
    if others:
        raise OutputExists(
            f"{folder} holds {others[0]}{' and more' if others[1:] else ''} beside its model, which `overwrite` would delete; "
            "move it, or choose another name"
        )


def load_card(folder: str | Path) -> MarkerCard | StainCard | ObjectCard:
    """Read the card of a model; cards of older versions are converted.

    Raises
    ------
    BadModel
        There is no such folder or no card in it, or the card is damaged or of a newer version.
    """
    folder = Path(folder)
    file = folder / CARD
    try:
        _check_complete(folder)
        with file.open("rb"):
            content = read_card_text(file)
    except OSError as error:
        raise _unreadable(file, error) from error
    try:
        return ANY_CARD.validate_python(current_card(content))
    except (ValidationError, TypeError, ValueError, AttributeError) as error:
        reason = shortened(str(error))
        if isinstance(error, ValidationError):
            first = error.errors()[0]
            reason = f"{shortened('.'.join(map(str, first['loc'])))}: {shortened(first['msg'])}"
        raise BadModel(
            f"{file} is damaged or of another version of frugalseg ({reason}); this is version "
            f"{__version__}, the model says {str(content.get('frugalseg'))[:20]!r}"
        ) from error


def _check_complete(folder: Path) -> None:
    """Raise `BadModel` where a folder is no complete model."""
    if not folder.exists():
        try:
            restore_model(folder)
        except OutputFailed as error:
            raise BadModel(str(error)) from error
    if not folder.is_dir():
        raise BadModel(
            f"{folder} is no model folder; give the folder that `frugalseg learn` or `segment` made"
        )
    for name in (CARD, WEIGHTS):
        if not (folder / name).is_file():
            of_run = folder / "model"
            other = (
                f"the model of this run is {of_run}" if (of_run / CARD).is_file() else "give another folder"
            )
            raise BadModel(f"{folder} has no {name}, so it is no complete model; {other}")


def _unreadable(file: Path, error: OSError) -> BadModel:
    return BadModel(
        f"{error.filename or file} can't be opened ({error.strerror or error}); allow reading the model folder, or give another"
    )


def load_weights(folder: str | Path, network: NetworkT) -> NetworkT:
    """Fill a network with a model's weights, and return it in evaluation mode.

    Raises
    ------
    BadModel
        The card or the weights are damaged, the weights are of another network or number type, or not all finite.
    """
    return _filled(Path(folder), network, lambda: network)


def load_network(folder: str | Path, build: Callable[..., NetworkT], *about: Any) -> NetworkT:
    """Build the network that a card describes, from what the card says `about` it, filled with the model's weights.

    It is first built without memory, so that a card that describes an enormous network takes none.

    Raises
    ------
    BadModel
        The card describes no network, or as of `load_weights`.
    """
    try:
        with in_float32(), torch.device("meta"):
            planned = build(*about)
    except FrugalsegError:
        raise
    except Exception as error:  # of any type: layers are made of the numbers and names on the card
        reason = shortened(" ".join(str(error).split()) or type(error).__name__)
        raise BadModel(
            f"{Path(folder) / CARD} describes no network ({reason}); train again or copy the model anew"
        ) from error
    return _filled(Path(folder), planned, lambda: build(*about))


def _filled(folder: Path, planned: nn.Module, build: Callable[[], NetworkT]) -> NetworkT:
    """Return a network with the weights of a model, which must be those of `planned`; raises as `load_weights`."""
    file = folder / WEIGHTS
    card = load_card(folder)
    try:
        tensors = read_weights(file, card.sha256, planned)
    except OSError as error:
        raise _unreadable(file, error) from error
    # for weights that are replaced at once, no random number of the caller's is drawn
    with in_float32(), torch.random.fork_rng(devices=[]):
        network = build()
    network.load_state_dict(tensors)
    return network.eval()
