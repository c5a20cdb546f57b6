"""The national list, and finding a province in it."""

import doctest

import pytest

from inventory import addresses, graph, naming, national
from inventory.naming import bare, english, fold, slug


def test_the_list_is_whole() -> None:
    communes = national.communes()
    assert len(communes) == 3321
    assert len({commune.code for commune in communes}) == 3321
    assert len(national.provinces()) == 34
    kinds = [commune.type for commune in communes]
    assert (kinds.count("Xã"), kinds.count("Phường"), kinds.count("Đặc khu")) == (2621, 687, 13)
    assert len(national.of_province("51")) == 96
    assert national.of_province("51")["21040"].name == "Xã Bình Sơn"


@pytest.mark.parametrize(
    ("wanted", "code"),
    [
        ("Quảng Ngãi", "51"),
        ("tỉnh quảng ngãi", "51"),
        ("QUANG NGAI", "51"),
        ("quangngai", "51"),
        (" 51 ", "51"),
        ("TP", ""),
        ("Hồ Chí Minh", "79"),
        ("Thành phố Hồ Chí Minh", "79"),
        ("Đắk Lắk", "66"),
        ("dak lak", "66"),
        ("Hue", "46"),
    ],
)
def test_a_province_answers_to_its_name_however_typed(wanted: str, code: str) -> None:
    if code:
        assert national.find_province(wanted) == code
    else:
        with pytest.raises(national.UnknownProvince):
            national.find_province(wanted)


@pytest.mark.parametrize("code", sorted(national.provinces()))
def test_each_province_is_found_by_its_own_name(code: str) -> None:
    name = national.provinces()[code]
    assert national.find_province(name) == code
    assert national.find_province(national.without_type(name)) == code
    assert national.find_province(fold(name)) == code


def test_names_near_an_unknown_one() -> None:
    with pytest.raises(national.UnknownProvince) as caught:
        national.find_province("Quảng Ngại Ngãi")
    assert "Tỉnh Quảng Ngãi" in caught.value.nearest


def test_a_commune_is_found_by_name() -> None:
    assert national.code_of("binh son", "51") == "21040"
    assert national.code_of("Xã Không Có", "51") is None


def test_names() -> None:
    assert fold("Đăk  LÁK") == "dak lak"
    assert bare("Phường Đức Phổ") == "duc pho"
    assert english("Phường Đức Phổ") == "Đức Phổ ward"
    assert slug("POP Ba Tơ (cũ)") == "pop-ba-to-cu"


@pytest.mark.parametrize("module", [addresses, graph, national, naming])
def test_examples_in_docstrings(module: object) -> None:
    assert doctest.testmod(module).failed == 0  # type: ignore[arg-type]  # parametrize knows only object
