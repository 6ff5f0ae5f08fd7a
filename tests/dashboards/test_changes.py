"""The page that says why a number changed: its parts are those of the lake, a sign-off arrives, news are told."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from streamlit.testing.v1 import AppTest

from warehouse.lake import Lake

Open = Callable[..., AppTest]


def read(app: AppTest) -> str:
    parts = [*app.markdown, *app.caption, *app.info, *app.error, *app.success, *app.subheader]
    return "\n".join([str(p.value) for p in parts] + [f"{m.label} {m.value}" for m in app.metric])


def opened(open_page: Open, root: Path) -> AppTest:
    app = open_page(root, "changes", days=["2026-11-17", "2026-11-19"])
    return app.selectbox(key="changed kpi").select("availability").run()


def test_the_number_that_changed_last_comes_first_with_its_parts(tiny_root: Path, open_page: Open) -> None:
    app = opened(open_page, tiny_root)
    assert not app.exception
    text = read(app)
    assert "Availability of cnc-1, Thu 19 Nov" in text
    assert "Changes since 3" in text
    assert "+0.35 points**: 88.32 % then, 88.67 % now" in text
    assert "Ada** signed 87.56 %" in text
    assert "signed as 87.56 %, reads 88.67 %" in text
    assert "reclassification +1.11 points" in text


def test_a_sign_off_needs_a_name_and_arrives_once(own_root: Path, open_page: Open) -> None:
    app = opened(open_page, own_root)
    sign = next(b for b in app.button if b.label == "Sign off")
    assert "Write your name first" in read(sign.click().run())
    for _ in range(2):
        app.text_input[0].set_value("Bo")
        app = next(b for b in app.button if b.label == "Sign off").click().run()
        assert not app.exception
    assert "Signed: Availability of cnc-1" in read(app)
    rows = Lake(own_root).scan("bronze.signoffs").collect()
    assert sorted(rows["signed_by"]) == ["Ada", "Bo"]


def test_a_number_that_never_changed_says_so(tiny_root: Path, open_page: Open) -> None:
    app = opened(open_page, tiny_root)
    app = app.selectbox(key="changed machine").select("oven-1").run()
    assert "This number reads as it was first published" in read(app)
