"""The Space of the catalogue: the works over the years, as they are drawn."""

import re
from itertools import combinations

import pytest

from scorehub.dataset_builders.music_models.works import FAMILIES, MODALITIES, read_works
from scorehub.spaces.music_models import timeline


@pytest.fixture(scope="module")
def works():
    return read_works()


def test_the_axis_is_cut_where_nothing_happened():
    axis = timeline.lay_out_years([1959, 1989, 1991, 1991, 2002])
    assert [year.number for year in axis] == [1959, None, 1989, 1990, 1991, None, 2002]
    widths = [year.right - year.left for year in axis]
    assert widths[4] == max(widths)
    assert widths[0] == pytest.approx(widths[2]) == pytest.approx(widths[3]) == pytest.approx(0.6 * widths[4])
    assert axis[-1].right == pytest.approx(timeline.WIDTH)
    assert [(year.left, year.right) for year in timeline.lay_out_years([2020])] == [(142, timeline.WIDTH)]


def test_works_stand_where_their_month_is(works):
    axis = timeline.lay_out_years(work["year"] for work in works)
    (mark,) = timeline.lay_out_lane([work for work in works if work["id"] == "coconet"], axis)
    (year,) = (year for year in axis if year.number == 2019)
    assert mark.x == pytest.approx(year.left + (year.right - year.left) * 2.5 / 12)
    assert (mark.left, mark.row) == (mark.x + 9, 0)


@pytest.mark.parametrize("span", [(1959, 2023), (2016, 2017), (2020, 2020), (2023, 2023)])
def test_names_stand_clear_of_each_other_and_inside_the_drawing(works, span):
    shown = [work for work in works if span[0] <= work["year"] <= span[1]]
    axis = timeline.lay_out_years(work["year"] for work in shown)
    placed = 0
    for family in FAMILIES:
        marks = timeline.lay_out_lane([work for work in shown if work["family"] == family], axis)
        placed += len(marks)
        assert all(mark.extent[0] >= 0 and mark.extent[1] <= timeline.WIDTH for mark in marks)
        for one, other in combinations(marks, 2):
            (left, right), (other_left, other_right) = one.extent, other.extent
            assert one.row != other.row or right + 6 <= other_left or other_right + 6 <= left
    assert placed == len(shown) > 0


def test_a_timeline_has_a_mark_for_each_work_and_a_lane_for_each_family(works):
    svg = timeline.draw(works, chosen="coconet")
    assert set(re.findall(r'data-id="(\w+)"', svg)) == {work["id"] for work in works}
    assert svg.count('class="mark ') == len(works)
    assert svg.count('class="mark works') == sum(work["status"] == "works" for work in works) == 5
    assert re.findall(r'class="mark works chosen" data-id="(\w+)"', svg) == ["coconet"]
    lanes = re.findall(r'class="lane" [^>]*>([^<]+)<', svg)
    used = [family for family in FAMILIES if any(work["family"] == family for work in works)]
    assert [lane.casefold() for lane in lanes] == [family.casefold() for family in used]
    assert "Timeline of 39 works, 1959 to 2023" in svg
    assert set(timeline.SHAPES) == set(MODALITIES)
