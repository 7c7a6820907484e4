"""Images as a marker network sees them, and from what it says of them back to labels."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from frugalseg.errors import InputError, WrongShape
from frugalseg.images.geodesic import cost_image
from frugalseg.images.normalize import Modality, normalize_plane
from frugalseg.images.resize import resize_labels, resize_planes, resize_points, scaled_shape
from frugalseg.images.seeds import resize_seeds
from frugalseg.instances.clean import labels_inside
from frugalseg.learning.device import Device, pick_device
from frugalseg.learning.from_markers.marker_batches import MarkerSample, marker_channels
from frugalseg.learning.from_markers.marker_settings import TARGET_DIAMETER, MarkerSettings
from frugalseg.models.image_cues import ImageCues
from frugalseg.models.many_cues import each_cues
from frugalseg.networks.marker_net import MarkerNetwork
from frugalseg.prediction.marker_patches import labels_from_patches, patch_probabilities


@dataclass(frozen=True)
class MarkerDataset:
    """What a marker network learns from.

    Attributes
    ----------
    samples
        One for each image, at the model scale.
    modalities
        Of the channels, as in the first image; all images are normalised so.
    diameter
        Median diameter of a cell over the images, px.
    """

    samples: tuple[MarkerSample, ...]
    modalities: tuple[Modality, ...]
    diameter: float


def collect_samples(cues: Iterable[ImageCues]) -> MarkerDataset:
    """Return the training data of a marker network; the cues are walked through once.

    Raises
    ------
    InputError
        There are no cues.
    WrongShape
        Images differ in the number of channels.
    """
    samples = list[MarkerSample]()
    diameters = list[float]()
    modalities: tuple[Modality, ...] = ()
    for one in each_cues(cues):
        modalities = modalities or one.modalities
        if len(one.modalities) != len(modalities):
            raise WrongShape(
                f"{one.name} has {len(one.modalities)} channels and {samples[0].name} {len(modalities)}; all images must have "
                "the same channels"
            )
        samples.append(marker_sample(one, modalities))
        diameters.append(one.diameter)
    if not samples:
        raise InputError("`cues` is empty; give the cues of at least one image")
    return MarkerDataset(tuple(samples), modalities, float(np.median(diameters)))


def marker_sample(cues: ImageCues, modalities: Sequence[Modality] | None = None) -> MarkerSample:
    """Return an image as a marker network sees it: at the model scale, with normalised grey values.

    Parameters
    ----------
    cues : ImageCues
        From `find_cues`.
    modalities : sequence of {"fluorescent", "label-free"}, optional
        Of each channel, as in the model's card; the image's own when None.
    """
    shape = scaled_shape(cues.shape, cues.factor)
    small = resize_planes(cues.planes, shape)
    kinds = cues.modalities if modalities is None else modalities
    planes = [normalize_plane(plane, kind, TARGET_DIAMETER) for plane, kind in zip(small, kinds, strict=True)]
    markers = cues.markers
    return MarkerSample(
        cues.name,
        np.stack(planes),
        resize_points(cues.markers.points, cues.shape, shape),
        resize_labels(cues.foreground.mask, shape),
        kinds[0] == "label-free",
        cost_image(small[0]),
        None if markers.nuclei is None else resize_seeds(markers.nuclei, markers.points, cues.shape, shape),
    )


def segment_sample(
    network: MarkerNetwork, cues: ImageCues, sample: MarkerSample, settings: MarkerSettings, device: Device
) -> NDArray[np.uint32]:
    """Return the cells (Y,X) of one image at its own scale; the id is the marker's number, from 1.

    Parameters
    ----------
    network
        Trained.
    cues, sample
        The image, and as the network sees it.
    settings
        As in training.
    device
        Where to compute.
    """
    probabilities, corners = patch_probabilities(
        network,
        sample.planes,
        marker_channels(sample, settings, settings.side_in_use, kept=0),  # each is used once
        settings.orientations,
        pick_device(device),
    )
    labels, _ = labels_from_patches(
        probabilities,
        corners,
        cues.markers.points,
        cues.foreground.mask,
        tuple(small / side for small, side in zip(sample.planes.shape[1:], cues.shape, strict=True)),
        settings.assign_remaining,
        sample.planes[0] if settings.trim_halo and sample.label_free else None,
        cues.markers.nuclei if settings.keep_nuclei else None,
    )
    # Nuclei are kept wherever they are; in a mask of the user's own they end with it, as cells do.
    own_mask = cues.foreground.method == "mask"
    return labels_inside(cues.foreground.mask, labels, cues.markers.points) if own_mask else labels
