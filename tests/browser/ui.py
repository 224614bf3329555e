"""The pages of the Prefect server, as a person clicks through them."""

import os
import re
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import quote

from tests.ops import Ops
from tests.servers import until

WINDOW = {"width": 1280, "height": 900}
# Prefect's pages ask for this when they open, whatever is set; with analytics off they send nothing.
ASKED_ANYWAY = "https://sr-client-cfg.amplitude.com/config/"
PATIENCE = 60_000.0
WIDE = "tables => tables.filter(each => each.parentElement.scrollWidth > each.parentElement.clientWidth).length"


class Ui:
    """One tab of a browser on the pages of a server; nothing but that server is reached."""

    def __init__(self, browser: Any, ops: Ops) -> None:
        self.home, self.ops = ops.url.removesuffix("/api"), ops
        self.asked_elsewhere: set[str] = set()
        self.page = browser.new_page(viewport=WINDOW, color_scheme="light")
        self.page.set_default_timeout(PATIENCE)
        self.page.route(lambda url: not url.startswith(self.home), self._refuse)

    def _refuse(self, route: Any) -> None:
        self.asked_elsewhere.add(route.request.url)
        route.abort()

    def open(self, path: str = "/") -> None:
        """Type an address of the server's."""
        self.page.goto(self.home + path)

    def go_to(self, name: str) -> None:
        """Choose from the column on the left."""
        self.page.get_by_role("link", name=name, exact=True).first.click()

    def button(self, name: str) -> Any:
        return self.page.get_by_role("button", name=name, exact=True)

    @property
    def text(self) -> str:
        """Everything that can be read."""
        return str(self.page.locator("body").inner_text())

    def wait_for(self, text: str) -> None:
        """Wait until a text can be read."""
        self.page.get_by_text(text).first.wait_for()

    def row(self, flow: str, project: str) -> Any:
        """A deployment in the list."""
        flow_link = self.page.get_by_role("link", name=flow, exact=True)
        return self.page.get_by_role("row").filter(has_text=project).filter(has=flow_link)

    def point_at(self, place: Any, text: str) -> None:
        """Point at a place until what it tells can be read; a list that is drawn anew tells a resting mouse nothing."""

        def is_told() -> bool:
            self.page.mouse.move(0, 0)
            place.hover()
            self.page.wait_for_timeout(1000)
            return bool(self.page.get_by_text(text).first.is_visible())

        until(f"{text} can be read", 60, is_told)

    def open_deployment(self, flow: str, project: str) -> None:
        self.open()
        self.go_to("Deployments")
        self.row(flow, project).get_by_role("link", name=project, exact=True).click()

    def open_form(self, flow: str, project: str) -> None:
        """Deployments, the deployment, Run, Custom run."""
        self.open_deployment(flow, project)
        self.run("Custom run")
        self.wait_for("Parameters")

    def run(self, how: str) -> None:
        self.button("Run").click()
        self.page.get_by_role("menuitem", name=how).click()

    def open_form_by_link(self, flow: str, project: str, parameters: str) -> None:
        """The same form with values that stand in its address."""
        deployment = self.ops.deployment(f"{flow}/{project}")["id"]
        self.open(f"/v2/deployments/deployment/{deployment}/run?parameters={quote(parameters)}")
        # What arrives late moves the form, and a click in that moment is lost.
        self.page.wait_for_load_state("networkidle")

    def type_day(self, day: str) -> None:
        """The field of the partition: a day, typed into its calendar."""
        self.page.get_by_role("tab", name="a day").first.click()
        self.button("Pick a date").click()
        box = self.page.get_by_placeholder("yyyy-MM-dd")
        box.fill(day)
        box.press("Enter")
        self.page.keyboard.press("Escape")
        box.wait_for(state="detached")

    def submit(self) -> str:
        """Send the form and go to the run that it started; returns its id."""
        with self.page.expect_response(re.compile("/create_flow_run$")) as answer:
            self.button("Submit").click()
        assert answer.value.ok, f"{answer.value.status}: {answer.value.text()}"
        return self.follow()

    def follow(self) -> str:
        """Go to the run that was just started; returns its id."""
        self.button("View run").click()
        self.page.wait_for_url(re.compile("/runs/flow-run/"))
        return str(re.findall(r"flow-run/([0-9a-f-]{36})", self.page.url)[0])

    def open_run(self, run: str, tab: str) -> None:
        self.open(f"/v2/runs/flow-run/{run}?tab={quote(tab)}")
        self.page.get_by_role("tab", name=tab, exact=True).click()

    def least_level(self, level: str) -> None:
        """Show lines of the log from a level on."""
        self.page.get_by_role("combobox").filter(has_text="Level").click()
        self.page.get_by_role("option", name=level).click()

    def open_artifact(self, key: str, title: str) -> None:
        """The newest of a name, once its title can be read: the frame comes before the text."""
        self.open(f"/v2/artifacts/key/{key}")
        self.page.locator("a[href*='/artifacts/artifact/']").first.click()
        self.page.wait_for_url(re.compile("/artifacts/artifact/"))
        self.page.locator(".prose").get_by_role("heading", name=title).wait_for()

    def tables_cut_off(self) -> int:
        """How many tables are wider than the page gives them room."""
        return int(self.page.eval_on_selector_all("table", WIDE))

    def shoot(self, name: str) -> None:
        """Keep a picture for the documents, where the variable SCREENSHOTS names a folder."""
        if folder := os.environ.get("SCREENSHOTS"):
            from PIL import Image

            self.page.mouse.move(0, 0)
            self.page.wait_for_timeout(5000)  # until drawings stand still and messages are gone
            with Image.open(BytesIO(self.page.screenshot())) as picture:
                few = picture.convert("RGB").quantize(128, dither=Image.Dither.NONE)
                few.save(Path(folder) / f"ui-{name}.png", optimize=True)
