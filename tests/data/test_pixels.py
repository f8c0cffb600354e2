import pytest
import torch

from course_utils.data.pixels import half_size


def test_half_size_averages_two_by_two_pixels():
    images = torch.tensor([[[[0, 2, 10, 10], [4, 2, 10, 10], [255, 255, 0, 1], [255, 255, 1, 0]]]])
    halved = half_size(images.to(torch.uint8))
    assert halved.dtype == torch.uint8
    assert halved.tolist() == [[[[2, 10], [255, 0]]]]  # 0.5 is rounded to the even 0


@pytest.mark.parametrize(
    "images", [torch.zeros(2, 3, 4, 4), torch.zeros(2, 3, 5, 4).byte(), torch.zeros(3, 4, 4).byte()]
)
def test_half_size_refuses_what_it_would_spoil(images):
    with pytest.raises(ValueError, match="must be uint8"):
        half_size(images)
