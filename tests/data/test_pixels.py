import torch

from course_utils.data.pixels import half_size


def test_half_size_averages_two_by_two_pixels():
    images = torch.tensor([[[[0, 2, 10, 10], [4, 2, 10, 10], [255, 255, 0, 1], [255, 255, 1, 0]]]])
    halved = half_size(images.to(torch.uint8))
    assert halved.dtype == torch.uint8
    assert halved.tolist() == [[[[2, 10], [255, 0]]]]  # 0.5 is rounded to the even 0
