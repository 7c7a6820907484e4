from frugalseg.cues.markers import (
    Markers as Markers,
    find_markers as find_markers,
    markers_from_labels as markers_from_labels,
    markers_from_points as markers_from_points,
)
from frugalseg.cues.quality import CueQuality as CueQuality, judge_cues as judge_cues
from frugalseg.errors import (
    BadModel as BadModel,
    BadPixels as BadPixels,
    FrugalsegError as FrugalsegError,
    InputError as InputError,
    Interrupted as Interrupted,
    MissingChannel as MissingChannel,
    NoMarkers as NoMarkers,
    OutputExists as OutputExists,
    OutputFailed as OutputFailed,
    SettingsError as SettingsError,
    UnreadableFile as UnreadableFile,
    WrongShape as WrongShape,
)
from frugalseg.evaluation.matching import Matching as Matching, match_labels as match_labels
from frugalseg.evaluation.measurements import measure_cells as measure_cells
from frugalseg.evaluation.scores import Scores as Scores, score_labels as score_labels
from frugalseg.images.field import ChannelRef as ChannelRef, Field as Field
from frugalseg.images.fields import FieldTable as FieldTable, open_fields as open_fields
from frugalseg.images.image import Image as Image
from frugalseg.images.read import read_image as read_image
from frugalseg.images.synthetic import make_cells as make_cells, write_synthetic_set as write_synthetic_set
from frugalseg.images.write import write_labels as write_labels

__version__: str
__all__: list[str]
