"""Data: names to tensors. `load("cifar10")`, `circles(200, generator)`."""

from course_utils.data.dataset import DataSet, Split
from course_utils.data.directory import data_directory
from course_utils.data.errors import DataError
from course_utils.data.loading import load
from course_utils.data.points import circles
from course_utils.data.specifications import DATA_SETS

__all__ = ["DATA_SETS", "DataError", "DataSet", "Split", "circles", "data_directory", "load"]
