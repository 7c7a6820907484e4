from frugalseg.cues.foreground import Foreground as Foreground
from frugalseg.cues.foreground import find_foreground as find_foreground
from frugalseg.cues.markers import (
    Markers as Markers,
)
from frugalseg.cues.markers import (
    find_markers as find_markers,
)
from frugalseg.cues.markers import (
    markers_from_labels as markers_from_labels,
)
from frugalseg.cues.markers import (
    markers_from_points as markers_from_points,
)
from frugalseg.cues.quality import CueQuality as CueQuality
from frugalseg.cues.quality import evaluate_cues as evaluate_cues
from frugalseg.errors import (
    BadModel as BadModel,
)
from frugalseg.errors import (
    BadPixels as BadPixels,
)
from frugalseg.errors import (
    FrugalsegError as FrugalsegError,
)
from frugalseg.errors import (
    InputError as InputError,
)
from frugalseg.errors import (
    Interrupted as Interrupted,
)
from frugalseg.errors import (
    MissingChannel as MissingChannel,
)
from frugalseg.errors import (
    NoMarkers as NoMarkers,
)
from frugalseg.errors import (
    NotEnoughMemory as NotEnoughMemory,
)
from frugalseg.errors import (
    OutputExists as OutputExists,
)
from frugalseg.errors import (
    OutputFailed as OutputFailed,
)
from frugalseg.errors import (
    SettingsError as SettingsError,
)
from frugalseg.errors import (
    TrainingFailed as TrainingFailed,
)
from frugalseg.errors import (
    UnreadableFile as UnreadableFile,
)
from frugalseg.errors import (
    WrongShape as WrongShape,
)
from frugalseg.evaluation.matching import Matching as Matching
from frugalseg.evaluation.matching import match_labels as match_labels
from frugalseg.evaluation.measurements import measure_cells as measure_cells
from frugalseg.evaluation.pixel_scores import mask_iou as mask_iou
from frugalseg.evaluation.pixel_scores import pearson_correlation as pearson_correlation
from frugalseg.evaluation.scores import Scores as Scores
from frugalseg.evaluation.scores import score_labels as score_labels
from frugalseg.images.field import ChannelRef as ChannelRef
from frugalseg.images.field import Field as Field
from frugalseg.images.fields import FieldTable as FieldTable
from frugalseg.images.fields import open_fields as open_fields
from frugalseg.images.image import Image as Image
from frugalseg.images.read import read_image as read_image
from frugalseg.images.write import write_labels as write_labels
from frugalseg.images.write_rois import write_rois as write_rois
from frugalseg.instances.maps import distance_target as distance_target
from frugalseg.instances.maps import instances_from_maps as instances_from_maps
from frugalseg.learning.snapshots import Snapshots as Snapshots
from frugalseg.models.cue_settings import CueSettings as CueSettings
from frugalseg.models.image_cues import ImageCues as ImageCues
from frugalseg.models.image_cues import find_cues as find_cues
from frugalseg.models.load import load_model as load_model
from frugalseg.models.marker_model import MarkerModel as MarkerModel
from frugalseg.models.model_settings import MarkerModelSettings as MarkerModelSettings
from frugalseg.models.model_settings import NucleiSettings as NucleiSettings
from frugalseg.models.model_settings import ObjectModelSettings as ObjectModelSettings
from frugalseg.models.model_settings import SelfTrainingSettings as SelfTrainingSettings
from frugalseg.models.model_settings import StainModelSettings as StainModelSettings
from frugalseg.models.nucleus_labels import segment_nuclei as segment_nuclei
from frugalseg.models.object_model import ObjectModel as ObjectModel
from frugalseg.models.self_training import self_train as self_train
from frugalseg.models.self_training import self_train_on_cues as self_train_on_cues
from frugalseg.models.stain_model import StainModel as StainModel
from frugalseg.runs.synthetic_set import write_synthetic_set as write_synthetic_set
from frugalseg.studies.design.study_design import StudyDesign as StudyDesign
from frugalseg.studies.plan.study_data import ArrayData as ArrayData
from frugalseg.studies.plan.study_data import FileData as FileData
from frugalseg.studies.plan.study_data import StudyData as StudyData
from frugalseg.studies.study import StudyResult as StudyResult
from frugalseg.studies.study import run_study as run_study
from frugalseg.studies.suggestions.suggest import Suggestion as Suggestion
from frugalseg.studies.suggestions.suggest import suggest as suggest
from frugalseg.synthetic.cells import make_cells as make_cells

__version__: str
__all__: list[str]
